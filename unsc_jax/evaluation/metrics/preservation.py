"""Whether what should stay has stayed: the outputs on retained data.

`N` examples, `C` classes.
"""

from collections.abc import Sequence

import chex
import jax
import jax.numpy as jnp

from unsc_jax.evaluation.metrics import agreement
from unsc_jax.evaluation.metrics import estimate as estimate_lib


def logit_drift(
    before: chex.Array, after: chex.Array, classes: Sequence[int]
) -> jax.Array:
  r"""How far logits have moved, relative to their size.

  .. math:: \|Z' - Z\|_F \,/\, \|Z\|_F

  over the columns of the retained classes. Zero is perfect preservation; a
  retrained network has no reason to come near it.

  Args:
    before: `[N, C]` logits of the original network on retained data.
    after: `[N, C]` logits of the unlearned one.
    classes: which columns count; a forgotten class's logit should move.

  Returns:
    A scalar.

  Example:
    >>> z = jnp.array([[3., 4., 9.]])
    >>> print(logit_drift(z, z + jnp.array([[0., 1., 5.]]), [0, 1]).round(3))
    0.2
  """
  columns = jnp.asarray(classes)
  z = jnp.asarray(before)[:, columns]
  change = jnp.asarray(after)[:, columns] - z
  return jnp.linalg.norm(change) / jnp.linalg.norm(z)


def flips(before: chex.Array, after: chex.Array) -> jax.Array:
  """The share of examples whose predicted class has changed.

  Args:
    before: `[N, C]` logits of the original network.
    after: `[N, C]` logits of the unlearned one.

  Returns:
    A scalar in [0, 1].

  Example:
    >>> print(flips(jnp.eye(4), jnp.eye(4)[::-1]))
    1.0
  """
  return jnp.mean(jnp.argmax(before, -1) != jnp.argmax(after, -1))


def drift_estimate(
    before: chex.Array, after: chex.Array, classes: Sequence[int]
) -> estimate_lib.Estimate:
  r"""`logit_drift` with an interval over the examples.

  With a_i and b_i the squared norms of an example's change and logits, the
  drift is :math:`\sqrt R,\ R = \sum a_i / \sum b_i`, and linearised

  .. math:: \mathrm{se}(\sqrt R) = \sqrt{\sum (a_i - R b_i)^2}
    \,/\, (2 \sqrt R \sum b_i)

  Args:
    before: `[N, C]`, as for `logit_drift`.
    after: `[N, C]`.
    classes: which columns count.

  Returns:
    Estimate of scalars.

  Example:
    >>> z = jnp.array([[3., 4.], [4., 3.]])
    >>> drift = drift_estimate(z, 1.2 * z, [0, 1])
    >>> [round(float(d), 3) for d in drift]
    [0.2, 0.2, 0.2]

  Source: the delta method for a ratio of means; exact for large N.
  """
  return _drift(jnp.asarray(before), jnp.asarray(after), jnp.asarray(classes),
                estimate_lib.normal_quantile(.95))


@jax.jit
def _drift(before, after, columns, quantile):
  z = before[:, columns]
  a = jnp.sum(jnp.square(after[:, columns] - z), 1)
  b = jnp.sum(jnp.square(z), 1)
  total = jnp.sum(b)
  ratio = jnp.sum(a) / total
  value = jnp.sqrt(ratio)
  error = jnp.linalg.norm(a - ratio * b) / (
      2 * jnp.where(value > 0, value, 1) * total)
  half = quantile * error
  return estimate_lib.Estimate(value, jnp.maximum(value - half, 0), value + half)


def flips_estimate(
    before: chex.Array, after: chex.Array
) -> estimate_lib.Estimate:
  """`flips` with Wilson's interval.

  Args:
    before: `[N, C]` logits of the original network.
    after: `[N, C]` logits of the unlearned one.

  Returns:
    Estimate of scalars.

  Example:
    >>> float(flips_estimate(jnp.eye(4), jnp.eye(4)[::-1]).value)
    1.0
  """
  same = agreement.prediction_agreement(before, after)
  return estimate_lib.Estimate(1 - same.value, 1 - same.high, 1 - same.low)
