"""Functions that are equal where their code is and what it holds.

Python makes a function anew whenever `def` or `lambda` is run, and no two are equal:
`optax.adam(1e-3)` is a pair of closures that equals no other, and so are a module's
`apply` with its arguments and many a loss. JAX compiles for each that it has not met.
"""

from collections.abc import Callable
import functools
import types
from typing import Any

import jax
import numpy as np


class ByContent:
  """A function that equals others of the same code, over equal values.

  Where a value can change in place, as arrays and lists can, or cannot be hashed, it
  equals only those of the very same function. It is looked into when it is first hashed:
  when JAX is about to trace it, as what it holds may be bound later than itself.

  Args:
    fn: a plain function or a `functools.partial`; methods and objects know by
      themselves what they are equal to.

  Example:
    >>> import optax
    >>> ByContent(optax.adam(.1).update) == ByContent(optax.adam(.1).update)
    True
    >>> ByContent(optax.adam(.1).update) == ByContent(optax.adam(.2).update)
    False
  """

  def __init__(self, fn: Callable):
    functools.update_wrapper(self, fn)
    self.__wrapped__ = fn

  def __call__(self, *args: Any, **kwargs: Any) -> Any:
    return self.__wrapped__(*args, **kwargs)

  @functools.cached_property
  def _content(self) -> tuple[int, Any]:
    """A hash, and what it is of."""
    try:
      content = _content(self.__wrapped__, ())
      return hash(content), content
    except (TypeError, ValueError):  # arrays, say; or a name that is not bound yet
      content = _Identity(self.__wrapped__)
      return hash(content), content

  def __hash__(self) -> int:
    return self._content[0]

  def __eq__(self, other: object) -> bool:
    return self is other or isinstance(other, ByContent) and self._content == other._content

  def __repr__(self) -> str:
    return repr(self.__wrapped__)


class _Identity:
  """What equals only itself."""

  def __init__(self, value: Any):
    self._value = value

  def __hash__(self) -> int:
    return id(self._value)

  def __eq__(self, other: object) -> bool:
    return isinstance(other, _Identity) and self._value is other._value


def _content(value: Any, around: tuple[Callable, ...]) -> Any:
  """What a value is, for comparison; of a function, all that it does depends on."""
  if isinstance(value, types.FunctionType):
    if any(value is function for function in around):
      raise TypeError(f'{value} calls itself')
    around = (*around, value)
    held = [cell.cell_contents for cell in value.__closure__ or ()]
    held += [value.__defaults__, *sorted((value.__kwdefaults__ or {}).items())]
    return value.__code__, _Identity(value.__globals__), _content(tuple(held), around)
  if isinstance(value, functools.partial):
    named = tuple(sorted(value.keywords.items()))
    return type(value), _content((value.func, value.args, named), around)
  if isinstance(value, tuple):
    return type(value), *(_content(item, around) for item in value)
  if isinstance(value, float | complex):  # -0. is another number than 0., NaN is NaN
    return type(value), repr(value)
  if isinstance(value, jax.Array | np.ndarray):
    raise TypeError('arrays can change, or be traced')
  return type(value), value
