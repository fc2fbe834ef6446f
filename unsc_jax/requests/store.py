"""A store: the folder beside a model that its requests are served from.

  ledger.db   who is enrolled, who was forgotten, the records
  objects/    parameters and moments, each under the hash of its file
  audit/      every record once more, for people: a .json and an .html each

The ledger's transaction is what counts. Objects are written before it and never
changed, the files of `audit` after it: killed anywhere in between, the store is what it
was before the request, or what it is after it.
"""

from collections.abc import Generator, Iterable, Mapping
import contextlib
import dataclasses
import errno
import functools
import os
import pathlib
import sqlite3
from typing import Any
import warnings

import jax

from unsc_jax import moments as moments_lib
from unsc_jax import storage
from unsc_jax.requests import audit
from unsc_jax.requests import chain
from unsc_jax.requests import choices as choices_lib
from unsc_jax.requests import ledger as ledger_lib
from unsc_jax.requests import locks
from unsc_jax.requests import objects
from unsc_jax.requests import records as records_lib
from unsc_jax.storage import atomic
from unsc_jax.storage import checkpoints
from unsc_jax.storage import moments as moments_files

Path = str | os.PathLike[str]
Record = records_lib.Record


@dataclasses.dataclass(frozen=True)
class Store:
  """A store, open."""
  folder: pathlib.Path
  ledger: ledger_lib.Ledger
  records: tuple[Record, ...]  # from the enrolment on

  @property
  def latest(self) -> Record:
    return self.records[-1]

  @property
  def head(self) -> str:
    """The hash of the newest record."""
    return chain.hash_of(chain.canonical(self.latest))

  @functools.cached_property
  def choices(self) -> choices_lib.Choices:
    return choices_lib.Choices.of(self.records[0]['choices'])

  def params(self, record: Record, like: Any = None) -> Any:
    """The parameters of the version that a record describes; see `load`."""
    return _params(self.folder, record, like)

  def moments(self, record: Record) -> dict[str, moments_lib.Moments]:
    """The moments of a version: of each label, or under 'all' of all data."""
    return {name: objects.get(self.folder / 'objects', stored, moments_files.load)
            for name, stored in record['version']['moments'].items()}

  def put(self, params: Any, moments: Mapping[str, moments_lib.Moments],
          unchanged: Mapping[str, str]) -> dict[str, Any]:
    """Writes a version's files, and says what they are called.

    Args:
      params: pytree of arrays.
      moments: those that are new.
      unchanged: the files of those that are not.
    """
    return put(self.folder, params, moments, unchanged)

  def commit(self, record: Record, forgotten: Iterable[ledger_lib.Enrolled] = ()) -> Record:
    """Makes a record count, and all that it says with it."""
    self.ledger.commit(record, forgotten)
    try:
      audit.write(self.folder / 'audit', [self.ledger.links[-1]])
    except OSError as error:  # it counts all the same
      warnings.warn(
          f'request {record["number"]} is done, but its audit file was not written '
          f'({error.strerror}); the next request writes it.', stacklevel=2)
    return record


def put(folder: pathlib.Path, params: Any, moments: Mapping[str, moments_lib.Moments],
        unchanged: Mapping[str, str]) -> dict[str, Any]:
  """Writes parameters and moments into a store's folder; see `Store.put`."""
  into = functools.partial(objects.put, folder / 'objects')
  return {
      'parameters': into(lambda path: checkpoints.save(path, params)),
      'moments': {**unchanged, **{
          name: into(lambda path, of=of: moments_files.save(path, of))
          for name, of in moments.items()}}}


def hash_of(params: Any) -> str:
  """The hash by which weights are known."""
  return storage.fingerprint(params)


@contextlib.contextmanager
def created(folder: Path) -> Generator[tuple[pathlib.Path, ledger_lib.Ledger]]:
  """A new store, there whole once the block ends, or not at all.

  Raises:
    FileExistsError: there is something already.
  """
  folder = pathlib.Path(folder).absolute()
  if folder.exists():
    raise FileExistsError(f'{folder} exists: choose another folder for the store.')
  folder.parent.mkdir(parents=True, exist_ok=True)
  with atomic.written(folder, replace=False) as draft:
    for name in ('objects', 'audit'):
      (draft / name).mkdir(parents=True)
    ledger_lib.create(draft / 'ledger.db')
    with ledger_lib.opened(draft / 'ledger.db', write=True) as ledger:
      yield draft, ledger
      audit.write(draft / 'audit', ledger.links)


