"""What a request is about: what was asked, found in a store and in the data given."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

import jax
import numpy as np

from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax.requests import asked as asked_lib
from unsc_jax.requests import hashes
from unsc_jax.requests import ledger as ledger_lib
from unsc_jax.requests import programs
from unsc_jax.requests import records as records_lib
from unsc_jax.requests import serving
from unsc_jax.requests import store as store_lib


@dataclasses.dataclass(frozen=True)
class Request:
  """What a request is about, found in a store.

  Attributes:
    model: before.
    number: of the request.
    whole: the classes of which all goes.
    rows: the enrolled examples that go.
    forget: those of them that were given, in the order of their hashes.
    held_out: examples that the network never saw, of the classes that remain.
    earlier: the examples of every earlier request that were given, which may be none.
    duplicates: how many examples remain that are the same but for their ids.
  """
  model: serving.Model
  number: int
  whole: tuple[int, ...]
  rows: Sequence[ledger_lib.Enrolled]
  forget: problem_lib.Examples
  held_out: problem_lib.Examples | None
  earlier: Mapping[int, problem_lib.Examples]
  duplicates: int

  @property
  def labels(self) -> dict[int, int]:
    """How many examples of every label go."""
    return {int(c): n for c, n in records_lib.labels_of(self.rows).items()}

  def served(self, store: store_lib.Store, session: session_lib.Session) -> serving.Served:
    """What comes of it; the same from the same inputs."""
    return serving.serve(
        self.model, self.forget, self.labels, self.whole, store.choices, self.number,
        held_out=self.held_out, session=session)

  def told(self, salt: bytes) -> dict[str, Any]:
    """What the record says of it."""
    held_out = self.held_out and {
        'count': len(self.held_out),
        'data': hashes.together(hashes.of_examples(
            salt, self.held_out.x, np.asarray(self.held_out.y)))}
    return {
        'forgotten': {
            'count': len(self.rows), 'given': len(self.forget),
            'labels': {str(c): n for c, n in self.labels.items()},
            'ids': hashes.together(row.id for row in self.rows),
            'data': hashes.together(hashes.of_examples(
                salt, self.forget.x, np.asarray(self.forget.y))),
            'duplicates': self.duplicates},
        'held_out': held_out}


def found(
    store: store_lib.Store, network: problem_lib.Network, number: int,
    whole: tuple[int, ...], rows: Sequence[ledger_lib.Enrolled],
    examples: problem_lib.Examples, held_out: problem_lib.Examples | None, like: Any,
) -> Request:
  """A request with its inputs, as it was or will be served.

  Raises:
    ValueError: another network, or examples that are missing.
  """
  programs.check(
      store.records[0]['network'],
      programs.identity(network.fn, store.params(store.records[0], structure(network, like)),
                        examples.x))
  before = store.records[:number]
  gone = records_lib.forgotten_classes(before)
  earlier = {record['number']: store.ledger.of_request(record['number'])
             for record in before if record['kind'] == 'forgot'}
  place = _places(store.ledger.salt, examples, [*rows, *sum(earlier.values(), [])])
  moments = store.moments(before[-1])
  missing = [row for row in rows if row.data not in place]
  needed = [row for row in missing if row.label not in whole or serving.ALL in moments]
  if needed or len(missing) == len(rows):
    raise ValueError(
        f'of {len(rows)} examples to be forgotten {len(needed or missing)} are not among '
        'those given, or not with the inputs that were enrolled; give them all, prepared '
        'as they were then.')
  at = lambda some: examples.where(np.array(
      [place[row.data] for row in some if row.data in place], int))
  model = serving.Model(
      network, store.params(records_lib.enrolment(before), structure(network, like)),
      store.params(before[-1], structure(network, like)), moments,
      records_lib.remaining(before), gone)
  same = {*(row.id for row in rows)}
  duplicates = [row for row in store.ledger.of_data({row.data for row in rows})
                if row.id not in same and (row.request or number + 1) > number]
  return Request(
      model, number, whole, rows, at(rows),
      held_out and held_out.where(~np.isin(held_out.y, (*gone, *whole))),
      {n: at(of) for n, of in earlier.items()}, len(duplicates))


def asked(
    store: store_lib.Store, network: problem_lib.Network, what: asked_lib.Asked,
    examples: problem_lib.Examples, held_out: problem_lib.Examples | None, like: Any,
) -> Request:
  """The next request of a store, with its inputs; see `forget`."""
  rows = what.find(store.ledger, store.records[0]['enrolled']['labels'])
  if not what.whole and held_out is None:
    raise ValueError(
        'single examples learn to be answered as examples that the network never saw; '
        'give some of the same classes as held_out. Whole classes need none.')
  if held_out is not None:
    _check_unseen(store.ledger, held_out)
  return found(store, network, len(store.records), what.whole, rows, examples, held_out,
               like)


def _check_unseen(ledger: ledger_lib.Ledger, held_out: problem_lib.Examples) -> None:
  """Raises ValueError if an example was enrolled, forgotten since or not."""
  data = hashes.of_examples(ledger.salt, held_out.x, np.asarray(held_out.y))
  if enrolled := {row.data for row in ledger.of_data({*data})}:
    raise ValueError(
        f'{sum(key in enrolled for key in data)} of {len(data)} held-out examples were '
        'enrolled; give some that the network never saw.')


def _places(salt, examples, rows) -> dict[bytes, int]:
  """Where examples lie that are enrolled, by the hash of their data."""
  labels = np.asarray(examples.y)
  at = np.flatnonzero(np.isin(labels, [*{row.label for row in rows}]))
  some = examples.where(at)
  return dict(zip(hashes.of_examples(salt, some.x, np.asarray(some.y)), at.tolist()))


def structure(network: problem_lib.Network, like: Any) -> Any:
  """What tells how parameters are nested, if anything does."""
  if like is None and network.init is not None:
    return jax.eval_shape(network.init, jax.random.key(0))
  return like
