"""One writer at a time."""

from collections.abc import Iterator
import contextlib
import pathlib
import sqlite3


@contextlib.contextmanager
def alone(folder: pathlib.Path) -> Iterator[None]:
  """Keeps other processes from writing to a folder; a killed one lets go of it.

  SQLite does the locking, which it has on every system.

  Raises:
    BlockingIOError: another process writes.

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
    except sqlite3.OperationalError as error:
      if 'locked' not in str(error):
        raise
      raise BlockingIOError(
          f'{folder} is in use by another request; wait until it is done.') from error
    yield
  finally:
    connection.close()
