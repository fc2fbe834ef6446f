"""A function's instructions, alike wherever it stands, and what of its module they read."""

from collections.abc import Iterator
import dis
import importlib.util
import sys
import types
from typing import Any

_GLOBALS = ('LOAD_GLOBAL', 'LOAD_NAME')
_ATTRIBUTES = ('LOAD_ATTR', 'LOAD_METHOD')
_STARS = 0x04 | 0x08  # of a code's flags: whether it takes `*args` and `**kwargs`


def nested(code: types.CodeType) -> Iterator[types.CodeType]:
  """The code of a function, and of those within it."""
  yield code
  for constant in code.co_consts:
    if isinstance(constant, types.CodeType):
      yield from nested(constant)


def lines(code: types.CodeType) -> Iterator[str]:
  """An instruction a line, with the constants and names that it is about.

  Constants count where they are loaded, so that what a function says of itself does not.

  Example:
    >>> of = lambda fn: [*lines(fn.__code__)]
    >>> of(lambda x: x + 1) == of(lambda y: y + 1), of(lambda x: x + 1) == of(lambda x: x + 2)
    (True, False)
  """
  for inner in nested(code):
    by_keyword = inner.co_varnames[inner.co_argcount:][:inner.co_kwonlyargcount]
    yield (f'{inner.co_argcount} {inner.co_posonlyargcount} {by_keyword} '
           f'{inner.co_flags & _STARS} {inner.co_exceptiontable.hex()}')
    yield from (f'{one.opname} {_operand(one)}' for one in _instructions(inner))


def reads(code: types.CodeType, module: dict[str, Any], own: Any
          ) -> Iterator[tuple[str, Any]]:
  """The values of its module that a function's code names, and those of other modules.

  What it imports by itself counts as well. Of a class, as of a module, it is what is read
  there, where its name is followed by that.

  Args:
    code: of the function.
    module: its globals.
    own: whether to look into a module and its classes, of which it is given the name.

  Yields:
    Names as in the code, 'helpers.scale', and their values.
  """
  for inner in nested(code):
    instructions = _instructions(inner)
    for i, one in enumerate(instructions):
      if one.opname in _GLOBALS and one.argval in module:
        yield _followed(one.argval, module[one.argval], instructions[i + 1:], own)
      elif one.opname == 'IMPORT_NAME':
        yield from _imported(instructions[i - 2:i + 1], module, own)


def _followed(name: str, value: Any, after: list[dis.Instruction], own: Any
              ) -> tuple[str, Any]:
  """A value, or that of its attributes at which the instructions after it arrive."""
  for one in after:
    if not isinstance(value, types.ModuleType | type) or not own(
        value.__module__ if isinstance(value, type) else value.__name__):
      break
    if one.opname not in _ATTRIBUTES or not hasattr(value, one.argval):
      break
    name, value = f'{name}.{one.argval}', getattr(value, one.argval)
  return name, value


def _imported(instructions: list[dis.Instruction], module: dict[str, Any], own: Any
              ) -> Iterator[tuple[str, Any]]:
  """What is imported: a module, or what is taken from it, if it is there by now."""
  level, taken, one = instructions
  try:
    name = importlib.util.resolve_name(
        '.' * level.argval + one.argval, module.get('__package__') or '')
  except ImportError:  # as the import would say
    return
  if (found := sys.modules.get(name)) is None or not own(name):
    return
  if not taken.argval:
    yield f'import {name}', found
  for part in taken.argval or ():
    if hasattr(found, part):
      yield f'import {name}.{part}', getattr(found, part)


def attributes(code: types.CodeType) -> set[str]:
  """The names of all attributes that a function's code reads, of whatever."""
  return {one.argval for inner in nested(code) for one in _instructions(inner)
          if one.opname in _ATTRIBUTES}


def _instructions(code: types.CodeType) -> list[dis.Instruction]:
  """Without the prefixes of long operands, which tell where a constant stands."""
  return [one for one in dis.get_instructions(code) if one.opname != 'EXTENDED_ARG']


def _operand(one: dis.Instruction) -> str:
  """What an instruction is about; a variable by its number, whatever it is called."""
  if one.opcode in dis.hasconst:
    return _text(one.argval)
  return str(one.argval if one.opcode in dis.hasname else one.arg)


def _text(constant: Any) -> str:
  if isinstance(constant, types.CodeType):
    return 'function'
  if isinstance(constant, frozenset):  # whose order is another in every process
    return str(sorted(map(repr, constant)))
  return repr(constant)
