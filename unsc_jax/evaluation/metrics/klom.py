"""KLoM: how far unlearned models' margins lie from retrained models'.

`M` unlearned and `M'` retrained models, `N` examples; entries are margins
(`signals.margin`).
"""

from typing import Any

import chex
import jax
import jax.numpy as jnp

from unsc_jax.evaluation.metrics import checks


def _limit(x: Any, name: str) -> chex.Numeric:
  if not checks.holds(lambda a: a.ndim == 0 and a > 0, checks.real(x, name)):
    raise ValueError(f'{name} is {x}, but should be a number above 0: all margins would be '
                     'clipped to one value.')
  return x


def _epsilon(x: Any, name: str) -> chex.Numeric:
  if not checks.holds(lambda a: a.ndim == 0 and 0 <= a < 1, checks.real(x, name)):
    raise ValueError(f'{name} is {x}, but should be a probability, in [0, 1).')
  return x


@checks.jitted('bins', unlearned=checks.models, retrained=checks.models,
               bins=checks.count, limit=_limit, epsilon=_epsilon)
def kl_of_margins(unlearned: jax.Array, retrained: jax.Array, *,
                  bins: int = 20, limit: float = 100.,
                  epsilon: float = 1e-5) -> jax.Array:
  """KL(unlearned ‖ retrained) of each example's margin histograms, in nats.

  Margins are clipped to ±limit and counted in equal bins between the smallest
  and the largest of both kinds; empty retrained bins count as `epsilon`.

  Report mean and 95th percentile over forget, retain and unseen examples. Good
  is **not** 0: a histogram of M models differs from another of the same
  distribution, by several nats for few models. Compare with the value of one
  half of the retrained models against the other half, and use as many
  unlearned as retrained models in both. Over-unlearning raises it as residual
  knowledge does.

  Args:
    unlearned: [M, N]; published figures use M = M' = 100.
    retrained: [M', N].
    bins: number of bins.
    limit: largest absolute margin.
    epsilon: least probability of a retrained bin that has an unlearned model.

  Returns:
    [N] nats, between 0 and about log(1/epsilon); with an `epsilon` of 0 infinite where
    such a bin is empty.

  Example:
    >>> margins = jnp.linspace(0, 5, 12).reshape(4, 3)
    >>> kl_of_margins(margins, margins).tolist()
    [0.0, 0.0, 0.0]

  Source: Georgiev et al., arXiv 2410.23232, and the code of
  data-unlearning-bench, but for the last bin: theirs leaves the largest margin
  out of the count, ours is closed on both sides as in numpy.histogram.
  """
  checks.same_examples(unlearned, retrained, 'unlearned and retrained')

  def one(p_margins, q_margins):  # [M], [M']
    p_margins, q_margins = (jnp.clip(x, -limit, limit) for x in (p_margins, q_margins))
    both = jnp.concatenate([p_margins, q_margins])
    low, high = both.min(), both.max()
    width = jnp.where(high > low, high - low, 1)
    def histogram(x):
      index = jnp.floor((x - low) / width * bins).astype(int)
      index = jnp.clip(index, 0, bins - 1)
      return jnp.bincount(index, length=bins) / x.size
    p, q = histogram(p_margins), histogram(q_margins)
    q = jnp.where(p > 0, jnp.maximum(q, epsilon), q)
    q = q / jnp.sum(q)
    some = p > 0
    terms = p * jnp.log(jnp.where(some, p, 1) / jnp.where(some, q, 1))
    return jnp.maximum(jnp.sum(terms), 0)  # rounding, for equal histograms

  return jax.vmap(one, in_axes=1)(unlearned, retrained)
