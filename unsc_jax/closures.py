"""Functions that are equal where their code is and what it holds.

Python makes a function anew whenever `def` or `lambda` is run, and no two are equal:
`optax.adam(1e-3)` is a pair of closures that equals no other, and JAX compiles for each
that it has not met. Where a function is of installed code and all that it holds can never
change, what it computes is told by both. Of a user's own functions it is not: a notebook
may have set a name that they read, or an object that they look into, in between.
"""

from collections.abc import Callable
import dataclasses
import enum
import functools
import sys
import sysconfig
import types
from typing import Any

import numpy as np

_PLAIN = (bool, int, str, bytes, type(None), types.EllipsisType, enum.Enum, np.dtype)
_NUMBERS = (float, complex, np.generic)  # -0. is another number than 0., and NaN is NaN


def by_content(fn: Callable) -> Callable:
  """The function, or one like it that equals others of the same code and content.

  The latter of functions, and of what `functools.partial` makes of them, that are of this
  library or an installed one and hold nothing but numbers, strings, such functions, types,
  and tuples and immutable dataclasses of these.

  Example:
    >>> import optax
    >>> update = lambda rate: by_content(optax.adam(rate).update)
    >>> update(.1) == update(.1), update(.1) == update(.2)
    (True, False)
  """
  if not isinstance(fn, types.FunctionType | functools.partial):
    return fn
  try:
    return _ByContent(fn, _content(fn, []))
  except (TypeError, ValueError, RecursionError):  # ValueError: a name not bound as yet
    return fn


class _ByContent:
  """Calls a function, and equals others by what it was found to be."""
  __wrapped__: Callable

  def __init__(self, fn: Callable, content: Any):
    functools.update_wrapper(self, fn, updated=())  # what others have noted on it is theirs
    self._hash, self._content = hash(content), content

  def __call__(self, *args: Any, **kwargs: Any) -> Any:
    return self.__wrapped__(*args, **kwargs)

  def __hash__(self) -> int:
    return self._hash

  def __eq__(self, other: object) -> bool:
    return self is other or isinstance(other, _ByContent) and self._content == other._content

  def __reduce__(self) -> tuple:
    return by_content, (self.__wrapped__,)

  def __repr__(self) -> str:
    return repr(self.__wrapped__)


def _content(value: Any, seen: list[Any]) -> Any:
  """What a value is, for comparison.

  Args:
    value: any.
    seen: the functions on the way to it.

  Raises:
    TypeError: it can change, or nobody knows.
  """
  inner = functools.partial(_content, seen=seen)
  if isinstance(value, _NUMBERS):
    return _settled_type(value), repr(value)
  if isinstance(value, _PLAIN):
    return _settled_type(value), value
  if isinstance(value, tuple):
    return _settled_type(value), *map(inner, value)
  if isinstance(value, type) or _has_a_name(value):
    if not _settled(value.__module__):
      raise TypeError(f'{value} may be another by now')
    return id(value), value  # some types equal others
  if isinstance(value, _ByContent):
    return inner(value.__wrapped__)
  if isinstance(value, types.FunctionType) and _settled(value.__globals__.get('__name__', '')):
    for number, one in enumerate(seen):  # it calls itself, or is held twice
      if value is one:
        return number
    seen.append(value)
    held = [cell.cell_contents for cell in value.__closure__ or ()]
    held += [value.__defaults__, *sorted((value.__kwdefaults__ or {}).items())]
    return value.__code__, value.__globals__['__name__'], *map(inner, held)
  if type(value) is functools.partial:
    named = tuple(sorted(value.keywords.items()))
    return type(value), *map(inner, (value.func, value.args, named))
  if dataclasses.is_dataclass(value) and type(value).__hash__ not in (None, object.__hash__):
    return _settled_type(value), *(
        inner(getattr(value, field.name)) for field in dataclasses.fields(value))
  raise TypeError(f'{value} may change')


def _settled_type(value: Any) -> type:
  if not _settled(type(value).__module__):
    raise TypeError(f'{type(value)} may be another by now')
  return type(value)


def _has_a_name(value: Any) -> bool:
  """Whether it is what its module calls so, as `jnp.add` is."""
  module = sys.modules.get(getattr(value, '__module__', None) or '')
  return getattr(module, getattr(value, '__name__', ''), None) is value


def _settled(module: str) -> bool:
  """Whether a module is one whose names nobody sets anew."""
  return module.partition('.')[0] == __name__.partition('.')[0] or installed(module)


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
  """Where what is installed lies."""
  return tuple(sysconfig.get_paths()[name] for name in ('stdlib', 'purelib', 'platlib'))
