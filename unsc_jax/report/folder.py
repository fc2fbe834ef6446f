"""A run's folder: results.json and report.html, both or none, and nothing lost."""

import os
import pathlib
import tempfile

import jax

from unsc_jax.report import files
from unsc_jax.report import page
from unsc_jax.report import results as results_lib
from unsc_jax.storage import atomic

PAGE = 'report.html'


def save(results: results_lib.Results, path: str | os.PathLike[str]) -> pathlib.Path:
  """Writes a folder of results and their page.

  Args:
    results: all of them.
    path: of the folder; an older one of results is replaced at the end.

  Returns:
    The path of the page.

  Raises:
    OSError: it cannot be written; the results are in another folder then, which is
      said.
    ValueError: the folder holds something else than results.
  """
  path = pathlib.Path(path)
  check(path)
  try:
    _write(results, path)
  except Exception as error:
    raise OSError(
        f'{path} could not be written ({error}); the results are in '
        f'{_rescue(results, path.name)}: make a page of them with '
        '`unsc-jax report`.') from error
  return path / PAGE


def check(path: pathlib.Path) -> None:
  """Raises if results would take the place of something else."""
  if path.is_dir() and any(path.iterdir()) and not (path / files.NAME).exists():
    raise ValueError(
        f'{path} holds something else than results, and would be replaced: choose '
        'another folder.')


def _write(results: results_lib.Results, path: pathlib.Path) -> None:
  first = jax.process_index() == 0  # which speaks for all
  if first:
    path.parent.mkdir(parents=True, exist_ok=True)
  with atomic.written(path, here=first) as draft:
    draft.mkdir()
    files.write(draft / files.NAME, results)
    (draft / PAGE).write_text(page.render(results), encoding='utf-8')


def _rescue(results: results_lib.Results, name: str) -> pathlib.Path:
  """Writes the results where it is possible: a new folder, here or for temporary files."""
  for parent in (None, pathlib.Path.cwd()):
    try:
      path = pathlib.Path(tempfile.mkdtemp(prefix=f'{name}-', dir=parent)) / files.NAME
      files.write(path, results)
      return path
    except OSError:
      continue
  raise OSError('no other folder could be written to either: the table is all that is left.')
