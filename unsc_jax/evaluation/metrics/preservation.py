"""Whether what should stay has stayed: the outputs on retained data.

`N` examples, `C` classes.
"""

from collections.abc import Collection
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax.evaluation.metrics import agreement
from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import precision


@precision.precise
def logit_drift(
    before: chex.Array, after: chex.Array, classes: Collection[int]
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
    classes: which columns count, as a list or a set; a forgotten class's logit should
      move.

  Returns:
    Estimate of scalars, with an interval over the examples.

  Raises:
    DoesNotApply: there are no examples, or their logits are NaN; or those that count
      are masked (-inf), or all zero before.
    ValueError: the logits are not of the same examples and classes; or a class is named
      twice, or is none of the C.

  Example:
    >>> z = jnp.array([[3., 4., 9.]])
    >>> drift = logit_drift(z, z + jnp.array([[0., 1., 5.]]), [0, 1])
    >>> [round(float(d), 3) for d in drift]
    [0.2, 0.2, 0.2]

  Source: definition, exact; the interval is the delta method's for a ratio of
  means, exact for large N.
  """
  before, after = checks.logits(before, 'before'), checks.logits(after, 'after')
  checks.same_shape(before, after, 'before and after')
  chosen = checks.classes(classes, before.shape[1])
  before, after = before[:, chosen], after[:, chosen]
  for name, z in (('before', before), ('after', after)):
    if not checks.holds(lambda z: np.isfinite(z).all(), z):
      raise checks.DoesNotApply(f'{name} masks some of the classes that count (-inf): leave '
                                'these out of `classes`.')
  if not checks.holds(np.any, before):
    raise checks.DoesNotApply('before is zero throughout the classes that count: no change '
                              'is small beside it.')
  return _drift(before, after)


@jax.jit
def _drift(before: jax.Array, after: jax.Array) -> estimate_lib.Estimate:
  z, size = precision.scaled(before)
  both, unit = precision.scaled(jnp.stack([before, after]))  # their difference can overflow
  change, part = precision.scaled(both[1] - both[0])
  a, b = (jnp.sum(jnp.square(x), 1) for x in (change, z))
  total = jnp.sum(b)
  ratio = jnp.sum(a) / total
  value = jnp.sqrt(ratio)
  error = jnp.linalg.norm(a - ratio * b) / (
      2 * jnp.where(value > 0, value, 1) * total)
  half = estimate_lib.normal_quantile(.95) * error
  return estimate_lib.around(
      *(jnp.ldexp(x, unit + part - size) for x in (value, half)), within=(0, math.inf))


@precision.precise
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
