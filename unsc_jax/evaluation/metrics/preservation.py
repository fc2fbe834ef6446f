"""Whether what should stay has stayed: the outputs on retained data.

`N` examples, `C` classes.
"""

from collections.abc import Sequence
import math

import chex
import jax.numpy as jnp
import numpy as np

from unsc_jax.evaluation.metrics import agreement
from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib


def _some(x: chex.Array, name: str) -> chex.Array:
  """Logits that are not all zero: a change is told relative to them."""
  if not checks.holds(np.any, checks.logits(x, name)):
    raise checks.DoesNotApply(f'{name} are all zero: no change is small beside them.')
  return x


@checks.jitted(before=_some, after=checks.logits)
def logit_drift(
    before: chex.Array, after: chex.Array, classes: Sequence[int]
) -> estimate_lib.Estimate:
  r"""How far logits have moved, relative to their size.

  .. math:: \|Z' - Z\|_F \,/\, \|Z\|_F

  over the columns of the retained classes. Zero is perfect preservation; a
  retrained network has no reason to come near it. With a_i and b_i the squared
  norms of an example's change and logits, the drift is :math:`\sqrt R,\ R = \sum
  a_i / \sum b_i`, and linearised

  .. math:: \mathrm{se}(\sqrt R) = \sqrt{\sum (a_i - R b_i)^2}
    \,/\, (2 \sqrt R \sum b_i)

  Args:
    before: `[N, C]` logits of the original network on retained data.
    after: `[N, C]` logits of the unlearned one.
    classes: which columns count; a forgotten class's logit should move.

  Returns:
    Estimate of scalars, with an interval over the examples.

  Raises:
    DoesNotApply: there are no examples, or their logits are all zero or NaN.

  Example:
    >>> z = jnp.array([[3., 4., 9.]])
    >>> drift = logit_drift(z, z + jnp.array([[0., 1., 5.]]), [0, 1])
    >>> [round(float(d), 3) for d in drift]
    [0.2, 0.2, 0.2]

  Source: definition, exact; the interval is the delta method's for a ratio of
  means, exact for large N.
  """
  columns = jnp.asarray(classes)
  z = jnp.asarray(before)[:, columns]
  a = jnp.sum(jnp.square(jnp.asarray(after)[:, columns] - z), 1)
  b = jnp.sum(jnp.square(z), 1)
  total = jnp.sum(b)
  ratio = jnp.sum(a) / total
  value = jnp.sqrt(ratio)
  error = jnp.linalg.norm(a - ratio * b) / (
      2 * jnp.where(value > 0, value, 1) * total)
  half = estimate_lib.normal_quantile(.95) * error
  return estimate_lib.around(value, half, within=(0, math.inf))


@checks.precise
def flips(before: chex.Array, after: chex.Array) -> estimate_lib.Estimate:
  """The share of examples whose predicted class has changed.

  Args:
    before: `[N, C]` logits of the original network.
    after: `[N, C]` logits of the unlearned one.

  Returns:
    Estimate of scalars, Wilson interval.

  Example:
    >>> float(flips(jnp.eye(4), jnp.eye(4)[::-1]).value)
    1.0
  """
  return estimate_lib.complement(agreement.prediction_agreement(before, after))
