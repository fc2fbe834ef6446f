"""Writing whole or not at all: under a temporary name that is then changed."""

from collections.abc import Generator
import contextlib
import os
import pathlib
import tempfile


@contextlib.contextmanager
def written(
    path: str | os.PathLike[str], *, replace: bool = True, here: bool = True
) -> Generator[pathlib.Path]:
  """A draft of a file or a folder that takes its name only if all goes well.

  An older one is untouched until then, and removed once the new one stands.

  Args:
    path: of the file or folder; the folder that it lies in has to exist.
    replace: whether an older folder may be replaced; an older file always is.
    here: whether this process writes; what the others write is thrown away.

  Yields:
    A path beside `path`, where nothing is yet, to write to.

  Raises:
    FileExistsError: `path` is a folder that may not be replaced.

  Example:
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   with written(f'{folder}/a.txt') as draft:
    ...     _ = draft.write_text('whole')
    ...   os.listdir(folder)
    ['a.txt']
  """
  path = pathlib.Path(path)
  if path.is_dir() and not replace:
    raise FileExistsError(f'{path} exists: remove it or choose another name.')
  with tempfile.TemporaryDirectory(
      dir=path.parent if here else None, prefix=f'.{path.name}-') as beside:
    draft = pathlib.Path(beside) / path.name
    older = pathlib.Path(beside) / f'older-{path.name}'
    yield draft
    if not here:
      return
    if replace and draft.is_dir() and path.is_dir():
      path.rename(older)  # no folder can be renamed to one that holds something
    try:
      os.replace(draft, path)
    except BaseException:
      if older.exists():
        older.rename(path)
      raise