@contextlib.contextmanager
def opened(folder: Path, *, write: bool = False) -> Generator[Store]:
  """Opens a store; to write, for one process at a time.

  Whoever opens it to write sweeps up what a killed process has left.

  Args:
    folder: of the store.
    write: whether it will be written to.

  Raises:
    BlockingIOError: another process is writing.
    FileNotFoundError: there is no store.
    ValueError: it is damaged, or of a newer version.
  """
  folder = pathlib.Path(folder).absolute()
  if not folder.is_dir():
    raise FileNotFoundError(f'there is no store in {folder}: enrol a model there first.')
  with contextlib.ExitStack() as stack:
    if write:
      stack.enter_context(locks.alone(folder))
    ledger = stack.enter_context(ledger_lib.opened(folder / 'ledger.db', write=write))
    if faults := ledger.faults():
      raise ledger_lib.damaged(ledger.path, faults[0].rstrip('.'))
    links = ledger.links
    records = tuple(chain.body(text) for text, _ in links)
    if write:
      objects.sweep(folder / 'objects', {
          name for record in records for name in names(record)})
      objects.sweep(folder / 'audit', None)
      audit.write(folder / 'audit', links)
    with _room(folder):
      yield Store(folder, ledger, records)


@contextlib.contextmanager
def _room(folder: pathlib.Path) -> Generator[None]:
  """Says of a full disk what it means for the store."""
  try:
    yield
  except OSError as error:
    if error.errno != errno.ENOSPC:
      raise
    raise OSError(
        errno.ENOSPC, 'the disk is full, and the store is as it was; make room and ask '
        'again', str(folder)) from error


def load(folder: Path, like: Any = None, *, request: int | None = None) -> Any:
  """The parameters of a store's model, also where its ledger is damaged.

  Args:
    folder: of the store.
    like: pytree of arrays or `jax.ShapeDtypeStruct` with their structure; needed
      where they are not nested dictionaries.
    request: after which request; by default the newest that can be read.

  Returns:
    The pytree of arrays.

  Raises:
    FileNotFoundError: there is no store.
    ValueError: no version of that number can be read.
  """
  record = _readable(pathlib.Path(folder).absolute(), request)
  return _params(pathlib.Path(folder).absolute(), record, like)


def export(folder: Path, path: Path, *, request: int | None = None) -> Record:
  """Copies the parameters of a store's model to a .npz file.

  Args:
    folder: of the store; nothing in it is changed.
    path: of the file.
    request: after which request; by default the newest that can be read.

  Returns:
    The record of that version.

  Raises:
    FileNotFoundError: there is no store.
    ValueError: no version of that number can be read, or `path` is no .npz file.
  """
  folder, path = pathlib.Path(folder).absolute(), pathlib.Path(path)
  if path.suffix != '.npz':
    raise ValueError(f'{path} does not end in .npz, the kind of file that is written.')
  record = _readable(folder, request)
  content = objects.get(folder / 'objects', record['version']['parameters'],
                        pathlib.Path.read_bytes)
  with atomic.written(path) as draft:
    draft.write_bytes(content)
  return record


def _readable(folder: pathlib.Path, request: int | None) -> Record:
  """The newest record, or that of a request, whose parameters are whole."""
  try:
    with opened(folder) as store:
      records = store.records
  except (ValueError, OSError, sqlite3.Error) as error:
    if isinstance(error, FileNotFoundError) and not (folder / 'audit').is_dir():
      raise
    records = audit.read(folder / 'audit')  # the same, once more
    if not records:
      raise
  chosen = [record for record in records if request in (None, record['number'])]
  if not chosen:
    raise ValueError(f'there is no request {request}; the last one is '
                     f'{records[-1]["number"]}.')
  faults = []
  for record in reversed(chosen):
    name = record['version']['parameters']
    if not (fault := objects.fault_of(folder / 'objects', name)):
      return record
    faults.append(fault)
  raise ValueError(faults[0])


def _params(folder: pathlib.Path, record: Record, like: Any) -> Any:
  at = folder / 'objects', record['version']['parameters']
  if like is None:
    params = objects.get(*at, lambda path: nested(checkpoints.read(path)))
  else:
    params = objects.get(*at, lambda path: checkpoints.load(path, like))
  if hash_of(params) != record['weights']['after']:
    raise ValueError(
        'the parameters are not of the structure that was enrolled; give `like`, a '
        'pytree of that structure such as `jax.eval_shape(network.init, key)`.')
  return params


def nested(flat: Mapping[str, Any]) -> Any:
  """Nested dictionaries of arrays by their paths."""
  tree: dict[str, Any] = {}
  for path, leaf in flat.items():
    *folders, name = path.split('/')
    inner = tree
    for step in folders:
      inner = inner.setdefault(step, {})
    inner[name] = jax.numpy.asarray(leaf)
  return tree


def names(record: Record) -> list[str]:
  """The files that a record's version is made of."""
  version = record['version']
  return [version['parameters'], *version['moments'].values()]
