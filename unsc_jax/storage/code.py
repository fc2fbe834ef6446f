"""What a callable does, told by a hash of its code and of all that the code leads to."""

from collections.abc import Callable, Iterator
import hashlib
import inspect
import logging
import pathlib
import re
import sys
import threading
import types
from typing import Any

import jax
import numpy as np

from unsc_jax import closures
from unsc_jax.storage import bytecode

Describe = Callable[[Any, Callable[[Any], Any]], Any]

_SAID = (complex, bytes, range, slice, types.EllipsisType, types.NotImplementedType,
         types.GenericAlias, types.UnionType, inspect.Signature, pathlib.PurePath,
         np.dtype, jax.tree_util.PyTreeDef)
# Where arrays lie, what is logged and who waits changes nothing that is computed.
_APART = (jax.sharding.Sharding, jax.sharding.Mesh, logging.Logger, type(threading.Lock()))
# What `functools.update_wrapper` copies from one function to the next.
_COPIED = ('__module__', '__name__', '__qualname__', '__doc__', '__annotations__',
           '__type_params__')


class Unseen(TypeError):
  """Raised for what cannot be seen into."""

  def __init__(self, value: Any):
    super().__init__(
        f'{value!r} cannot be told from others like it when a run is resumed: pass a '
        'frozen dataclass with fields instead.')


def code(value: Any, describe: Describe) -> str:
  """A short hash of a callable: its code, its defaults, and what it holds and reads.

  The functions that it holds and names count as well, wherever their code is not of an
  installed package: within `jax.jit`, `functools.lru_cache` and other wrappers, in
  another module, in closures. Of installed packages, of classes and of modules that are
  handed about the name alone does. Where it stands in its file does not count, nor what
  it says of itself.

  Args:
    value: a callable.
    describe: from a value, and from what describes callables and whatever else has no
      description of its own, to JSON.

  Returns:
    Twelve digits.

  Raises:
    Unseen: it holds or reads what cannot be seen into.

  Example:
    >>> of = lambda fn: code(fn, lambda value, other: repr(value))
    >>> of(lambda x: x > .5) == of(lambda y: y > .5)
    True
    >>> of(lambda x, least=.5: x > least) == of(lambda x, least=.6: x > least)
    False
  """
  seen: dict[int, Any] = {}  # in the order in which they were met

  def held(value):
    if (told := _by_name(value)) is not None:
      return told
    if id(value) in seen:  # it calls itself, or is held twice
      return f'number {[*seen].index(id(value))}'
    seen[id(value)] = value
    return _hash(_lines(value, lambda inner: describe(inner, held)))

  try:
    return held(value)
  except RecursionError:
    raise Unseen(value) from None


def name_of(value: Any) -> str:
  """Where it is defined, such as 'optax.adam'."""
  own = getattr(value, '__qualname__', None) or getattr(value, '__name__', '')
  return f'{getattr(value, "__module__", "")}.{own}'


def has_its_name(value: Any) -> bool:
  """Whether it is what its module calls so."""
  module, _, own = name_of(value).rpartition('.')
  return getattr(sys.modules.get(module), own, None) is value


def _by_name(value: Any) -> str | None:
  """The description of what its name, or its text, tells; None if they do not."""
  if isinstance(value, types.ModuleType):
    return value.__name__
  if isinstance(value, type):
    return name_of(value)
  if isinstance(value, _APART) or type(value) is object:  # a mark, with nothing inside
    return name_of(type(value))
  if isinstance(value, _SAID) or type(value).__module__ == 'typing':
    return repr(value)
  if type(value).__name__ == 'fortran':  # of LAPACK, which SciPy has without a module
    return repr(value)
  if isinstance(value, re.Pattern):  # whose text is cut short
    return f'{value.pattern!r} {value.flags}'
  if has_its_name(value) and (
      isinstance(value, types.BuiltinFunctionType | np.ufunc)
      or closures.installed(value.__module__)):
    return name_of(value)
  return None


def _lines(value: Any, describe: Callable[[Any], Any]) -> Iterator[str]:
  """What is in a value that has no name, by its kind."""
  yield name_of(type(value))
  if isinstance(value, types.FunctionType):
    yield from _of_function(value, describe)
  elif isinstance(value, types.MethodType | types.BuiltinMethodType):
    yield f'{value.__name__} {describe(value.__self__)}'
  elif isinstance(value, set | frozenset):
    yield from sorted(str(describe(one)) for one in value)
  elif (parts := _parts(value)) is not None:
    yield from (f'{name} {describe(parts[name])}' for name in sorted(parts))
  else:
    raise Unseen(value)


def _parts(value: Any) -> dict[str, Any] | None:
  """What an object holds by name; None for one of an installed class, which may hide it.

  Of wrappers, `jax.jit` or `functools.lru_cache`, it is what they wrap and how.
  """
  module = type(value).__module__
  installed = closures.installed(module) or module == closures.__name__
  parts = getattr(value, '__dict__', None)
  if parts is None or installed and '__wrapped__' not in parts:
    return None
  hidden = '_' if installed else '__'  # caches, and places in files
  return {name: part for name, part in parts.items()
          if name == '__wrapped__' or name not in _COPIED and not name.startswith(hidden)}


def _of_function(function: types.FunctionType, describe: Callable[[Any], Any]
                 ) -> Iterator[str]:
  yield from bytecode.lines(function.__code__)
  keywords = function.__kwdefaults__ or {}
  yield str(describe([function.__defaults__, dict(sorted(keywords.items()))]))
  found = [(f'within {i}', value) for i, value in enumerate(_cells(function))]
  # Not its `__module__`, which a wrapper has from what it wraps.
  if not closures.installed(function.__globals__.get('__name__', '')):
    read = dict(bytecode.reads(
        function.__code__, function.__globals__, lambda name: not closures.installed(name)))
    found += sorted(read.items())
  if '__wrapped__' in vars(function):
    found.append(('wraps', vars(function)['__wrapped__']))
  named = bytecode.attributes(function.__code__)
  for name, value in found:
    yield f'{name} {describe(value)}'
    if isinstance(value, types.FunctionType):  # what is noted on it, where that is read
      yield from (f'{name}.{note} {describe(vars(value)[note])}'
                  for note in sorted(named & {*vars(value)}))


def _cells(function: types.FunctionType) -> Iterator[Any]:
  """What a closure holds; nothing in the place of what is not bound as yet."""
  for cell in function.__closure__ or ():
    try:
      yield cell.cell_contents
    except ValueError:
      yield None


def _hash(lines: Iterator[str]) -> str:
  return hashlib.sha256('\n'.join(lines).encode()).hexdigest()[:12]
