"""The collectives of a compiled program, read off its HLO text."""

from collections.abc import Iterator
import math
import re
from typing import NamedTuple

_KINDS = ('all-reduce', 'all-gather', 'reduce-scatter', 'all-to-all',
          'collective-permute', 'collective-broadcast', 'ragged-all-to-all')
_BITS = {'pred': 8, 'c64': 64, 'c128': 128}  # the others say it in their name
_OPERATION = re.compile(
    rf'= (.*?) ({"|".join(_KINDS)}|while|fusion|call|conditional|'
    r'async-start|custom-call)(-start)?\(')
_CALLED = re.compile(
    r'(?:calls|body|to_apply|true_computation|false_computation)=%?([\w.\-]+)')
_CONDITION = re.compile(r'condition=%?([\w.\-]+)')
_BRANCHES = re.compile(r'branch_computations=\{([^}]*)\}')
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')


class Collective(NamedTuple):
  """One kind of collective in a program."""
  kind: str
  count: int  # how often it runs, loops included
  bytes: int  # of all its results, loops included


def collectives(text: str) -> list[Collective]:
  """Everything that devices exchange when a program runs once.

  Args:
    text: of `compiled.as_text()`.

  Returns:
    One entry for every kind that occurs.

  Raises:
    ValueError: there is a collective in a loop of unknown length.
  """
  bodies = dict(_computations(text))
  entry = next(name for name in bodies if name.startswith('ENTRY '))
  found: dict[str, list[int]] = {}
  for kind, times, size in _walk(bodies, entry, 1):
    total = found.setdefault(kind, [0, 0])
    total[0] += times
    total[1] += times * size
  return [Collective(kind, *total) for kind, total in sorted(found.items())]


def _computations(text: str) -> Iterator[tuple[str, list[str]]]:
  """Name and lines of every computation; the entry's name says so."""
  head = re.compile(r'^(ENTRY )?%?([\w.\-]+) .*\{$')
  name, lines = '', []
  for line in text.splitlines():
    if match := head.match(line):
      name, lines = (match[1] or '') + match[2], []
    elif line.startswith('}') and name:
      yield name, lines
      name = ''
    elif name:
      lines.append(line)


def _walk(bodies, name: str, times: int | None) -> Iterator[tuple]:
  """`(kind, how often, bytes)` of all collectives below a computation."""
  for line in bodies.get(name, ()):
    match = _OPERATION.search(line)
    if not match:
      continue
    result, operation, start = match.groups()
    if operation in _KINDS:
      if times is None:
        raise ValueError(f'{name} is a loop of unknown length with {operation}.')
      sizes = _sizes(result)
      # A start's result holds its operands as well, and some bookkeeping.
      yield operation, times, (max(sizes) if start and operation != 'all-reduce'
                               else sum(sizes))
      continue
    inner = times
    if operation == 'while':
      trips = _trips(bodies, line)
      inner = times * trips if trips and times is not None else None
    called = _CALLED.findall(line)
    for branches in _BRANCHES.findall(line):
      called += re.findall(r'[\w.\-]+', branches)
    for other in called:
      yield from _walk(bodies, other, inner)


def _trips(bodies, line: str) -> int | None:
  """How often a `while` runs: as it says, or as its condition counts."""
  if known := _TRIPS.search(line):
    return int(known[1])
  condition = '\n'.join(bodies[_CONDITION.search(line)[1]])
  bounds = re.findall(r' = s32\[\]\S* constant\((\d+)\)', condition)
  counts_up = len(bounds) == 1 and 'direction=LT' in condition
  return int(bounds[0]) if counts_up else None


def _sizes(shape: str) -> list[int]:
  """Bytes of every array in an HLO shape such as `(f32[2,3]{1,0}, bf16[4])`."""
  out = []
  for kind, dims in re.findall(r'\b([a-z]+\d*\w*)\[([\d,]*)\]', shape):
    bits = _BITS.get(kind) or int(re.search(r'\d+', kind)[0])
    out.append(math.prod(int(n) for n in dims.split(',') if n) * bits // 8)
  return out
