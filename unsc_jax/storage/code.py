"""What a callable does, told by a hash of its code and of all that the code leads to."""

from collections.abc import Callable, Iterator
import functools
import hashlib
import inspect
import json
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

Described = Callable[[Any], Any]
Describe = Callable[[Any, Described, Described], Any]

_SAID = (complex, bytes, range, slice, types.EllipsisType, types.NotImplementedType,
         types.GenericAlias, types.UnionType, inspect.Signature, pathlib.PurePath,
         np.dtype, jax.tree_util.PyTreeDef)
# Where arrays lie, what is logged and who waits changes nothing that is computed.
_APART = (jax.sharding.Sharding, jax.sharding.Mesh, jax.Device, logging.Logger,
          type(threading.Lock()))
# What `functools.update_wrapper` copies from one function to the next.
_COPIED = ('__module__', '__name__', '__qualname__', '__doc__', '__annotations__',
           '__type_params__')
# What a class makes of functions, and where they are in there.
_MADE_OF = {
    staticmethod: ('__func__',), classmethod: ('__func__',),
    property: ('fget', 'fset', 'fdel'), functools.cached_property: ('func',)}


class Unseen(TypeError):
  """Raised for what cannot be seen into."""

  def __init__(self, value: Any):
    try:
      said = ' '.join(repr(value).split())
    except Exception:  # of a class of the user's own, whatever it says
      said = '...'
    super().__init__(
        f'{said[:80]} ({name_of(type(value))}) cannot be told from others like it when a run '
        'is resumed: pass a frozen dataclass with fields instead.')


def code(value: Any, describe: Describe) -> str:
  """A short hash of a callable: its code, its defaults, and what it holds and reads.

  The functions that it holds and names count as well, wherever their code is not of an
  installed package: within `jax.jit`, `functools.lru_cache` and other wrappers, in
  another module, in closures. So do classes of the user's own, but for what cannot be
  seen into of theirs. Of installed packages, of this one's classes and of modules that are
  handed about the name alone does. Where it stands in its file does not count, nor what
  it says of itself, nor what it would read by a name that is made up when it is run
  (`getattr(module, name)`, `globals()[name]`) or from a module that is not imported as yet,
  nor which arguments of a `jax.jit` are static.

  Args:
    value: a callable, or a class.
    describe: from a value, from what describes its parts, and from what describes
      callables and whatever else has no description of its own, to JSON.

  Returns:
    Twelve digits; of what the name tells, and of classes, the name before them.

  Raises:
    Unseen: it holds or reads what cannot be seen into.

  Example:
    >>> of = lambda fn: code(
    ...     fn, lambda value, part, other: other(value) if callable(value) else repr(value))
    >>> of(lambda x: x > .5) == of(lambda y: y > .5)
    True
    >>> of(lambda x, least=.5: x > least) == of(lambda x, least=.6: x > least)
    False
  """
  try:
    return _teller(describe, {})(value)
  except RecursionError:
    raise Unseen(value) from None


def _teller(describe: Describe, seen: dict[int, tuple[Any, Any]]) -> Described:
  """What describes parts of one whole, each of them once.

  Args:
    describe: see `code`.
    seen: from the address of a part that was met to it, so that it stays there, and to its
      description: as long as that is made, the number under which it leads back to itself.
  """
  def told(value):
    if value is None or isinstance(value, bool | int | float | str):
      return value
    if id(value) not in seen:
      seen[id(value)] = value, f'number {len(seen)}'
      try:
        seen[id(value)] = value, _brief(describe(value, part_of(value), other))
      except Unseen:
        del seen[id(value)]  # so that whoever comes to it again is told as well
        raise
    return seen[id(value)][1]

  def part_of(value):
    if not isinstance(value, set | frozenset):
      return told
    # Whichever of them comes first, the others are described as if it had not.
    return lambda member: _teller(describe, {**seen})(member)

  def other(value):
    if (name := _by_name(value)) is not None:
      return name
    if isinstance(value, type):
      return f'{name_of(value)} {_hash(_of_class(value, told))}'
    return _hash(_lines(value, told))

  return told


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
    return name_of(value) if _settled(value.__module__) else None
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


