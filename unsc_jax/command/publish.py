"""What a command ends with: the table first, and then its folder."""

import pathlib

from unsc_jax import report


def publish(results: report.Results, path: pathlib.Path) -> None:
  """Prints the table of results, and writes a folder of them and their page.

  Args:
    results: all of them.
    path: of the folder; an older one of this name is replaced at the end.

  Raises:
    OSError: it cannot be written; the results are in another folder then, which is
      said.
  """
  try:
    print(results.table(), flush=True)
  finally:  # also where nobody reads along any more
    page = results.save(path)
  seconds = results.wall_seconds
  print(f'\n{page}' + ('' if seconds is None else f' ({seconds:.0f} s)'))
