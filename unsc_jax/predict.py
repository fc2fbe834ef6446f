"""A function over many examples, in batches of one shape."""

from collections.abc import Callable
import functools
from typing import Any

import jax
import numpy as np

from unsc_jax import batching
from unsc_jax import sharding


def predict(
    fn: Callable, params: Any, x: np.ndarray, *, batch_size: int = 500,
    mesh: jax.sharding.Mesh | None = None,
) -> np.ndarray:
  """Evaluates `fn(params, x)` for any number of examples.

  Args:
    fn: maps `(params, x [B, ...])` to an array `[B, ...]`, row by row.
    params: pytree of arrays.
    x: `[N, ...]` inputs in host memory.
    batch_size: how many at once. The last batch is filled up, so that one
      program serves all.
    mesh: devices to split every batch over.

  Returns:
    `[N, ...]` in host memory.

  Example:
    >>> double = lambda params, x: params * x
    >>> predict(double, 2., np.arange(3.), batch_size=2).tolist()
    [0.0, 2.0, 4.0]
  """
  size = min(batch_size, len(x))
  jitted, out = _jitted(fn), []
  for batch in batching.in_order(x, size):
    short = size - len(batch)
    padded = np.concatenate([batch, batch[:1].repeat(short, 0)])
    if mesh is not None:
      padded = sharding.shard_batch(padded, mesh)
    out.append(np.asarray(jitted(params, padded))[:len(batch)])
  return np.concatenate(out)


@functools.lru_cache(maxsize=64)
def _jitted(fn: Callable) -> Callable:
  return jax.jit(fn)
