"""`report` and `compare`: pages and tables of results that are there already."""

from collections.abc import Sequence
import dataclasses
import pathlib
from typing import Annotated

import jax
import tyro

from unsc_jax.storage import atomic

Runs = Annotated[tuple[pathlib.Path, ...], tyro.conf.arg(metavar='RUN...'),
                 tyro.conf.Positional]
Output = Annotated[pathlib.Path | None, tyro.conf.arg(aliases=['-o'], metavar='PAGE.html')]


@dataclasses.dataclass(frozen=True)
class Report:
  """Write a self-contained HTML page about each run, report.html beside its results."""
  runs: Runs
  """Each a results.json, the folder of a run, or a folder of runs."""
  output: Output = None
  """Of one run: where the page goes instead."""

  def run(self) -> int:
    _look(self.runs)
    from unsc_jax import report
    paths = [path for run in self.runs for path in report.find(run)]
    if self.output and len(paths) > 1:
      raise ValueError(f'-o names one page, but there are {len(paths)} runs: leave it '
                       'out, and each page is written beside its results.')
    for path in paths:
      page = self.output or path.with_name('report.html')
      _write(page, report.render(report.read(path)))
      print(page)
    return 0


@dataclasses.dataclass(frozen=True)
class Compare:
  """Print the measures of several runs side by side."""
  runs: Runs
  """Each a results.json, the folder of a run, or a folder of runs."""
  output: Output = None
  """A page to write as well."""

  def run(self) -> int:
    _look(self.runs)
    from unsc_jax import report
    from unsc_jax.report import side_by_side
    paths = [path for run in self.runs for path in report.find(run)]
    if len(paths) < 2:
      raise ValueError('one run cannot be compared: give two or more, or use '
                       '`unsc-jax report`.')
    runs = [side_by_side.Run(name, report.read(path))
            for path, name in zip(paths, names(paths))]
    if self.output:
      _write(self.output, side_by_side.render(runs))
    print(side_by_side.tables(runs))
    if self.output:
      print(f'\n{self.output}')
    return 0


def names(paths: Sequence[pathlib.Path]) -> list[str]:
  """Short names that tell runs apart: the last parts of their paths that do.

  Example:
    >>> names([pathlib.Path('a/x/results.json'), pathlib.Path('b/x/results.json')])
    ['a/x', 'b/x']
  """
  parts = [(path.parent if path.name == 'results.json' and path.parent.name
            else path.with_suffix('')).parts for path in paths]
  for count in range(1, max(map(len, parts)) + 1):
    short = ['/'.join(part[-count:]) for part in parts]
    if len(set(short)) == len(short):
      return short
  return [f'{i}: {"/".join(part)}' for i, part in enumerate(parts, 1)]


def _look(runs: Sequence[pathlib.Path]) -> None:
  """Raises where nothing is, before all that pages need is imported."""
  for run in runs:
    run.stat()
  jax.config.update('jax_platforms', 'cpu')  # a page takes hold of no GPU for a few means


def _write(page: pathlib.Path, text: str) -> None:
  with atomic.written(page) as draft:
    draft.write_text(text, encoding='utf-8')
