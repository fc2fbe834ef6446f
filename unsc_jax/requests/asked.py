"""What is asked to be forgotten: classes, examples by their ids or as arrays, a share.

Each finds, in a store's ledger, the enrolled examples that it is about, and says in one
sentence what cannot be asked.
"""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any, Protocol

import numpy as np

from unsc_jax import problem as problem_lib
from unsc_jax.requests import hashes
from unsc_jax.requests import ledger as ledger_lib


class Asked(Protocol):
  """What is asked to be forgotten."""

  @property
  def whole(self) -> tuple[int, ...]:
    """The classes of which all is to be forgotten."""
    ...

  def find(
      self, ledger: ledger_lib.Ledger, enrolled: Mapping[str, int]
  ) -> list[ledger_lib.Enrolled]:
    """The examples that are meant.

    Args:
      ledger: of the store.
      enrolled: how many examples of each label were.

    Raises:
      ValueError: there are none, or some cannot be forgotten.
    """
    ...

  def told(self) -> dict[str, Any]:
    """What the record says of it: no identifier and no data."""
    ...


@dataclasses.dataclass(frozen=True)
class Classes:
  """All that remains of some classes.

  Attributes:
    classes: their labels.
  """
  classes: tuple[int, ...]

  def __post_init__(self):
    if not self.classes:
      raise ValueError('no class is named; name one at least.')
    object.__setattr__(self, 'classes', tuple(sorted({*map(int, self.classes)})))

  @property
  def whole(self) -> tuple[int, ...]:
    return self.classes

  def find(self, ledger, enrolled):
    found = ledger.of_labels(self.classes)
    for c in self.classes:
      ledger.check_count(c, enrolled)
      of_class = [example for example in found if example.label == c]
      _check_enrolled(c, enrolled)
      if all(example.request for example in of_class):
        number = max(example.request for example in of_class)
        raise ValueError(f'class {c} was forgotten before, by request {number}; there is '
                         'nothing left to do.')
    return [example for example in found if not example.request]

  def told(self):
    return {'kind': 'classes', 'classes': list(self.classes)}


@dataclasses.dataclass(frozen=True)
class Ids:
  """Examples by the ids that they were enrolled with.

  Attributes:
    ids: strings or numbers; without ids at enrolment, places in the data of then.
  """
  ids: tuple[Any, ...]

  whole = ()

  def __post_init__(self):
    if not len(self.ids):
      raise ValueError('no id is named; name one at least.')
    object.__setattr__(self, 'ids', tuple(map(str, self.ids)))
    if twice := _first_twice(self.ids):
      raise ValueError(f'id {twice!r} is named twice; name it once.')

  def find(self, ledger, enrolled):
    own = dict(zip(hashes.of_ids(ledger.salt, self.ids), self.ids))
    found = {example.id: example for example in ledger.of_ids(own)}
    if unknown := [name for key, name in own.items() if key not in found]:
      raise ValueError(
          f'id {unknown[0]!r}{_others(unknown)} was never enrolled; leave out what is not '
          'in this store.')
    if before := [example for example in found.values() if example.request]:
      raise ValueError(
          f'id {own[before[0].id]!r}{_others(before)} was forgotten before, by request '
          f'{before[0].request}; leave out what is forgotten already.')
    return sorted(found.values())

  def told(self):
    return {'kind': 'ids', 'count': len(self.ids)}


@dataclasses.dataclass(frozen=True)
class Arrays:
  """Examples by their inputs and labels, in any order.

  Attributes:
    examples: as they were enrolled, ready for the network.
  """
  examples: problem_lib.Examples

  whole = ()

  def find(self, ledger, enrolled):
    data = hashes.of_examples(
        ledger.salt, self.examples.x, np.asarray(self.examples.y))
    by_data: dict[bytes, list] = {}
    for example in ledger.of_data({*data}):
      by_data.setdefault(example.data, []).append(example)
    found, taken = [], set()
    for i, key in enumerate(data):
      same = by_data.get(key, ())
      if not same:
        raise ValueError(
            f'example {i} was never enrolled with these inputs and this label; leave it '
            'out, or prepare it as the data were at enrolment.')
      left = [e for e in same if not e.request and e.id not in taken]
      if not left:
        number = max((example.request or 0) for example in same)
        raise ValueError(
            f'example {i} was forgotten before, by request {number}; leave it out.'
            if number else f'example {i} is given more often than it was enrolled; give '
            'it once.')
      found.append(left[0])
      taken.add(left[0].id)
    return sorted(found)

  def told(self):
    return {'kind': 'arrays', 'count': len(self.examples)}


@dataclasses.dataclass(frozen=True)
class Share:
  """A random share of what remains.

  Attributes:
    share: of the remaining examples, or of those of `classes`, between 0 and 1.
    seed: of the draw.
    classes: to draw from; by default all.
  """
  share: float
  seed: int = 0
  classes: tuple[int, ...] = ()

  whole = ()

  def __post_init__(self):
    if not 0 < self.share < 1:
      raise ValueError(f'a share of {self.share} cannot be drawn; give one between 0 and 1.')
    object.__setattr__(self, 'classes', tuple(sorted({*map(int, self.classes)})))

  def find(self, ledger, enrolled):
    for c in self.classes:
      _check_enrolled(c, enrolled)
    among = ledger.of_labels(self.classes) if self.classes else ledger.all()
    left = [example for example in among if not example.request]
    count = round(self.share * len(left))
    if self.classes and count == len(left) > 0:
      raise ValueError(
          f'a share of {self.share} of {len(left)} examples is all of them; give a '
          'smaller one, or ask for the classes.')
    if not count:
      raise ValueError(
          f'a share of {self.share} of {len(left)} examples is none; give a larger one.')
    drawn = np.random.default_rng(self.seed).choice(len(left), count, replace=False)
    return [left[i] for i in sorted(drawn)]

  def told(self):
    of = {'classes': list(self.classes)} if self.classes else {}
    return {'kind': 'share', 'share': self.share, 'seed': self.seed, **of}


def _check_enrolled(c: int, enrolled: Mapping[str, int]) -> None:
  if not enrolled.get(str(c)):
    raise ValueError(
        f'class {c} was never enrolled; choose among {", ".join(sorted(enrolled))}.')


def _first_twice(names: Sequence[str]) -> str | None:
  seen: set[str] = set()
  for name in names:
    if name in seen:
      return name
    seen.add(name)
  return None


def _others(items: Sequence) -> str:
  return f' (and {len(items) - 1} more)' if len(items) > 1 else ''
