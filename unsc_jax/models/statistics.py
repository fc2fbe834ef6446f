"""BatchNorm's running statistics, estimated anew: what every framework's adapter shares.

`N` examples in batches of `B`.
"""

import collections
from collections.abc import Callable, Mapping
import functools
from typing import Any

import jax
import numpy as np

from unsc_jax import batching
from unsc_jax import programs
from unsc_jax import session as session_lib

FINISH_ON = 20_000  # inputs that statistics are estimated from, unless one says otherwise

OfBatch = Callable[[Any, Any], Mapping[Any, tuple[jax.Array, jax.Array]]]


def averaged(
    of_batch: OfBatch, params: Any, x: Any, batch_size: int = 500,
    session: session_lib.Session = session_lib.DEFAULT, most: int | None = None,
) -> dict[Any, tuple[np.ndarray, np.ndarray]]:
  """Mean and variance of every BatchNorm's inputs, over all batches.

  Statistics gathered in training are wrong for evaluation where dropout comes
  before a BatchNorm (dropout scales the variance, and moves the mean too when
  a max-pooling lies between). Here the network runs in evaluation mode and
  each BatchNorm normalises by the batch at hand; then, over all batches,

    mean = E[x],  var = E[x^2] - E[x]^2 = E[var_b + mean_b^2] - mean^2,

  plain averages in float64, weighted by the size of the batch. For the first
  BatchNorm that is exact; those after it see inputs normalised by their batch,
  which is exact for one batch and approaches it for large ones. Inputs are shuffled,
  always alike: batches of one class each, as sorted data have, are normalised unlike any
  that the network is for.

  Args:
    of_batch: `(params, batch) -> {name: (mean, var)}`, in evaluation mode but for
      BatchNorm, which normalises by the batch; hashable, so that one network is
      compiled once.
    params: of the network.
    x: inputs [N, ...], those that the network was trained on or a part.
    batch_size: `B`; the last batch may be smaller.
    session: whose bar is shown.
    most: how many inputs to take, drawn from all; by default all.

  Returns:
    Mean and variance in float64, by name.

  Raises:
    ValueError: `x` is empty.

  Source: "precise BatchNorm" (Wu and Johnson, 2021, arXiv 2105.07576).
  """
  order = np.random.default_rng(0).permutation(batching.count(x))[:most]
  n = len(order)
  if n == 0 or batch_size < 1:
    raise ValueError(
        f'BatchNorm cannot be estimated from {n} inputs in batches of '
        f'{batch_size}: give at least one of each.')
  mean: Any = collections.defaultdict(float)  # sums over examples, float64
  square: Any = collections.defaultdict(float)
  starts = range(0, n, batch_size)
  of_batch = programs.hashable(of_batch)
  for start in session.progress(starts, 'BatchNorm statistics', len(starts)):
    batch = part(x, order[start:start + batch_size])
    for name, moments in _compiled(of_batch, params, batch).items():
      m, v = (np.asarray(a, np.float64) for a in moments)
      mean[name] += m * batching.count(batch)
      square[name] += (v + m**2) * batching.count(batch)
  means = {name: total / n for name, total in mean.items()}
  return {name: (m, np.maximum(square[name] / n - m**2, 0)) for name, m in means.items()}


@functools.partial(jax.jit, static_argnums=0)
def _compiled(of_batch: OfBatch, params: Any, batch: Any) -> Any:
  return of_batch(params, batch)


def part(x: Any, which: slice | np.ndarray) -> Any:
  """Some of the inputs, a pytree of `[N, ...]`."""
  return jax.tree.map(lambda leaf: leaf[which], x)
