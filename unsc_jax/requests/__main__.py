"""`python -m unsc_jax.requests enroll|forget|verify|history|export|refresh STORE ...`.

Exit codes: 0 done, 1 `verify` found a fault, 2 refused, 3 another process writes to the
store, 130 interrupted; all but 0 with one sentence of why. How far it is goes to standard
error: a bar on a terminal, lines in a log.
"""

from collections.abc import Sequence
import dataclasses
import json
import pathlib
import sys
from typing import Annotated, Any
import warnings

import tyro

from unsc_jax import problem as problem_lib
from unsc_jax import progress
from unsc_jax import session as session_lib
from unsc_jax.requests import asked
from unsc_jax.requests import choices
from unsc_jax.requests import named
from unsc_jax.requests import request
from unsc_jax.requests import store
from unsc_jax.requests.enroll import enroll
from unsc_jax.requests.forget import forget
from unsc_jax.requests.refresh import refresh
from unsc_jax.requests.verify import again
from unsc_jax.requests.verify import history
from unsc_jax.requests.verify import verify
from unsc_jax.storage import checkpoints

REFUSED, BUSY, INTERRUPTED = 2, 3, 130

Store = Annotated[pathlib.Path, tyro.conf.Positional]


@dataclasses.dataclass(frozen=True)
class Enroll:
  """Make a store of a trained model: one pass over its training data."""
  store: Store
  """Folder to make."""
  network: str
  """module:name of a Network, or of a function that returns one."""
  params: pathlib.Path
  """The trained parameters, a .npz file or an Orbax folder."""
  data: str
  """Training data: .npz with x, y and, if you like, ids; or fashion_mnist:train."""
  how: tyro.conf.OmitArgPrefixes[choices.Choices] = dataclasses.field(
      default_factory=choices.Choices)

  def run(self, session: session_lib.Session) -> int:
    network, (examples, ids) = named.network(self.network), named.examples(self.data)
    like = request.structure(network, None) or store.nested(checkpoints.read(self.params))
    record = enroll(
        self.store, network, checkpoints.load(self.params, like), examples, ids=ids,
        choices=self.how, session=session)
    print(f'enrolled {record["enrolled"]["count"]} examples in {self.store}')
    return 0


@dataclasses.dataclass(frozen=True)
class Forget:
  """Serve a request: classes, ids, all of a file, indices of a split, or a share."""
  store: Store
  """Folder of the store."""
  network: str
  """module:name of the network that was enrolled."""
  data: str
  """Examples to be forgotten, among any others: .npz with x and y, or a split of a data
  set by its name, such as fashion_mnist:train."""
  classes: tuple[int, ...] = ()
  """Classes to forget."""
  ids: tuple[str, ...] = ()
  """Examples to forget, by their ids at enrolment."""
  indices: tuple[int, ...] = ()
  """Examples to forget, by their places in the split that --data names."""
  all: bool = False
  """Forget all examples of --data."""
  share: float | None = None
  """Forget a random share of what remains."""
  share_of: tuple[int, ...] = ()
  """Classes to draw the share from; by default all."""
  seed: int = 0
  """Of the random share."""
  held_out: str | None = None
  """Examples that the network never saw; needed for all but classes."""
  test: str | None = None
  """Others that it never saw, to measure on."""
  by: str | None = None
  """Who asks; a salted hash of it is kept."""
  dry_run: bool = False
  """Say what would be done, and do nothing."""
  drift_budget: float | None = None
  """Another than the store's."""

  def run(self, session: session_lib.Session) -> int:
    self._check()
    examples, _ = named.examples(self.data, self.indices)
    given: Any = {name: path and named.examples(path)[0]
                  for name, path in (('held_out', self.held_out), ('test', self.test))}
    _, record = forget(
        self.store, named.network(self.network), self._what(examples), examples, by=self.by,
        dry_run=self.dry_run, drift_budget=self.drift_budget, session=session, **given)
    print(_summary(record))
    if self.dry_run:
      print('a dry run: the store is as it was')
    return 0

  def _check(self) -> None:
    named = [bool(self.classes), bool(self.ids), bool(self.indices), self.all,
             self.share is not None]
    if sum(named) != 1:
      raise ValueError('a request is of one kind: give either --classes, --ids, --indices, '
                       '--all or --share.')
    if self.share_of and self.share is None:
      raise ValueError('--share-of names what a share is drawn from; add --share.')

  def _what(self, examples: problem_lib.Examples) -> asked.Asked:
    if self.classes:
      return asked.Classes(self.classes)
    if self.ids:
      return asked.Ids(self.ids)
    if self.share is not None:
      return asked.Share(self.share, self.seed, self.share_of)
    return asked.Arrays(examples)


