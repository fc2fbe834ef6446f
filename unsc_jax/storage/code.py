"""What a function of a module's level does, told by a hash of its code."""

from collections.abc import Callable, Iterator
import hashlib
import inspect
import types
from typing import Any


def code(function: Callable, describe: Callable[[Any], Any]) -> str:
  """A short hash of a function: its code, its defaults and the values that it reads.

  The functions of its package that it names count as well, what they read and cannot
  be seen into by its class; of other packages, of modules and of classes the name alone
  does. Where it stands in its file does not count, nor what it says of itself.

  Args:
    function: a plain one, of a module's level, of a package that is not installed.
    describe: makes JSON of the values that it reads of its module.

  Returns:
    Twelve digits.

  Raises:
    TypeError: from `describe`, for a value that it cannot see into.

  Example:
    >>> code(lambda x: x > .5, str) == code(lambda y: y > .5, str)
    True
    >>> code(lambda x, least=.5: x > least, str) == code(lambda x, least=.6: x > least, str)
    False
  """
  def loosely(value):
    try:
      return describe(value)
    except TypeError:
      return f'{type(value).__module__}.{type(value).__qualname__}'

  text = '\n'.join(_lines(function, describe, loosely, set()))
  return hashlib.sha256(text.encode()).hexdigest()[:12]


def _lines(function: Any, describe: Callable, of_helpers: Callable, seen: set
           ) -> Iterator[str]:
  function = inspect.unwrap(function)
  if function in seen:
    return
  seen.add(function)
  yield str(describe([function.__defaults__, function.__kwdefaults__]))
  names: list[str] = []
  for code in _nested(function.__code__):
    names += code.co_names
    yield f'{code.co_code.hex()} {code.co_names}'
    yield from (_text(constant) for constant in code.co_consts
                if constant != function.__doc__)
  for name in sorted({*names} & {*function.__globals__}):
    value = function.__globals__[name]
    if isinstance(value, types.FunctionType) and _package(value) == _package(function):
      yield from _lines(value, of_helpers, of_helpers, seen)
    elif hasattr(value, '__qualname__'):  # of another package, or a class
      yield f'{name} {value.__module__}.{value.__qualname__}'
    elif not isinstance(value, types.ModuleType):
      yield f'{name} {describe(value)}'


def _package(function: types.FunctionType) -> str:
  return function.__module__.partition('.')[0]


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
  """The code of a function, and of those within it."""
  yield code
  for constant in code.co_consts:
    if isinstance(constant, types.CodeType):
      yield from _nested(constant)


def _text(constant: Any) -> str:
  if isinstance(constant, types.CodeType):
    return 'function'
  if isinstance(constant, frozenset):  # whose order is another in every process
    return str(sorted(map(repr, constant)))
  return repr(constant)
