"""Functions that are equal where their code is and what it holds.

Python makes a function anew whenever `def` or `lambda` is run, and no two are equal:
`optax.adam(1e-3)` is a pair of closures that equals no other, and so are a module's
`apply` with its arguments and many a loss. JAX compiles for each that it has not met.
"""

from collections.abc import Callable, Iterator, Mapping, Set
import functools
import sys
import sysconfig
import types
from typing import Any

import jax
import numpy as np


class ByContent:
  """A function that equals others of the same code, over equal values.

  What it reads of its module counts as well, unless that is of an installed package: a
  notebook may set it anew. Where a value can change in place, as arrays and lists can, or
  cannot be hashed, the function equals only itself. It is looked into when it is first
  hashed: when JAX is about to trace it, as what it holds may be bound later than itself.

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
      content = _content(self.__wrapped__, [])
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


def _content(value: Any, seen: list[Any]) -> Any:
  """What a value is, for comparison: of a function, all that it does depends on."""
  if isinstance(value, jax.Array | np.ndarray):
    raise TypeError('arrays can change, or be traced')
  inner = functools.partial(_content, seen=seen)
  if isinstance(value, types.FunctionType | type):
    for number, one in enumerate(seen):  # it calls itself, or is called from two places
      if value is one:
        return number
    seen.append(value)
  if isinstance(value, types.FunctionType):
    held = [cell.cell_contents for cell in value.__closure__ or ()]
    held += [value.__defaults__, *sorted((value.__kwdefaults__ or {}).items())]
    return value.__code__, _Identity(value.__globals__), *map(inner, [*held, *_read(value)])
  if isinstance(value, type):
    own = {} if _settled(value) else {**vars(value), '__repr__': None}  # it computes nothing
    return _Identity(value), *(
        inner(one) for one in own.values() if isinstance(one, types.FunctionType))
  if isinstance(value, functools.partial):
    named = tuple(sorted(value.keywords.items()))
    return type(value), *map(inner, (value.func, value.args, named))
  if isinstance(value, tuple):
    return type(value), *map(inner, value)
  if isinstance(value, float | complex):  # -0. is another number than 0., NaN is NaN
    return type(value), repr(value)
  return inner(type(value)), value


def _read(function: types.FunctionType) -> Iterator[Any]:
  """What a function reads of its module and of others, where that may be set anew."""
  if not _settled(function):
    names = {name for code in nested(function.__code__) for name in code.co_names}
    yield from _named(function.__globals__, names)


def _named(scope: Mapping[str, Any], names: Set[str]) -> Iterator[Any]:
  for name in sorted(names & scope.keys()):
    if not isinstance(scope[name], types.ModuleType):
      yield scope[name]
      continue
    yield _Identity(scope[name])
    if not _settled(scope[name]):
      yield from _named(vars(scope[name]), names - {name})


def nested(code: types.CodeType) -> Iterator[types.CodeType]:
  """The code of a function, and of those within it."""
  yield code
  for constant in code.co_consts:
    if isinstance(constant, types.CodeType):
      yield from nested(constant)


def _settled(value: Any) -> bool:
  """Whether it is of this library or an installed one, whose names nobody sets anew."""
  name = getattr(value, '__module__', None) or getattr(value, '__name__', '')
  return name.partition('.')[0] == __name__.partition('.')[0] or installed(name)


def installed(module: str) -> bool:
  """Whether a module is of an installed package: only another version changes it.

  Example:
    >>> installed('jax.numpy'), installed('__main__')
    (True, False)
  """
  if module == '__main__':  # whoever runs it
    return False
  file = getattr(sys.modules.get(module), '__file__', None) or ''
  return module in sys.builtin_module_names or file.startswith(_folders())


@functools.cache
def _folders() -> tuple[str, ...]:
  """Of what is installed."""
  return tuple(sysconfig.get_paths()[name] for name in ('stdlib', 'purelib', 'platlib'))
