"""An interval for a statistic that is no mean: from parts of the data, or draws of it.

For features and clusters the jackknife, since a bootstrap's repeated examples would
make pairs that agree by construction.
"""

from collections.abc import Callable
import functools
import math
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import precision


@precision.precise
def jackknife(
    statistic: Callable[..., Any], *samples: Any, groups: int = 10,
    within: tuple[float, float] = (-math.inf, math.inf), level: float = .95,
    blind_to_zeros: bool = False,
) -> Any:
  r"""Any smooth statistic, with the interval of its grouped jackknife.

  .. math:: \mathrm{se}^2 = \sum_{\text{samples}} \frac{g - 1}{g} \sum_{j=1}^g
    (\hat\theta_{(j)} - \bar\theta)^2

  where in :math:`\hat\theta_{(j)}` every g-th example of one sample is missing.

  Args:
    statistic: of the samples; returns a scalar, or a pytree of scalars. NumPy's arrays
      it is given as such.
    *samples: independent of each other; each an array `[N_i, ...]`, or a tuple
      of arrays that share their first axis and are left out together. Their
      order should be a random one.
    groups: `g`, at most the size of a sample. The statistic is evaluated `g`
      times a sample.
    within: what the interval is cut to, as for a share.
    level: confidence level.
    blind_to_zeros: the statistic of traceable samples is the same without an example
      that is zero throughout. Those left out are made so: all evaluations are of one
      shape and share a program.

  Returns:
    Estimate of scalars, or a pytree of them like the statistic's; interval of
    Student's t with `g - 1` degrees of freedom.

  Raises:
    ValueError: a sample has fewer examples than there are groups, or its arrays
      differ in their first axis.

  Example:
    >>> mean = jackknife(np.mean, np.arange(40.))
    >>> float(mean.value), bool(mean.low < 19.5 < mean.high)
    (19.5, True)

  Source: J. Shao & D. Tu, The Jackknife and Bootstrap, 1995, section 2.3; exact.
  """
  checks.count(groups, 'groups')
  sizes = list(map(_size, samples))
  values, structure = jax.tree.flatten(statistic(*samples))
  without = _blanked if blind_to_zeros else _removed
  parts = []
  for i, (sample, n) in enumerate(zip(samples, sizes)):
    if not 2 <= groups <= n:
      raise ValueError(f'{n} examples cannot be left out in {groups} groups; take '
                       'between two groups and as many as there are examples.')
    # Groups of one size, so that all evaluations are of one shape.
    label = np.where(np.arange(n) < n - n % groups, np.arange(n) % groups, -1)
    parts.append([jax.tree.leaves(statistic(
        *samples[:i], without(sample, label == j), *samples[i + 1:])) for j in range(groups)])
  return jax.tree.unflatten(structure, _intervals(values, parts, groups, within, level))


def _size(sample: Any) -> int:
  """How many examples a sample has."""
  sizes = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(sample)}
  if len(sizes) != 1 or sizes == {()} or sizes == {(0,)}:
    raise ValueError('Each sample needs arrays with one common, non-empty first axis, but '
                     f'has {sizes}.')
  return sizes.pop()[0]


def _removed(sample: Any, gone: np.ndarray) -> Any:
  index = np.flatnonzero(~gone)
  # NumPy's stay NumPy's, and float64: their statistic may be one on the host.
  return jax.tree.map(lambda leaf: leaf[index] if isinstance(leaf, np.ndarray) else
                      _chosen(leaf, index), sample)


@jax.jit
def _chosen(leaf: jax.Array, index: jax.Array) -> jax.Array:
  return leaf[index]


@jax.jit
def _blanked(sample: Any, gone: jax.Array) -> Any:
  return jax.tree.map(
      lambda leaf: jnp.where(jnp.expand_dims(gone, range(1, leaf.ndim)), 0, leaf), sample)


@precision.precise  # a statistic on the host may be far from 0 though its samples are not
@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _intervals(values: list[jax.Array], parts: list[list[list[jax.Array]]], groups: int,
               within: tuple[float, float], level: float) -> list[estimate_lib.Estimate]:
  """Of each value: `parts[sample][group]` has what they are without a group."""
  variances = jnp.zeros(len(values))
  for rows in parts:
    variances += (groups - 1) * jnp.var(jnp.array(rows), axis=0).astype(variances.dtype)
  halves = estimate_lib.t_quantile(level, groups - 1) * jnp.sqrt(variances)
  return [estimate_lib.around(jnp.asarray(value, float), half, within)
          for value, half in zip(values, halves)]


@precision.unknown_is_nan
def share(statistic: Callable[..., Any], *samples: Any, **how: Any) -> Any:
  """`jackknife` of a statistic in 0..1; NaN intervals if a sample is a single example.

  There are ten groups, or as many as the smallest sample has examples.
  """
  groups = min(10, *(len(leaf) for leaf in jax.tree.leaves(samples)))
  if groups < 2:
    return jax.tree.map(estimate_lib.without_interval, statistic(*samples))
  return jackknife(statistic, *samples, groups=groups, within=(0, 1), **how)


def bootstrap(statistic: Callable[..., chex.Array], key: jax.Array,
              *samples: Any, draws: int = 1000,
              level: float = 0.95) -> estimate_lib.Estimate:
  """Any statistic, with the percentile interval of its bootstrap.

  Args:
    statistic: a traceable function of the samples that returns a scalar.
    key: PRNG key; the same key gives the same interval.
    *samples: each an array [N_i, ...], or a tuple of arrays which share their
      first axis and are drawn together, such as (logits, labels).
    draws: number of resamples, with replacement and of the same size. Samples that
      float32 would change are drawn, and the statistic is computed, in 64 bits.
    level: confidence level.

  Returns:
    Estimate of scalars.

  Example:
    >>> ages = jnp.arange(9.)
    >>> e = bootstrap(jnp.median, jax.random.key(0), ages)
    >>> bool(e.low < e.value < e.high)
    True

  Source: B. Efron, Ann. Stat. 7, 1979 (percentile method).
  """
  estimate_lib.normal_quantile(level)  # checks the level
  draws = checks.count(draws, 'draws')
  for sample in samples:
    _size(sample)

  @precision.precise
  def drawn(*samples):
    return _bootstrap(statistic, draws, level, key, jax.tree.map(
        lambda leaf: jnp.asarray(checks.real(leaf, 'A sample')), samples))
  return drawn(*samples)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _bootstrap(statistic, draws, level, key, samples) -> estimate_lib.Estimate:
  def draw(one_key):
    keys = jax.random.split(one_key, len(samples))
    def resample(k, sample):
      n = jax.tree.leaves(sample)[0].shape[0]
      rows = jax.random.randint(k, (n,), 0, n, dtype=jnp.int32)
      return jax.tree.map(lambda a: a[rows], sample)
    return statistic(*[resample(k, s) for k, s in zip(keys, samples)])

  drawn = jax.lax.map(draw, jax.random.split(key, draws), batch_size=32)
  low, high = jnp.quantile(drawn, jnp.array([1 - level, 1 + level]) / 2)
  return estimate_lib.Estimate(jnp.asarray(statistic(*samples)), low, high)