@dataclasses.dataclass(frozen=True)
class Verify:
  """Check all of a store by its hashes, and serve a request again if one is named."""
  store: Store
  """Folder of the store."""
  request: int | None = None
  """Serve this one again, and compare the weights."""
  network: str | None = None
  """For that: module:name of the network."""
  data: str | None = None
  """For that: what was forgotten, .npz with x and y."""
  held_out: str | None = None
  """For that: what was given as held out."""

  def run(self, session: session_lib.Session) -> int:
    faults = verify(self.store)
    if self.request is not None:
      if self.network is None or self.data is None:
        raise ValueError('to serve a request again, give --network and --data.')
      same = again(
          self.store, named.network(self.network), self.request, named.examples(self.data)[0],
          held_out=named.examples(self.held_out)[0] if self.held_out else None,
          session=session)
      if not same:
        faults.append(f'request {self.request} leads to other weights when served again.')
    print('\n'.join(faults) or f'{self.store} is as its records say')
    return int(bool(faults))


@dataclasses.dataclass(frozen=True)
class History:
  """List the requests of a store."""
  store: Store
  """Folder of the store."""
  json: bool = False
  """All of every record."""

  def run(self, session: session_lib.Session) -> int:
    del session
    records, begun = history(self.store)
    if self.json:
      print(json.dumps(records, indent=1))
      return 0
    for record in records:
      print(f'{record["number"]}  {record["created"]}  {record["kind"]}  '
            f'{json.dumps(record.get("asked", {}))}')
    for record in begun:
      print(f'{record["number"]}  {record["created"]}  begun, not done; ask again')
    return 0


@dataclasses.dataclass(frozen=True)
class Export:
  """Copy a model's parameters out of a store."""
  store: Store
  """Folder of the store."""
  out: pathlib.Path
  """The .npz file to write."""
  request: int | None = None
  """After which request; by default the newest that can be read."""

  def run(self, session: session_lib.Session) -> int:
    del session
    record = store.export(self.store, self.out, request=self.request)
    print(f'{self.out}: after request {record["number"]}, '
          f'weights {record["weights"]["after"]}')
    return 0


@dataclasses.dataclass(frozen=True)
class Refresh:
  """Take moments anew, of all that is retained."""
  store: Store
  """Folder of the store."""
  network: str
  """module:name of the network that was enrolled."""
  data: str
  """All that is retained: .npz with x and y."""

  def run(self, session: session_lib.Session) -> int:
    record = refresh(self.store, named.network(self.network), named.examples(self.data)[0],
                     session=session)
    print(f'refreshed with {record["enrolled"]["count"]} examples')
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs a verb; 2 where that is not possible, with one sentence of why."""
  verbs: Any = Enroll | Forget | Verify | History | Export | Refresh
  given = tyro.cli(verbs, args=arguments, prog='python -m unsc_jax.requests',
                   description='Forget on request, again and again.')
  try:
    with warnings.catch_warnings(), progress.shown() as show:
      warnings.showwarning = _warned
      return given.run(session_lib.Session(progress=show))
  except KeyboardInterrupt:
    return _told('interrupted; the store is as it was, ask again', INTERRUPTED)
  except BlockingIOError as error:
    return _told(f'error: {error}', BUSY)
  except OSError as error:
    return _told(f'error: {_of_file(error)}', REFUSED)
  except (ValueError, ImportError, FloatingPointError) as error:
    return _told(f'error: {error}', REFUSED)


def _warned(message: Warning | str, *where: Any, **named: Any) -> None:
  """A warning as a sentence, without the place in the code that gave it."""
  del where, named
  print(f'warning: {message}', file=sys.stderr)


def _told(sentence: str, code: int) -> int:
  print(sentence, file=sys.stderr)
  return code


def _of_file(error: OSError) -> str:
  """What the system says of a file, without its number."""
  return f'{error.filename}: {error.strerror}.' if error.filename else str(error)


def _summary(record: dict[str, Any]) -> str:
  """What came of a request, in a few lines."""
  of = record['forgotten']
  before, after = (record['measures']['forgotten'][when]['accuracy']['value']
                   for when in ('before', 'after'))
  drift = {name: 'unknown' if value is None else f'{value:.2%}'
           for name, value in record['drift'].items()}
  so_far = f'{drift["layers_since_enrolment"]} of a budget of {drift["budget"]}'
  lines = [
      f'request {record["number"]}: {of["count"]} examples, {record["steps"]} steps',
      f'accuracy on them: {before:.1%} before, {after:.1%} after',
      f'layer drift: {drift["layers"]}, since enrolment {so_far}',
      f'time: {record["seconds"]["all"]:.1f} s']
  lines += [f'{path}: {", ".join(f"{free:g} of {d}" for free, d in rooms)} directions free'
            for path, rooms in record['room'].items()]
  return '\n'.join([*lines, *record['advice']])


if __name__ == '__main__':
  sys.exit(main())
