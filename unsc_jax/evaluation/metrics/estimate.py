"""A number with its confidence interval, and its gap to retrained models.

An unlearned model is not judged by a metric's value but by how far that value
lies from those of models retrained without the forget set, in units of what
retraining with another seed changes. `R` retrained references, `N` examples.
"""

from collections.abc import Sequence
import functools
import math
import statistics
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import precision


class Estimate(NamedTuple):
  """A measured value and its confidence interval (NaN where none is known)."""
  value: jax.Array
  low: jax.Array
  high: jax.Array


class Gap(NamedTuple):
  """How far a method lies from retrained references."""
  value: jax.Array  # method minus the mean of the references
  reference: jax.Array  # mean of the references
  noise: jax.Array  # their standard deviation, ddof 1; NaN for one of them
  band: jax.Array  # half-width of the noise band around `reference`
  within: jax.Array  # |value| <= band
  seeds: int  # how many references there are


@precision.unknown_is_nan
def without_interval(value: chex.Numeric) -> Estimate:
  """An estimate whose interval is not known."""
  value = checks.floats(value, 'The value')
  nothing = jnp.full_like(value, jnp.nan)
  return Estimate(value, nothing, nothing)


def around(value: jax.Array, half: jax.Array,
           within: tuple[float, float] = (-math.inf, math.inf)) -> Estimate:
  """A value with `half` of an interval on either side, cut to a range."""
  low, high = within
  return Estimate(value, jnp.maximum(value - half, low),
                  jnp.minimum(value + half, high))


def complement(share: Estimate) -> Estimate:
  """One minus a share."""
  return Estimate(1 - share.value, 1 - share.high, 1 - share.low)


@precision.unknown_is_nan
def as_estimate(value: Estimate | chex.Numeric) -> Estimate:
  """An estimate of arrays; a bare number has no interval."""
  value = checks.parts(value, 'The value')
  return value if isinstance(value, Estimate) else without_interval(value)


def normal_quantile(level: float) -> float:
  """Two-sided quantile of the normal distribution."""
  if not 0 < level < 1:
    raise ValueError(f'level is {level}, but a confidence level lies between '
                     '0 and 1, such as 0.95.')
  return statistics.NormalDist().inv_cdf(0.5 + level / 2)


def t_quantile(level: float, dof: int) -> float:
  """Two-sided quantile of Student's t; a constant under `jit`."""
  from scipy import special  # takes half a second to import

  normal_quantile(level)  # checks the level
  return float(special.stdtrit(dof, 0.5 + level / 2))


@precision.unknown_is_nan
def wilson(successes: chex.Numeric, trials: chex.Numeric,
           level: float = 0.95) -> Estimate:
  """A proportion with Wilson's score interval.

  (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), which unlike p ± z·se has
  a width at 0 and 1, where forget accuracies live.

  Args:
    successes: [...] counts.
    trials: [...] counts; 0 gives NaN.
    level: confidence level.

  Returns:
    Estimate of arrays [...].

  Example:
    >>> [round(float(x), 3) for x in wilson(0, 100)]
    [0.0, 0.0, 0.037]

  Source: E. B. Wilson, JASA 22, 1927; exact.
  """
  successes, trials = checks.floats(successes, 'successes'), checks.floats(trials, 'trials')
  if not checks.holds(lambda k, n: ((k >= 0) & (k <= n)).all(), successes,
                      trials):
    raise ValueError('successes should lie between 0 and trials: count both '
                     'on the same examples.')
  return _wilson(successes, trials, normal_quantile(level))


@jax.jit
def _wilson(successes, n, z):
  p = successes / n
  centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
  half = z / (1 + z**2 / n) * jnp.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
  # Rounding may put the end of an interval at 0 or 1 a hair inside it.
  return Estimate(p, jnp.minimum(jnp.maximum(centre - half, 0), p),
                  jnp.maximum(jnp.minimum(centre + half, 1), p))


@precision.unknown_is_nan
def mean_of_proportions(successes: chex.Array, trials: chex.Array,
                        level: float = 0.95) -> Estimate:
  """The unweighted mean of K proportions.

  The interval combines the K Wilson intervals by the method of variance
  estimates recovery: mean - √Σ(p_c - low_c)²/K, and the same above.

  Args:
    successes: [K] counts.
    trials: [K] counts.
    level: confidence level.

  Returns:
    Estimate of scalars; NaN if a proportion has no trials.

  Example:
    >>> round(float(mean_of_proportions([9, 5], [10, 10]).value), 3)
    0.7

  Source: G. Y. Zou & A. Donner, Stat. Med. 27, 2008; exact.
  """
  return mean(wilson(successes, trials, level))


@jax.jit
def mean(each: Estimate) -> Estimate:
  """The mean of K independent estimates [K], as in `mean_of_proportions`."""
  value, k = jnp.mean(each.value), each.value.size
  return Estimate(value, value - jnp.linalg.norm(each.value - each.low) / k,
                  value + jnp.linalg.norm(each.high - each.value) / k)


@checks.jitted('level', 'within', values=checks.values)
def normal(values: jax.Array, level: float = 0.95,
           within: tuple[float, float] = (-math.inf, math.inf)) -> Estimate:
  """The mean of independent values, with mean ± z · std / √N.

  Args:
    values: [N]; a single value has no interval (NaN).
    level: confidence level.
    within: what the interval is cut to, as for a share.

  Returns:
    Estimate of scalars.

  Example:
    >>> [round(float(x), 2) for x in normal([1., 2., 3., 4.])]
    [2.5, 1.23, 3.77]

  Source: central limit theorem, std with ddof 1; exact for large N.
  """
  z = normal_quantile(level)
  if values.size == 1:
    return without_interval(values[0])
  return _around_mean(values, z, within)


