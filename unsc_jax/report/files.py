"""Results and pages on the disk."""

import json
import os
import pathlib
from typing import Any

NAME = 'results.json'


def read(path: str | os.PathLike[str]) -> Any:
  """What a results.json holds.

  Raises:
    OSError: it cannot be read.
    json.JSONDecodeError: it is not JSON.
  """
  return json.loads(pathlib.Path(path).read_text(encoding='utf-8'))


def results(path: str | os.PathLike[str]) -> list[pathlib.Path]:
  """The files of results that a path stands for.

  Args:
    path: of such a file, of a run's folder, or of a folder of runs.

  Returns:
    Paths, in order; the file itself as it was given.

  Raises:
    FileNotFoundError: a folder has none; the sentence says where was looked.
  """
  path = pathlib.Path(path)
  if not path.is_dir():
    return [path]
  if (path / NAME).exists():
    return [path / NAME]
  found = sorted(path.glob(f'*/{NAME}'))
  if not found:
    raise FileNotFoundError(
        f'{path} has no {NAME}, and no folder in it has one: give a folder that an '
        'experiment wrote.')
  return found


def write(path: str | os.PathLike[str], text: str) -> None:
  """Writes a file whole or not at all, in the place of an older one.

  Args:
    path: of the file; its folder has to exist.
    text: all of it.

  Raises:
    OSError: it cannot be written; the older one is untouched.
  """
  path = pathlib.Path(path)
  draft = path.with_name(f'.{path.name}.{os.getpid()}')
  try:
    draft.write_text(text, encoding='utf-8')
    draft.replace(path)
  finally:
    draft.unlink(missing_ok=True)
