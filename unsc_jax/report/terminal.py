"""Runs side by side as plain text."""

from collections.abc import Sequence
import textwrap
import unicodedata

from unsc_jax.report import side_by_side
from unsc_jax.report import wording

_SIGNS = ('Value (gap to the run’s own retrained models): ✓ within the noise band, '
          '▲ above it, ▼ below it, = ties with head-only.')


def render(runs: Sequence[side_by_side.Run], width: int = 100) -> str:
  """A table for every measure: methods down, runs across.

  Args:
    runs: of `side_by_side.read`.
    width: of the text around the tables, in columns.

  Returns:
    The text.
  """
  parts = [table(['', *(run.name for run in runs)],
                 [[name, *values] for name, values in
                  side_by_side.differences(runs).items()], most=40)]
  parts += [textwrap.fill(f'! {sentence}', width)
            for sentence in side_by_side.cautions(runs)]
  parts.append(textwrap.fill(_SIGNS, width))
  for metric in side_by_side.measures(runs):
    rows = []
    for method in side_by_side.methods(runs):
      cells = [side_by_side.cell(run, method, metric.key) for run in runs]
      if set(cells) != {'–'}:
        rows.append([wording.method(method), *cells])
    if rows:
      parts.append(table([metric.name, *(run.name for run in runs)], rows))
  return '\n\n'.join(parts)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], most: int = 60) -> str:
  """Columns of one width each.

  Args:
    header: names of the columns.
    rows: their cells.
    most: characters of a cell; longer ones are cut.

  Returns:
    Lines of text.

  Example:
    >>> print(table(['a', 'b'], [['1', '22'], ['333', '4']]))
    a    b
    ---  --
    1    22
    333  4
  """
  cut = lambda text: text if len(text) <= most else f'{text[:most - 1]}…'
  lines = [[cut(cell.replace('\u00a0', ' ').replace('\n', ' ')) for cell in row]
           for row in (header, *rows)]
  widths = [max(map(_width, column)) for column in zip(*lines)]
  lines.insert(1, ['-' * width for width in widths])
  return '\n'.join('  '.join(
      cell + ' ' * (width - _width(cell)) for cell, width in zip(line, widths)).rstrip()
                   for line in lines)


def _width(text: str) -> int:
  """How many columns of a terminal a text takes."""
  return sum(0 if unicodedata.combining(c) else
             2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in text)