@checks.jitted('level', 'within', values=checks.values)
def student(values: jax.Array, level: float = 0.95,
            within: tuple[float, float] = (-math.inf, math.inf)) -> Estimate:
  """The mean of a few normal values [N]: as `normal`, with Student's t for z."""
  return _around_mean(values, t_quantile(level, values.size - 1), within)


def _around_mean(values, quantile, within):
  values, power = precision.scaled(values)
  half = quantile * jnp.std(values, ddof=1) / math.sqrt(values.size)
  return around(jnp.ldexp(jnp.mean(values), power), jnp.ldexp(half, power), within)


@precision.precise
def gap(estimate: Estimate | chex.Numeric,
        references: Sequence[Estimate | chex.Numeric],
        level: float = 0.95, models: chex.Numeric = 1) -> Gap:
  """The gap to retrained models, and whether their seed noise explains it.

  gap = value - mean_r(reference_r). **The rule**: with three references or
  more the band is the prediction interval for one more retrained model, or for
  the mean of S more of them,

    |gap| <= t(level, R - 1) · s · √(1/S + 1/R),   s = std of the references,

  so models retrained with other seeds pass with probability `level`. With
  one or two references, or when all of them are equal (0 % forget accuracy),
  seed noise cannot be measured, and the band is the sampling error of the
  difference instead: √(h² + Σ h_r²/R²), h and h_r being the halves of the
  confidence intervals which face each other. That misses what a seed does to a
  whole model; have three references or more where it matters.

  A gap is good when it is within the band, and bad on *either* side of it: for
  a forget accuracy or an attack's AUC, above is residual knowledge, below is
  over-unlearning, which reveals the forget set as surely.

  Args:
    estimate: the method's value, an `Estimate` of arrays [...] or an array.
    references: R such values of models retrained with different seeds.
    level: confidence level of the band.
    models: S, of how many models, each of a seed of its own, the estimate is the
      mean; an int or an array [...].

  Returns:
    Gap of arrays [...].

  Raises:
    ValueError: without references, for NaN values, for fewer models than one, or
      with fewer than three references and no intervals.

  Example:
    >>> g = gap(0.62, [0.55, 0.57, 0.56])
    >>> round(float(g.value), 3), round(float(g.band), 3), bool(g.within)
    (0.06, 0.05, False)

  Source: the t prediction interval, exact for normal noise; the fallback is
  the method of variance estimates recovery (see `mean_of_proportions`).
  """
  normal_quantile(level)
  checks.several(references, 'references', 'one value for each retrained model')
  if len(references) == 0:
    raise ValueError('gap needs at least one retrained reference: forgetting '
                     'is only defined against one.')
  seeds, models = len(references), checks.floats(models, 'models')
  if not checks.holds(lambda m: (m >= 1).all(), models):
    raise ValueError('models should be at least 1: the estimate is the mean of so many.')
  mine, theirs, result = _gap(
      checks.parts(estimate, 'The estimate'),
      tuple(checks.parts(one, 'The references') for one in references), level, models)
  checks.finite(mine, 'The estimate')
  checks.finite(theirs, 'The references')
  result = result._replace(seeds=seeds)
  if seeds < 3 and not checks.holds(lambda b: np.isfinite(b).all(),
                                    result.band):
    raise ValueError(f'{seeds} reference(s) without confidence intervals give '
                     'no noise band: pass Estimates, or at least three '
                     'references.')
  return result


@functools.partial(jax.jit, static_argnums=2)
def _gap(estimate, references, level: float, models) -> tuple[jax.Array, jax.Array, Gap]:
  """The value, those of the references [R, ...], and the gap: one program."""
  mine, seeds = as_estimate(estimate), len(references)
  theirs = jax.tree.map(lambda *x: jnp.stack(x), *map(as_estimate, references))
  difference, band = difference_to_mean(mine, theirs)
  noise = jnp.full_like(difference, jnp.nan)
  if seeds > 1:
    # Rounding must not make noise where there is none, nor of .1 + .2 another value than .3.
    rounding = 4 * jnp.finfo(theirs.value.dtype).eps * jnp.max(jnp.abs(theirs.value), 0)
    equal = jnp.ptp(theirs.value, 0) <= rounding
    noise = jnp.where(equal, 0, jnp.std(theirs.value, axis=0, ddof=1))
    if seeds > 2:
      spread = t_quantile(level, seeds - 1) * jnp.sqrt(1 / models + 1 / seeds)
      band = jnp.where(equal, jnp.nan_to_num(band), spread * noise)
  return mine.value, theirs.value, Gap(
      difference, _mean(theirs.value), noise, band, jnp.abs(difference) <= band, seeds)


def _mean(values: jax.Array) -> jax.Array:
  """The mean of values [R, ...]; of equal ones they themselves, without rounding.

  On which side of the mean a value lies says which half of its interval counts.
  """
  return values[0] + jnp.mean(values - values[:1], axis=0)


@jax.jit
def difference_to_mean(mine: Estimate, theirs: Estimate) -> tuple[jax.Array, jax.Array]:
  """Mine [...] minus the mean of theirs [R, ...], and the sampling error of that."""
  difference = mine.value - _mean(theirs.value)
  above = difference >= 0
  half = jnp.where(above, mine.value - mine.low, mine.high - mine.value)
  halves = jnp.where(above, theirs.high - theirs.value, theirs.value - theirs.low)
  return difference, jnp.sqrt(
      half**2 + jnp.sum(halves**2, axis=0) / len(theirs.value)**2)
