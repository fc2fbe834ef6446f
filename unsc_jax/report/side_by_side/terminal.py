"""Runs side by side as plain text."""

from collections.abc import Sequence
import textwrap

from unsc_jax import text
from unsc_jax.report import wording
from unsc_jax.report.side_by_side import runs as runs_lib

_SIGNS = ('Value (gap to the run’s own retrained models): ✓ within the noise band, '
          '▲ above it, ▼ below it, = ties with head-only.')


def tables(runs: Sequence[runs_lib.Run], width: int = 100) -> str:
  """A table for every measure: methods down, runs across.

  Args:
    runs: two or more.
    width: of the text around the tables, in columns.

  Returns:
    The text.
  """
  parts = [_table(['', *(run.name for run in runs)],
                 [[name, *values] for name, values in
                  runs_lib.differences(runs).items()], most=40)]
  parts += [textwrap.fill(f'! {sentence}', width)
            for sentence in runs_lib.cautions(runs)]
  parts.append(textwrap.fill(_SIGNS, width))
  for metric in runs_lib.measures(runs):
    rows = []
    for method in runs_lib.methods(runs):
      cells = [runs_lib.cell(run, method, metric.key) for run in runs]
      if set(cells) != {'–'}:
        rows.append([wording.method(method), *cells])
    if rows:
      parts.append(_table([metric.name, *(run.name for run in runs)], rows))
  return '\n\n'.join(parts)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], most: int = 60) -> str:
  """A table whose cells are cut to one line of so many characters."""
  def cut(cell):
    cell = cell if len(cell) <= most else f'{cell[:most - 1]}…'
    return cell.replace('\u00a0', ' ').replace('\n', ' ')
  return text.table([[*map(cut, row)] for row in (header, *rows)], rule=True)
