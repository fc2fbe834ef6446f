"""One writer at a time."""

from collections.abc import Generator
import contextlib
import errno
import pathlib
import sqlite3


@contextlib.contextmanager
def alone(folder: pathlib.Path) -> Generator[None]:
  """Keeps other processes from writing to a folder; a killed one lets go of it.

  SQLite does the locking, which it has on every system.

  Raises:
    BlockingIOError: another process writes.
    OSError: the folder cannot be written to.
    ValueError: the file that is locked is damaged.

  Example:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name, alone(pathlib.Path(name)):
    ...   with alone(pathlib.Path(name)):
    ...     pass
    Traceback (most recent call last):
    BlockingIOError: ... is in use by another request; wait until it is done.
  """
  connection = sqlite3.connect(folder / 'lock', timeout=0, isolation_level=None)
  try:
    try:
      connection.execute('BEGIN EXCLUSIVE')
    except sqlite3.DatabaseError as error:
      name = getattr(error, 'sqlite_errorname', '')
      if name.startswith('SQLITE_BUSY'):
        raise BlockingIOError(
            f'{folder} is in use by another request; wait until it is done.') from error
      if name == 'SQLITE_NOTADB':
        raise ValueError(
            f'{folder / "lock"} is damaged; remove it, nothing is kept in it.') from error
      raise OSError(errno.EACCES, str(error), str(folder / 'lock')) from error
    yield
  finally:
    connection.close()
