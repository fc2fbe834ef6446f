"""Files that are called by the hash of their content, written once and never changed.

So a file is whole or not there, what is damaged is told from what is not, and what
two versions of a model share lies there once.
"""

from collections.abc import Callable, Collection
import hashlib
import os
import pathlib
import re
import shutil
from typing import Any

_NAME = re.compile('[0-9a-f]{64}')
_DRAFT = '.draft.npz'


def put(folder: pathlib.Path, write: Callable[[pathlib.Path], None]) -> str:
  """Writes a file, and gives its name.

  Args:
    folder: of the objects.
    write: writes a .npz file to a path.

  Returns:
    SHA-256 of the file's bytes, in hexadecimal digits.
  """
  draft = folder / _DRAFT
  write(draft)
  name = _hash(draft)
  _to_disk(draft)
  os.replace(draft, _path(folder, name))
  _to_disk(folder)
  return name


def get(folder: pathlib.Path, name: str, read: Callable[[pathlib.Path], Any]) -> Any:
  """What a file holds.

  Raises:
    ValueError: the file is missing or not what was written, or the name is none.
  """
  if fault := fault_of(folder, name):
    raise ValueError(fault)
  return read(_path(folder, name))


def fault_of(folder: pathlib.Path, name: str) -> str | None:
  """What is wrong with a file, in one sentence; None if nothing is."""
  path = _path(folder, name)
  if not path.is_file():
    return f'{path} is missing; put it back from a copy of the store.'
  if _hash(path) != name:
    return f'{path} is damaged; put it back from a copy of the store.'
  return None


def sweep(folder: pathlib.Path, used: Collection[str] | None = None) -> None:
  """Removes what a killed process has left.

  Args:
    folder: of the objects, or one that `storage.atomic` writes to.
    used: the names to keep; None keeps all whole files.
  """
  for path in folder.iterdir():
    if path.is_dir():  # a draft of `storage.atomic`
      shutil.rmtree(path)
    elif used is not None and path.stem not in used:
      path.unlink()


def _path(folder: pathlib.Path, name: str) -> pathlib.Path:
  if not _NAME.fullmatch(name):
    raise ValueError(f'{name!r} is no name of a file of a store; it is damaged.')
  return folder / f'{name}.npz'


def _hash(path: pathlib.Path) -> str:
  with path.open('rb') as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()


def _to_disk(path: pathlib.Path) -> None:
  """Returns once a file, or what a folder lists, would survive a loss of power."""
  if os.name == 'nt' and path.is_dir():  # which Windows cannot open
    return
  handle = os.open(path, os.O_RDONLY)
  try:
    os.fsync(handle)
  finally:
    os.close(handle)
