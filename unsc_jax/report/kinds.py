"""Kinds of JSON values, and one sentence where a value is of another kind."""

from collections.abc import Callable, Mapping
import math
import numbers
from typing import Any, NamedTuple, NoReturn


class Kind(NamedTuple):
  """A type of value, in words."""
  words: str
  test: Callable[[Any], bool]


def number(value: Any) -> bool:
  """Whether it is a number, which true and false are not."""
  return isinstance(value, numbers.Real) and not isinstance(value, bool)


def whole(value: Any) -> bool:
  """Whether it is a whole number."""
  return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def measured(value: Any) -> bool:
  """Whether it is a number or null."""
  return value is None or number(value)


def accuracy(value: Any) -> bool:
  """Whether it is a number from 0 to 1, or no number, or null."""
  return value is None or (
      number(value) and (math.isnan(value) or 0 <= value <= 1))


def each(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
  """A test of a list from one of its items."""
  return lambda value: isinstance(value, list | tuple) and all(map(test, value))


def values(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
  """A test of an object from one of its values."""
  return lambda value: isinstance(value, Mapping) and all(
      map(test, value.values()))


TEXT = Kind('a text', lambda v: isinstance(v, str))
WHOLE = Kind('a whole number', whole)
NUMBER = Kind('a number', number)
COUNT = Kind('a whole number above 0', lambda v: whole(v) and v > 0)
MEASURED = Kind('a number or null', measured)
ACCURACY = Kind('a number from 0 to 1 or null', accuracy)
MAPPING = Kind('an object', lambda v: isinstance(v, Mapping))
TEXTS = Kind('a list of texts', each(TEXT.test))
SEEDS = Kind('a list of at least one whole number',
             lambda v: each(whole)(v) and len(v) > 0)
CLASSES = Kind('a list of class numbers', each(whole))
ACCURACIES = Kind('a list of numbers from 0 to 1', each(accuracy))
SERIES = Kind('a list of numbers', each(measured))
MEASURES = Kind('an object of numbers or nulls', values(measured))
SECONDS = Kind('an object of seconds', values(
    lambda v: number(v) and 0 <= v < math.inf))
HISTORY = Kind('an object of lists of numbers', values(SERIES.test))
INTERVALS = Kind(
    'an object of pairs of numbers or nulls, the low end first', values(
        lambda v: v is None or (each(measured)(v) and len(v) == 2 and (
            None in v or not v[0] > v[1]))))
SHARES = Kind('a list of numbers that are not negative', each(
    lambda v: number(v) and 0 <= v < math.inf))
COUNTS = Kind('a list of whole numbers that are not negative', each(
    lambda v: whole(v) and v >= 0))
RISING = Kind('a list of at least two numbers, each larger than the one before',
              lambda v: (each(number)(v) and len(v) > 1
                         and all(a < b for a, b in zip(v, v[1:]))))


def grid(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
  """Whether a value is a list of lists of equal length, each entry of a kind."""
  return lambda value: each(each(test))(value) and len({*map(len, value)}) == 1


class List(NamedTuple):
  """A list of objects."""
  each: dict[str, Any]
  optional: bool = False  # null is no list


class Each(NamedTuple):
  """An object whose values are all of one kind, under any names."""
  kind: Any


class Optional(NamedTuple):
  """What may be null or missing."""
  kind: Any


def check(value: Any, path: str, kind: Any) -> None:
  """Checks a value and all in it; `path` leads to it.

  Raises:
    ValueError: one sentence about the first thing that is wrong.
  """
  if isinstance(kind, Kind):
    if not kind.test(value):
      wrong(path, f'is {shown(value)}, not {kind.words}')
  elif isinstance(kind, Optional):
    if value is not None:
      check(value, path, kind.kind)
  elif isinstance(kind, List):
    if value is None and kind.optional:
      return
    if not isinstance(value, list | tuple):
      wrong(path, f'is {shown(value)}, not a list')
    for i, item in enumerate(value):
      check(item, f'{path}[{i}]', kind.each)
  elif not isinstance(value, Mapping):
    wrong(path, f'is {shown(value)}, not an object')
  elif isinstance(kind, Each):
    for key, item in value.items():
      check(item, f'{path}.{key}', kind.kind)
  else:
    for key, inner in kind.items():
      here = f'{path}.{key}' if path else key
      if key not in value and not isinstance(inner, Optional):
        wrong(here, 'is missing')
      check(value.get(key), here, inner)


def shown(value: Any) -> str:
  """A value, shortened for a sentence."""
  text = repr(value)
  return text if len(text) <= 40 else f'{text[:37]}...'


def wrong(path: str, problem: str) -> NoReturn:
  """Raises the error that a value is wrong."""
  raise ValueError(f'{path} {problem}; correct it in the results, or run the '
                   'experiment again.')
