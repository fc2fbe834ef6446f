"""Says in one sentence what is wrong with an array, and never breaks `jit`.

Shapes are known under a trace and are always checked; values are looked at, on
the host, only where they are concrete and all here. `N` examples, `C` classes,
`d` features, `M` models.
"""

from collections.abc import Callable
import functools
import importlib
import inspect
from typing import Any, TypeVar

import chex
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

_T = TypeVar('_T')


class DoesNotApply(ValueError):
  """A measure has no value here: of too few examples, or of a network that diverged.

  It is no fault of the caller's: `evaluation.measure` notes the reason and goes on.
  """


def jitted(*static: str, **rules: Callable[[Any, str], Any]
           ) -> Callable[[Callable[..., _T]], Callable[..., _T]]:
  """Decorates a metric: checks its arguments, then calls it under `jit`; `precise`.

  Args:
    *static: names of arguments that are compiled in.
    **rules: for an argument of that name, `(x, name) -> x`, as most functions here.
  """
  def decorate(metric: Callable[..., _T]) -> Callable[..., _T]:
    signature, compiled = inspect.signature(metric), jax.jit(metric, static_argnames=static)

    @functools.wraps(metric)
    def checked(*args, **kwargs):
      given = signature.bind(*args, **kwargs).arguments
      return compiled(**given | {name: rule(given[name], name)
                                 for name, rule in rules.items()})
    return precise(checked)
  return decorate


