"""Who is enrolled, who was forgotten, and the records of it: an SQLite file.

Of examples it knows salted hashes and labels, nothing else. What one request changes
is one transaction.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
import contextlib
import errno
import functools
import hashlib
import itertools
import os
import pathlib
import secrets
import sqlite3
from typing import Any, NamedTuple, TypeVar

from unsc_jax.requests import chain
from unsc_jax.requests import hashes
from unsc_jax.requests import records as records_lib

FORMAT = records_lib.FORMAT
_APPLICATION = 0x756e7363  # 'unsc', by which the file is known
_MOST = 500  # values in one query

_SCHEMA = f'''
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {FORMAT};
CREATE TABLE about (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE examples (
  id BLOB PRIMARY KEY, data BLOB NOT NULL, label INTEGER NOT NULL, seal BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX examples_by_data ON examples (data);
CREATE INDEX examples_by_label ON examples (label);
CREATE TABLE forgotten (id BLOB PRIMARY KEY, request INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE records (number INTEGER PRIMARY KEY, body TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE begun (number INTEGER PRIMARY KEY, body TEXT NOT NULL);
'''

Item = TypeVar('Item')


class Enrolled(NamedTuple):
  """An example: who it is, what it is, and which request forgot it."""
  id: bytes
  data: bytes
  label: int
  request: int | None = None


class Ledger:
  """The file, open."""

  def __init__(self, path: pathlib.Path, connection: sqlite3.Connection):
    self.path = path
    self._connection = connection

  @functools.cached_property
  def salt(self) -> bytes:
    rows = self._rows((bytes,), 'SELECT value FROM about WHERE name = ?', 'salt')
    if not rows:
      raise damaged(self.path, 'the salt is missing')
    return rows[0][0]

  @property
  def links(self) -> list[tuple[str, str]]:
    """Text and hash of every record, in order."""
    return self._rows((str, str), 'SELECT body, hash FROM records ORDER BY number')

  @property
  def begun(self) -> list[tuple[int, str]]:
    """Number and text of requests that were begun and not done."""
    return self._rows((int, str), 'SELECT number, body FROM begun ORDER BY number')

  def all(self) -> list[Enrolled]:
    """All examples, forgotten or not."""
    return self._examples('')

  def of_labels(self, labels: Collection[int]) -> list[Enrolled]:
    """The examples of some labels, forgotten or not."""
    return self._examples_where('label', labels)

  def of_ids(self, ids: Collection[bytes]) -> list[Enrolled]:
    """The examples of some hashes of ids; those that are not known are left out."""
    return self._examples_where('examples.id', ids)

  def of_data(self, data: Collection[bytes]) -> list[Enrolled]:
    """The examples of some hashes of inputs and labels."""
    return self._examples_where('data', data)

  def of_request(self, number: int) -> list[Enrolled]:
    """The examples that a request took."""
    return self._examples('WHERE request = ?', number)

  def set(self, pragma: str) -> None:
    """Sets how SQLite works."""
    self._rows((), f'PRAGMA {pragma}')

  def begin(self, number: int, body: Mapping[str, Any]) -> None:
    """Notes that a request is being served."""
    with self._transaction() as run:
      run('INSERT OR REPLACE INTO begun VALUES (?, ?)', (number, chain.canonical(body)))

  def withdraw(self) -> None:
    """Notes that what was begun is not being served: it cannot be."""
    with self._transaction() as run:
      run('DELETE FROM begun')

  def commit(
      self, body: Mapping[str, Any], forgotten: Iterable[Enrolled] = (),
      enrolled: Iterable[Enrolled] = (),
  ) -> str:
    """Adds a record with all that it changes, in one transaction; returns its hash."""
    text = chain.canonical(body)
    with self._transaction() as run:
      for example in enrolled:
        run('INSERT INTO examples VALUES (?, ?, ?, ?)',
            (*example[:3], _seal(self.salt, example)))
      for example in forgotten:
        run('INSERT INTO forgotten VALUES (?, ?)', (example.id, body['number']))
      run('INSERT INTO records VALUES (?, ?, ?)',
          (body['number'], text, chain.hash_of(text)))
      run('DELETE FROM begun')
    return chain.hash_of(text)

  def faults(self) -> list[str]:
    """What of the records and of who was forgotten is not as it was written."""
    links = self.links
    found = chain.faults(links)
    if found or not links:
      return found or ['the ledger has no record.']
    bodies = [chain.body(text) for text, _ in links]
    if hashlib.sha256(self.salt).hexdigest() != bodies[0]['salt']:
      found.append('the salt is not that of the first record.')
    rows = self._rows(
        (int, bytes), 'SELECT request, id FROM forgotten ORDER BY request')
    by_request = itertools.groupby(rows, lambda row: row[0])
    own = {number: hashes.together(row[1] for row in rows) for number, rows in by_request}
    told = {body['number']: body['forgotten']['ids'] for body in bodies
            if 'forgotten' in body}
    if own != told:
      found.append('who was forgotten is not what the records say.')
    return found

  def all_faults(self) -> list[str]:
    """The same of every example as well; reads all of them."""
    found = self.faults()
    rows = self._rows((str,), 'PRAGMA integrity_check')
    if rows != [('ok',)]:
      found.append(f'SQLite finds: {" ".join(rows[0][0].split())}.')
    first = chain.body(self.links[0][0])
    if first['enrolled']['ids'] != hashes.together(e.id for e in self.all()):
      found.append('who was enrolled is not what the first record says.')
    return found

  def check_count(self, label: int, told: Mapping[str, int]) -> None:
    """Raises ValueError unless as many examples have a label as were enrolled."""
    query = 'SELECT count(*) FROM examples WHERE label = ?'
    found = self._rows((int,), query, label)[0][0]
    if found != told.get(str(label), 0):
      raise damaged(self.path, f'{found} examples have label {label}, but '
                    f'{told.get(str(label), 0)} were enrolled')

  def _examples_where(self, column: str, values: Collection) -> list[Enrolled]:
    return [example for some in _in_parts(list(values), _MOST) for example in self._examples(
        f'WHERE {column} IN ({",".join("?" * len(some))})', *some)]

  def _examples(self, where: str, *values: Any) -> list[Enrolled]:
    rows = self._rows(
        (bytes, bytes, int, int | None, bytes),
        'SELECT examples.id, data, label, request, seal FROM examples '
        f'LEFT JOIN forgotten ON examples.id = forgotten.id {where} ORDER BY examples.id',
        *values)
    examples = [Enrolled(*row[:4]) for row in rows]
    for example, row in zip(examples, rows):
      if _seal(self.salt, example) != row[4]:
        raise damaged(self.path, 'an example is not as it was enrolled')
    return examples

  def _rows(self, kinds: Sequence[Any], query: str, *values: Any) -> list[tuple]:
    """The rows of a query, with columns of these types."""
    with self._told():
      rows = self._connection.execute(query, values).fetchall()
    if not all(all(map(isinstance, row, kinds)) for row in rows):
      raise damaged(self.path, 'values are not of the type that was written')
    return rows

  @contextlib.contextmanager
  def _transaction(self) -> Generator[Callable]:
    """All that is run inside, or nothing of it."""
    with self._told():
      self._connection.execute('BEGIN IMMEDIATE')
      try:
        yield self._connection.execute
        commit(self._connection)
      except BaseException:
        if self._connection.in_transaction:
          self._connection.execute('ROLLBACK')
        raise

  @contextlib.contextmanager
  def _told(self) -> Generator[None]:
    """What SQLite finds wrong, in one sentence."""
    try:
      yield
    except sqlite3.OperationalError as error:
      name = getattr(error, 'sqlite_errorname', '')
      if name == 'SQLITE_FULL':
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path)) from error
      if name.startswith(('SQLITE_READONLY', 'SQLITE_CANTOPEN', 'SQLITE_BUSY')):
        raise OSError(errno.EACCES, str(error), str(self.path)) from error
      if name.startswith('SQLITE_IOERR'):
        raise OSError(
            errno.EIO, f'the system could not read or write it ({error}), and it is as it '
            'was; make room or mend the disk, and ask again', str(self.path)) from error
      raise damaged(self.path, str(error)) from error
    except (sqlite3.DatabaseError, OverflowError, UnicodeDecodeError) as error:
      raise damaged(self.path, str(error)) from error


def commit(connection: sqlite3.Connection) -> None:
  """The one place where what was written comes to count."""
  connection.execute('COMMIT')


def damaged(path: pathlib.Path, why: str) -> ValueError:
  """What is said of a ledger that cannot be trusted."""
  why = ' '.join(why.split())
  return ValueError(
      f'{path} is damaged ({why}); put it back from a copy. The model can still be read, '
      'with `export`.')


def create(path: pathlib.Path) -> None:
  """Writes an empty ledger."""
  with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
    connection.executescript(f'BEGIN; {_SCHEMA} COMMIT;')
    connection.execute('INSERT INTO about VALUES (?, ?)', ('salt', secrets.token_bytes(32)))


@contextlib.contextmanager
def opened(path: pathlib.Path, *, write: bool = False) -> Generator[Ledger]:
  """Opens a ledger.

  Args:
    path: of the file.
    write: whether it will be written to.

  Raises:
    FileNotFoundError: there is none.
    ValueError: it is damaged, or of a newer version.
  """
  if not path.is_file():
    raise FileNotFoundError(
        f'there is no store in {path.parent}: enrol a model there first.')
  # Never 'ro': what a killed process left half-written has to be taken back first.
  uri = f'{path.absolute().as_uri()}?mode=rw'
  with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
    ledger = Ledger(path, connection)
    version = _version(ledger)
    if version > FORMAT:
      raise ValueError(
          f'{path.parent} was written by a newer unsc_jax (format {version}, and this one '
          f'reads {FORMAT}); upgrade unsc_jax.')
    ledger.set('synchronous = FULL' if write else 'query_only = ON')
    yield ledger


def _version(ledger: Ledger) -> int:
  rows = ledger._rows
  if rows((int,), 'PRAGMA application_id') != [(_APPLICATION,)]:
    raise damaged(ledger.path, 'it is no ledger of unsc_jax')
  return rows((int,), 'PRAGMA user_version')[0][0]


def _seal(salt: bytes, example: Enrolled) -> bytes:
  """A hash over all of an example, by which a flipped bit is found."""
  return hashes.of_text(salt, f'{example.id.hex()} {example.data.hex()} {example.label}')


def _in_parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
  return (items[i:i + size] for i in range(0, len(items), size))
