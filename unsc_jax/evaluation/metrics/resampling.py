"""An interval for a statistic that is no mean: leave parts of the data out.

For features and clusters, where a bootstrap's repeated examples would make
pairs that agree by construction.
"""

from collections.abc import Callable
import math
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax.evaluation.metrics import estimate as estimate_lib


def jackknife(
    statistic: Callable[..., chex.Numeric], *samples: Any, groups: int = 10,
    within: tuple[float, float] = (-math.inf, math.inf), level: float = .95,
) -> estimate_lib.Estimate:
  r"""Any smooth statistic, with the interval of its grouped jackknife.

  .. math:: \mathrm{se}^2 = \sum_{\text{samples}} \frac{g - 1}{g} \sum_{j=1}^g
    (\hat\theta_{(j)} - \bar\theta)^2

  where in :math:`\hat\theta_{(j)}` every g-th example of one sample is missing.

  Args:
    statistic: of the samples; returns a scalar.
    *samples: independent of each other; each an array `[N_i, ...]`, or a tuple
      of arrays that share their first axis and are left out together. Their
      order should be a random one.
    groups: `g`, at most the size of a sample. The statistic is evaluated `g`
      times a sample.
    within: what the interval is cut to, as for a share.
    level: confidence level.

  Returns:
    Estimate of scalars, interval of Student's t with `g - 1` degrees of freedom.

  Raises:
    ValueError: a sample has fewer examples than there are groups.

  Example:
    >>> mean = jackknife(np.mean, np.arange(40.))
    >>> float(mean.value), bool(mean.low < 19.5 < mean.high)
    (19.5, True)

  Source: J. Shao & D. Tu, The Jackknife and Bootstrap, 1995, section 2.3; exact.
  """
  variance = 0.
  for i, sample in enumerate(samples):
    n = min(len(leaf) for leaf in jax.tree.leaves(sample))
    if not 2 <= groups <= n:
      raise ValueError(f'{n} examples cannot be left out in {groups} groups; take '
                       'between two groups and as many as there are examples.')
    # Groups of one size, so that all evaluations are of one shape.
    label = np.where(np.arange(n) < n - n % groups, np.arange(n) % groups, -1)
    without = []
    for j in range(groups):
      rest = jax.tree.map(lambda leaf, keep=label != j: leaf[keep], sample)
      without.append(float(statistic(*samples[:i], rest, *samples[i + 1:])))
    variance += (groups - 1) * np.var(without)
  value = jnp.asarray(statistic(*samples), float)
  half = estimate_lib.t_quantile(level, groups - 1) * variance**.5
  low, high = within
  return estimate_lib.Estimate(
      value, jnp.maximum(value - half, low), jnp.minimum(value + half, high))