def precise(metric: Callable[..., _T]) -> Callable[..., _T]:
  """Decorates a metric: what float32 would change is computed in float64.

  Scores near 1, or far from 0, are told apart by digits that float32 does not have.
  Host arrays with such entries go through JAX's 64 bits, and what comes of them are
  NumPy's; nothing changes for other arguments or under a trace.
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
  """Whether an array or a list is not the same in float32."""
  if isinstance(x, jax.core.Tracer) or not isinstance(x, (list, np.ndarray, jax.Array)):
    return False
  if isinstance(x, jax.Array) and not (
      x.is_fully_addressable and x.dtype in (jnp.float64, jnp.int32, jnp.int64, jnp.uint32)):
    return False
  try:
    x = np.asarray(x)
  except ValueError:  # ragged: for the checks to say
    return False
  if x.dtype.kind not in 'fiu' or x.dtype.itemsize < 4 or x.dtype == np.float32:
    return False
  with np.errstate(over='ignore'):
    return not np.array_equal(x, x.astype(np.float32), equal_nan=x.dtype.kind == 'f')


def holds(test: Callable[..., Any], *arrays: jax.Array) -> bool:
  """Whether `test(*numpy_arrays)` is true; taken for granted under a trace."""
  if any(isinstance(a, jax.core.Tracer) or not a.is_fully_addressable
         for a in arrays):
    return True
  return bool(test(*map(np.asarray, arrays)))


def _on_device(x: Any) -> jax.Array:
  """`jnp.asarray`, which compiles a program for every shape of a host array."""
  return jax.device_put(x) if isinstance(x, np.ndarray) else jnp.asarray(x)


@unknown_is_nan
def _array(x: chex.Array, ndim: int, shape: str, name: str) -> jax.Array:
  """A non-empty float array of at least 32 bits, with `ndim` axes."""
  x = _on_device(x)
  if x.ndim != ndim:
    raise ValueError(f'{name} should be an array {shape}, but its shape is '
                     f'{x.shape}.')
  if x.size == 0:
    raise DoesNotApply(f'{name} is empty (shape {x.shape}): nothing can be '
                       'measured without examples.')
  if not jnp.issubdtype(x.dtype, jnp.inexact):
    return x.astype(float)
  return x.astype(np.promote_types(x.dtype, np.float32))  # JAX's may refuse: it can be strict


def finite(x: jax.Array, name: str) -> jax.Array:
  """`x`, once none of its entries is NaN or infinite."""
  if not holds(lambda a: np.isfinite(a).all(), x):
    raise DoesNotApply(f'{name} holds NaN or infinite entries: look for a model '
                       'that diverged before comparing it.')
  return x


def logits(x: chex.Array, name: str = 'logits') -> jax.Array:
  """Logits [N, C]; -inf is fine, since masked classes have it."""
  x = _array(x, 2, '[N, C]', name)
  if x.shape[1] < 2:
    raise ValueError(f'{name} has one class only (shape {x.shape}): give a '
                     'column for each class.')
  if not holds(lambda a: not np.any(np.isnan(a) | (a == np.inf)), x):
    raise DoesNotApply(f'{name} holds NaN or +inf: look for a model that '
                       'diverged before comparing it.')
  if not holds(lambda a: np.any(a > -np.inf, axis=1).all(), x):
    raise ValueError(f'{name} has a row of -inf only: leave at least one '
                     'class unmasked.')
  return x


def labels(y: chex.Array, like: jax.Array, name: str = 'labels') -> jax.Array:
  """Labels [N] that fit logits [N, C]."""
  y = _on_device(y)
  n, classes = like.shape
  if not jnp.issubdtype(y.dtype, jnp.integer):
    raise ValueError(f'{name} should be integers 0..{classes - 1}, but their '
                     f'type is {y.dtype}.')
  if y.shape != (n,):
    raise ValueError(f'{name} should be an array [{n}], one for each row of '
                     f'the logits, but its shape is {y.shape}.')
  if not holds(lambda a: ((a >= 0) & (a < classes)).all(), y):
    raise ValueError(f'{name} run from {int(y.min())} to {int(y.max())}, but '
                     f'the logits have classes 0..{classes - 1} only.')
  return y


def same_shape(a: jax.Array, b: jax.Array, names: str) -> None:
  """Raises unless the two arrays speak of the same examples."""
  if a.shape != b.shape:
    raise ValueError(f'{names} should have the same shape, but have {a.shape} '
                     f'and {b.shape}: compute both on the same examples.')


def same_examples(a: jax.Array, b: jax.Array, names: str) -> None:
  """Raises unless two arrays [..., N] agree in their last axis."""
  if a.shape[-1] != b.shape[-1]:
    raise ValueError(f'{names} should cover the same examples, but have '
                     f'{a.shape[-1]} and {b.shape[-1]} of them.')


def scores(x: chex.Array, name: str) -> jax.Array:
  """Attack scores [N]; infinite ones can still be ranked."""
  x = _array(x, 1, '[N]', name)
  if not holds(lambda a: not np.isnan(a).any(), x):
    raise DoesNotApply(f'{name} holds NaN: look for a model that diverged before '
                       'comparing it.')
  return x


def values(x: chex.Array, name: str) -> jax.Array:
  """Finite values [N]."""
  return finite(_array(x, 1, '[N]', name), name)


def models(x: chex.Array, name: str, least: int = 1) -> jax.Array:
  """One finite number a model and example, [M, N], with M >= `least`."""
  x = finite(_array(x, 2, '[models, N]', name), name)
  if x.shape[0] < least:
    raise ValueError(f'{name} holds {x.shape[0]} model(s), but at least '
                     f'{least} are needed: train more of them.')
  return x


def features(x: chex.Array, name: str) -> jax.Array:
  """Finite features [N, d]."""
  return finite(_array(x, 2, '[N, d]', name), name)


@unknown_is_nan
def unit_interval(x: chex.Numeric, name: str) -> jax.Array:
  """Fractions in 0..1."""
  x = jnp.asarray(x, dtype=float)
  if x.size == 0:
    raise ValueError(f'{name} is empty: nothing can be compared.')
  rounding = 1e-6  # a softmax may exceed 1 by as much
  if not holds(lambda a: ((a >= 0) & (a <= 1 + rounding)).all(), x):
    raise ValueError(f'{name} should be fractions between 0 and 1: divide '
                     'percentages by 100 and look for NaN.')
  return jnp.minimum(x, 1)


def optional_import(module: str) -> Any:
  """A module of scikit-learn, which only some protocols need."""
  try:
    return importlib.import_module(module)
  except ImportError as error:
    raise ImportError(f'{module} is missing: this protocol is defined by '
                      'scikit-learn, so install unsc_jax[report].'
                      ) from error
