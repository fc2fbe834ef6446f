"""Says in one sentence what is wrong with an array, and never breaks `jit`.

Shapes are known under a trace and are always checked; values are looked at, on
the host, only where they are concrete and all here. `N` examples, `C` classes,
`d` features, `M` models.
"""

from collections.abc import Callable, Iterable
import functools
import importlib
import inspect
import operator
from typing import Any, TypeVar

import chex
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from unsc_jax.evaluation.metrics import precision

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
    **rules: for an argument of that name, `(x, name) -> x`, as most functions here; a
      default is taken as it is.
  """
  def decorate(metric: Callable[..., _T]) -> Callable[..., _T]:
    signature, compiled = inspect.signature(metric), jax.jit(metric, static_argnames=static)

    @functools.wraps(metric)
    def checked(*args, **kwargs):
      given = signature.bind(*args, **kwargs).arguments
      return compiled(**given | {name: rule(given[name], name)
                                 for name, rule in rules.items() if name in given})
    return precision.precise(checked)
  return decorate


def holds(test: Callable[..., Any], *arrays: chex.Array) -> bool:
  """Whether `test(*numpy_arrays)` is true; taken for granted under a trace."""
  if any(isinstance(a, jax.core.Tracer)
         or isinstance(a, jax.Array) and not a.is_fully_addressable for a in arrays):
    return True
  return bool(test(*map(np.asarray, arrays)))


def real(x: Any, name: str) -> np.ndarray | jax.Array:
  """An array of real numbers, where it was: on the host or on a device."""
  if not isinstance(x, jax.Array):
    x = _gathered(x, name)
  if not any(jnp.issubdtype(x.dtype, kind) for kind in (np.floating, np.integer, np.bool_)):
    raise ValueError(f'{name} should hold real numbers, but their type is {x.dtype}: '
                     'convert them, and leave out what is none.')
  return x.astype(float) if x.dtype == np.longdouble else x  # JAX knows none


def _gathered(x: Any, name: str) -> np.ndarray | jax.Array:
  """An array of what may be nested lists, or another library's."""
  if np.ma.is_masked(x):
    raise ValueError(f'{name} has masked entries: leave those examples out.')
  try:
    if any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(x)):
      return jnp.asarray(x)  # NumPy cannot read what is traced
    x = np.asarray(x)
    return x.astype(x.dtype.newbyteorder('='), copy=False)  # the only order that JAX has
  except (TypeError, ValueError, RuntimeError) as error:
    raise ValueError(f'{name} cannot be read as one array: give rows of equal length, of '
                     'numbers.') from error


def _on_device(x: np.ndarray | jax.Array) -> jax.Array:
  """`jnp.asarray`, which compiles a program for every shape of a host array."""
  return jax.device_put(x) if isinstance(x, np.ndarray) else jnp.asarray(x)


@precision.unknown_is_nan
def floats(x: Any, name: str) -> jax.Array:
  """Real numbers of at least 32 bits, of any shape; whole ones of any size."""
  x = real(x, name)
  if not jnp.issubdtype(x.dtype, jnp.inexact):
    return _on_device(x.astype(float))  # on the host, where int32 is not in between
  # JAX's own promotion may refuse: it can be strict.
  return _on_device(x.astype(np.promote_types(x.dtype, np.float32)))


def parts(estimate: Any, name: str) -> Any:
  """`floats` of an `Estimate`, or of a number alone."""
  if hasattr(estimate, '_fields'):
    return type(estimate)(*(floats(part, name) for part in estimate))
  return floats(estimate, name)


def several(estimates: Any, name: str, what: str) -> None:
  """Raises unless there is a list; an `Estimate`, though a tuple, is one of its entries."""
  if hasattr(estimates, '_fields') or not hasattr(estimates, '__len__') or (
      getattr(estimates, 'ndim', 1) == 0):
    raise ValueError(f'{name} should be a list, of {what}.')


def _array(x: Any, ndim: int, shape: str, name: str) -> jax.Array:
  """A non-empty float array of at least 32 bits, with `ndim` axes."""
  x = floats(x, name)
  if x.ndim != ndim:
    raise ValueError(f'{name} should be an array {shape}, but its shape is '
                     f'{x.shape}.')
  if x.size == 0:
    raise DoesNotApply(f'{name} is empty (shape {x.shape}): nothing can be '
                       'measured without examples.')
  return x


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
  y = real(y, name)
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
  return _on_device(y)  # now that int32 holds them


def classes(chosen: Any, count: int, name: str = 'classes') -> np.ndarray | jax.Array:
  """Which of `count` classes, [K], from any collection that names each of them once.

  The order says nothing. A repeated class is refused, as a mask is, since `[0, 1, 1]`
  could be meant for one.
  """
  if isinstance(chosen, Iterable) and not hasattr(chosen, '__array__'):
    chosen = list(chosen)  # of a set or a range
  if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(chosen)):
    return jnp.atleast_1d(jnp.asarray(chosen))
  found = np.atleast_1d(real(chosen, name))
  within = f'out of 0..{count - 1}'
  if found.dtype == bool:
    raise ValueError(f'{name} is a mask of booleans: name the classes themselves, {within}.')
  if found.size and (found.ndim > 1 or found.dtype.kind not in 'iu'):
    raise ValueError(f'{name} should be a list of integers {within}, but is an array '
                     f'{list(found.shape)} of type {found.dtype}.')
  unique, times = np.unique(found, return_counts=True)
  if found.size == 0 or unique[0] < 0 or unique[-1] >= count:
    raise ValueError(f'{name} should be a non-empty set {within}, but is '
                     f'{unique.tolist()}.')
  if (times > 1).any():
    raise ValueError(f'{name} has {unique[times > 1].tolist()} more than once: name each '
                     'class once.')
  return unique


def count(x: Any, name: str, least: int = 1) -> int:
  """A whole number of at least `least`."""
  try:
    whole = operator.index(x)
  except TypeError:
    raise ValueError(f'{name} is {x!r}, but should be a whole number.') from None
  if whole < least:
    raise ValueError(f'{name} is {whole}, but should be at least {least}.')
  return whole


def same_shape(a: chex.Array, b: chex.Array, names: str) -> None:
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


@precision.unknown_is_nan
def unit_interval(x: chex.Numeric, name: str) -> jax.Array:
  """Fractions in 0..1."""
  x = floats(x, name)
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
