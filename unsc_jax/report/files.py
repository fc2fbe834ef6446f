"""Results and pages on the disk."""

import json
import os
import pathlib
from typing import Any


def read(path: str | os.PathLike[str]) -> Any:
  """What a results.json holds.

  Raises:
    OSError: it cannot be read.
    json.JSONDecodeError: it is not JSON.
  """
  return json.loads(pathlib.Path(path).read_text(encoding='utf-8'))


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
