"""`python -m unsc_jax.requests enroll|forget|verify|history|export|refresh STORE ...`.

Exit codes: 0 done, 1 `verify` found a fault, 2 refused, with one sentence of why.
"""

from collections.abc import Sequence
import dataclasses
import importlib
import json
import pathlib
import sys
from typing import Annotated, Any

import numpy as np
import tyro

from unsc_jax import problem as problem_lib
from unsc_jax.requests import asked
from unsc_jax.requests import choices
from unsc_jax.requests import request
from unsc_jax.requests import store
from unsc_jax.requests.enroll import enroll
from unsc_jax.requests.forget import forget
from unsc_jax.requests.refresh import refresh
from unsc_jax.requests.verify import again
from unsc_jax.requests.verify import history
from unsc_jax.requests.verify import verify
from unsc_jax.storage import checkpoints

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
  data: pathlib.Path
  """Training data: .npz with x, y and, if you like, ids."""
  how: tyro.conf.OmitArgPrefixes[choices.Choices] = dataclasses.field(
      default_factory=choices.Choices)

  def run(self) -> int:
    network, (examples, ids) = _network(self.network), _read(self.data)
    like = request.structure(network, None) or store.nested(checkpoints.read(self.params))
    record = enroll(
        self.store, network, checkpoints.load(self.params, like), examples, ids=ids,
        choices=self.how)
    print(f'enrolled {record["enrolled"]["count"]} examples in {self.store}')
    return 0


@dataclasses.dataclass(frozen=True)
class Forget:
  """Serve a request: name classes or ids, a file of arrays, or a random share."""
  store: Store
  """Folder of the store."""
  network: str
  """module:name of the network that was enrolled."""
  data: pathlib.Path
  """Examples to be forgotten, among any others: .npz with x and y."""
  classes: tuple[int, ...] = ()
  """Classes to forget."""
  ids: tuple[str, ...] = ()
  """Examples to forget, by their ids at enrolment."""
  all: bool = False
  """Forget all examples of --data."""
  share: float | None = None
  """Forget a random share of what remains."""
  seed: int = 0
  """Of the random share."""
  held_out: pathlib.Path | None = None
  """Examples that the network never saw; needed for all but classes."""
  test: pathlib.Path | None = None
  """Others that it never saw, to measure on."""
  by: str | None = None
  """Who asks; a salted hash of it is kept."""
  dry_run: bool = False
  """Say what would be done, and do nothing."""
  drift_budget: float | None = None
  """Another than the store's."""

  def run(self) -> int:
    examples, _ = _read(self.data)
    given: Any = {name: path and _read(path)[0]
                  for name, path in (('held_out', self.held_out), ('test', self.test))}
    _, record = forget(
        self.store, _network(self.network), self._what(examples), examples, by=self.by,
        dry_run=self.dry_run, drift_budget=self.drift_budget, **given)
    print(_summary(record))
    return 0

  def _what(self, examples: problem_lib.Examples) -> asked.Asked:
    named: list[asked.Asked] = [
        *([asked.Classes(self.classes)] if self.classes else []),
        *([asked.Ids(self.ids)] if self.ids else []),
        *([asked.Arrays(examples)] if self.all else []),
        *([asked.Share(self.share, self.seed)] if self.share is not None else [])]
    if len(named) != 1:
      raise ValueError(
          'a request is of one kind: give either --classes, --ids, --all or --share.')
    return named[0]


@dataclasses.dataclass(frozen=True)
class Verify:
  """Check all of a store by its hashes, and serve a request again if one is named."""
  store: Store
  """Folder of the store."""
  request: int | None = None
  """Serve this one again, and compare the weights."""
  network: str | None = None
  """For that: module:name of the network."""
  data: pathlib.Path | None = None
  """For that: what was forgotten, .npz with x and y."""
  held_out: pathlib.Path | None = None
  """For that: what was given as held out."""

  def run(self) -> int:
    faults = verify(self.store)
    if self.request is not None:
      if self.network is None or self.data is None:
        raise ValueError('to serve a request again, give --network and --data.')
      same = again(
          self.store, _network(self.network), self.request, _read(self.data)[0],
          held_out=self.held_out and _read(self.held_out)[0])
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

  def run(self) -> int:
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

  def run(self) -> int:
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
  data: pathlib.Path
  """All that is retained: .npz with x and y."""

  def run(self) -> int:
    record = refresh(self.store, _network(self.network), _read(self.data)[0])
    print(f'refreshed with {record["enrolled"]["count"]} examples')
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs a verb; 2 where that is not possible, with one sentence of why."""
  verbs: Any = Enroll | Forget | Verify | History | Export | Refresh
  given = tyro.cli(verbs, args=arguments, prog='python -m unsc_jax.requests',
                   description='Forget on request, again and again.')
  try:
    return given.run()
  except (ValueError, OSError, ImportError, FloatingPointError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 2


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
      f'layer drift: {drift["layers"]}, since enrolment {so_far}']
  lines += [f'{path}: {", ".join(f"{free:g} of {d}" for free, d in rooms)} directions free'
            for path, rooms in record['room'].items()]
  return '\n'.join([*lines, *record['advice']])


def _network(name: str) -> problem_lib.Network:
  """The network that 'module:name' names."""
  module, _, attribute = name.partition(':')
  sys.path.insert(0, '')  # as python -m has it for scripts of one's own
  found: Any = getattr(importlib.import_module(module), attribute or 'network', None)
  found = found() if callable(found) else found
  if not isinstance(found, problem_lib.Network):
    raise ValueError(
        f'{name} is no Network; name one as module:name, or a function that returns one.')
  return found


def _read(path: pathlib.Path) -> tuple[problem_lib.Examples, list[str] | None]:
  """Examples of a .npz file, and their ids if it has some."""
  stored = checkpoints.read(path)
  if not {'x', 'y'} <= {*stored}:
    raise ValueError(f'{path} lacks x or y: write it with numpy.savez(path, x=..., y=...).')
  ids = stored.get('ids')
  return problem_lib.Examples(stored['x'], stored['y']), (
      None if ids is None else np.asarray(ids).tolist())


if __name__ == '__main__':
  sys.exit(main())