def _lines(value: Any, told: Described) -> Iterator[str]:
  """What is in a value that has no name, by its kind."""
  yield told(type(value))
  if isinstance(value, types.FunctionType):
    yield from _of_function(value, told)
  elif isinstance(value, types.MethodType | types.BuiltinMethodType):
    yield f'{value.__name__} {text(told(value.__self__))}'
  elif (parts := _parts(value)) is not None:
    yield from (f'{name} {text(told(parts[name]))}' for name in sorted(parts))
  elif about := _of_pytree(value):
    yield text(told(about))
  else:
    raise Unseen(value)


def _of_class(kind: type, told: Described) -> Iterator[str]:
  """What is in a class of the user's own: what it is made of, and what it says of all.

  What cannot be seen into counts by its class: each abstract class has some of that, and
  most of those who read a class do not read all of it.
  """
  yield text([told(base) for base in kind.__bases__])
  for name, part in sorted(vars(kind).items()):
    if name.startswith('__') and not isinstance(part, (types.FunctionType, *_MADE_OF)):
      continue  # what Python notes
    try:
      yield f'{name} {text(told(part))}'
    except Unseen:
      yield f'{name} {name_of(type(part))}'


def _of_pytree(value: Any) -> list | None:
  """The children and the settings of a node of JAX's trees; None if it is none."""
  if isinstance(value, Iterator):  # which JAX does not want to see
    return None
  children, structure = jax.tree.flatten(value, is_leaf=lambda part: part is not value)
  return (node := structure.node_data()) and [children, node[1]]


def _parts(value: Any) -> dict[str, Any] | None:
  """What an object holds by name; None for one of an installed class, which may hide it.

  Of wrappers, `jax.jit` or `functools.lru_cache`, it is what they wrap and how.
  """
  if names := _MADE_OF.get(type(value)):
    return {name: getattr(value, name) for name in names}
  module = type(value).__module__
  installed = closures.installed(module) or module == closures.__name__
  parts = getattr(value, '__dict__', None)
  if parts is None or installed and '__wrapped__' not in parts:
    return None
  hidden = '_' if installed else '__'  # caches, and places in files
  return {name: part for name, part in parts.items()
          if name == '__wrapped__' or name not in _COPIED and not name.startswith(hidden)
          # What is worked out of the others when it is asked for.
          and not isinstance(getattr(type(value), name, None), functools.cached_property)}


def _of_function(function: types.FunctionType, told: Described) -> Iterator[str]:
  yield from bytecode.lines(function.__code__)
  yield text(told([function.__defaults__, function.__kwdefaults__ or {}]))
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
    yield f'{name} {text(told(value))}'
    if isinstance(value, types.FunctionType) or _own_module(value):
      # What is noted on it, where that is read.
      yield from (f'{name}.{note} {text(told(vars(value)[note]))}'
                  for note in sorted(named & {*vars(value)}))


def _settled(module: str) -> bool:
  """Whether a module is installed, or of this library, wherever that lies."""
  return module.partition('.')[0] == __name__.partition('.')[0] or closures.installed(module)


def _own_module(value: Any) -> bool:
  return isinstance(value, types.ModuleType) and not closures.installed(value.__name__)


def _cells(function: types.FunctionType) -> Iterator[Any]:
  """What a closure holds; nothing in the place of what is not bound as yet."""
  for cell in function.__closure__ or ():
    try:
      yield cell.cell_contents
    except ValueError:
      yield None


def _hash(lines: Iterator[str]) -> str:
  return hashlib.sha256('\n'.join(lines).encode()).hexdigest()[:12]


def _brief(told: Any) -> Any:
  """A description in a line: what is shared by many is not written out for each."""
  return _hash(iter([text(told)])) if isinstance(told, list | dict) else told


def text(told: Any) -> str:
  """A description, whatever the order in which its parts were found."""
  return json.dumps(told, sort_keys=True)
