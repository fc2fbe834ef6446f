"""Keeps what 32 bits lose: late digits, large whole numbers, squares of what is far from 1.

JAX takes host arrays in 32 bits, without a word where these do not hold them.
"""

from collections.abc import Callable
import functools
import numbers
from typing import Any, TypeVar

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

_T = TypeVar('_T')


def precise(metric: Callable[..., _T]) -> Callable[..., _T]:
  """Decorates a metric: what 32 bits would change is computed in 64.

  Scores near 1, or far from 0, are told apart by digits that float32 does not have.
  Where an argument is an array with such entries, or nested lists, tuples or anything
  else of which NumPy makes one, the call goes through JAX's 64 bits, and what comes of
  it are NumPy's arrays; nothing changes for other arguments or under a trace.
  """
  @functools.wraps(metric)
  def in_full(*args, **kwargs):
    if not any(map(_loses, (*args, *kwargs.values()))):
      return metric(*args, **kwargs)
    with jax.enable_x64(True), jax.numpy_dtype_promotion('standard'):  # float32 beside it
      return jax.device_get(metric(*args, **kwargs))
  return unknown_is_nan(in_full)


def unknown_is_nan(metric: Callable[..., _T]) -> Callable[..., _T]:
  """Decorates what looks for NaN itself, and answers NaN where nothing is known.

  JAX's `debug_nans` would stop at both: before bad input is named, and at an interval
  that a single example does not have.
  """
  @functools.wraps(metric)
  def without_alarm(*args, **kwargs):
    with jax.debug_nans(False):
      return metric(*args, **kwargs)
  return without_alarm


def _loses(x: Any) -> bool:
  """Whether an array, or one of a nest of lists and tuples, changes in 32 bits.

  A number on its own does not count: a level or a rate has no late digits.
  """
  if not isinstance(x, (list, tuple)):
    return not isinstance(x, numbers.Number) and _array_loses(x)
  leaves = jax.tree.leaves(x)
  single = [leaf for leaf in leaves if isinstance(leaf, numbers.Number)]
  arrays = [leaf for leaf in leaves if not isinstance(leaf, numbers.Number)]
  return _array_loses(single) or any(map(_array_loses, arrays))


def _array_loses(x: Any) -> bool:
  if isinstance(x, jax.core.Tracer):
    return False
  if isinstance(x, jax.Array) and not (
      x.is_fully_addressable and x.dtype in (jnp.float64, jnp.int32, jnp.int64, jnp.uint32)):
    return False
  try:
    x = np.asarray(x)
  except (TypeError, ValueError, RuntimeError):  # no array: for the checks to say
    return False
  if x.dtype.kind not in 'fiu' or x.dtype.itemsize < 4 or x.dtype == np.float32:
    return False
  with np.errstate(over='ignore'):
    if not np.array_equal(x, x.astype(np.float32), equal_nan=x.dtype.kind == 'f'):
      return True
  # 2^33 is a float32, but JAX's int32 makes it 0.
  return x.dtype.kind in 'iu' and not np.array_equal(x, x.astype(np.int32))


@jax.jit
def scaled(x: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Entries below one in size, and the power of two which they were divided by.

  That rounds nothing, and their squares neither overflow nor vanish.

  Example:
    >>> x, power = scaled(jnp.array([3e30, -1e30]))
    >>> round(float(x[0]), 3), int(power)
    (0.592, 102)
  """
  _, power = jnp.frexp(jnp.max(jnp.abs(x)))
  return jnp.ldexp(x, -power), power
