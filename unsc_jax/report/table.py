"""Methods by measures: the table for a terminal, a paper, a page and a spreadsheet."""

from collections.abc import Callable, Sequence
import csv
import io
import re

from unsc_jax import text
from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import missing
from unsc_jax.report import results as results_lib
from unsc_jax.report import wording

_COLUMNS = {
    'forget_test': 'forget test %', 'retain_test': 'retain test %',
    'forget_train': 'forget train %', 'retain_train': 'retain train %',
    'mia_confidence': 'attack AUC %', 'probe': 'probe %', 'logit_drift': 'drift %',
    'layer_drift': 'layer drift %',
}
_READ = 'In brackets: the gap to the network retrained without what was to be forgotten.'


def plain(results: results_lib.Results) -> str:
  """For a terminal: the table of `cells`, and lines that say how to read it."""
  return '\n'.join([
      text.table(cells(results)),
      *([_READ] if results.rows_of(comparison_lib.REFERENCE) else []), *ties(results),
      *missing.sentences(comparison_lib.compare(results), _COLUMNS)])


def markdown(results: results_lib.Results) -> str:
  """A table as GitHub and most documentation have it."""
  return piped(cells(results, wording.method))


def piped(rows: Sequence[Sequence[str]]) -> str:
  """Rows of strings, the head first, as Markdown.

  Example:
    >>> print(piped([['a', 'b'], ['1', '2']]))
    | a | b |
    |---|---|
    | 1 | 2 |
  """
  head, *body = [f'| {" | ".join(row)} |' for row in rows]
  return '\n'.join([head, '|' + '---|' * len(rows[0]), *body])


def latex(results: results_lib.Results) -> str:
  """A `tabular` that takes `\\usepackage{booktabs}`."""
  head, *body = [' & '.join(map(_escaped, row)) + r' \\'
                 for row in cells(results, wording.method)]
  columns = 'l' + 'r' * (len(cells(results)[0]) - 1)
  return '\n'.join([f'\\begin{{tabular}}{{{columns}}}', r'\toprule', head, r'\midrule',
                    *body, r'\bottomrule', r'\end{tabular}'])


def comma_separated(results: results_lib.Results) -> str:
  """All measures of all networks, one a line, as `pandas.read_csv` takes them.

  Columns: method, seed, measure, value, low and high (the 95 % interval), and reason,
  why there is no value.
  """
  out = io.StringIO()
  writer = csv.writer(out, lineterminator='\n')
  writer.writerow(['method', 'seed', 'measure', 'value', 'low', 'high', 'reason'])
  for row in results.rows:
    for key, value in row.metrics.items():
      ends = row.intervals.get(key) or (None, None)
      writer.writerow([row.method, row.seed, key, value, *ends, row.reasons.get(key, '')])
  return out.getvalue()


FORMATS: dict[str, Callable[[results_lib.Results], str]] = {
    'text': plain, 'markdown': markdown, 'latex': latex, 'csv': comma_separated}


def ties(results: results_lib.Results) -> list[str]:
  """What a reader of the table should not take for unlearning, one line a method.

  Returns:
    For every method the columns in which it ties with the head-only control.
  """
  comparison = comparison_lib.compare(results)
  lines = []
  for method in comparison.judged_methods:
    tied = [title.removesuffix(' %') for key, title in _COLUMNS.items()
            if (cell := comparison.cells.get((method, key))) and cell.tie]
    if tied:
      lines.append(f'{method} ties with head_only, which only masks a logit, on: '
                   f'{", ".join(tied)}.')
  return lines


def cells(results: results_lib.Results, name: Callable[[str], str] = str
          ) -> list[tuple[str, ...]]:
  """Methods by metrics: mean ± spread over seeds, and the gap to retraining.

  What no row has is no column.

  Args:
    results: of an experiment.
    name: what a method is called, from its key.

  Returns:
    The table's rows, the head first.
  """
  comparison = comparison_lib.compare(results)
  measured = {metric.key for metric in comparison.measures}
  columns = {key: title for key, title in _COLUMNS.items() if key in measured}
  table: list[tuple[str, ...]] = [('method', *columns.values(), 'time / retrain')]
  for method in comparison.methods:
    of = lambda key, method=method: _cell(*(
        comparison.cells.get((name, key)) for name in (method, comparison_lib.REFERENCE)))
    table.append((name(method), *map(of, columns), _time(results, method)))
  return table


def _cell(cell: comparison_lib.Cell | None, reference: comparison_lib.Cell | None
          ) -> str:
  if cell is None:
    return '-'
  spread = '' if cell.std is None else f' ± {100 * cell.std:.1f}'
  gap = f' ({100 * (cell.mean - reference.mean):+.1f})' if reference else ''
  return f'{100 * cell.mean:.1f}{spread}{gap}'


def _time(results: results_lib.Results, method: str) -> str:
  """Wall time as a share of retraining's: absolute times tell of the machine."""
  seconds, whole = (comparison_lib.total_seconds(results, name)
                    for name in (method, comparison_lib.REFERENCE))
  return f'{(seconds or 0) / whole:.2f}' if whole else '-'


_LATEX = {'\\': r'\textbackslash{}', '±': r'$\pm$', '~': r'\textasciitilde{}',
          '^': r'\textasciicircum{}', **{c: f'\\{c}' for c in '&%$#_{}'}}


def _escaped(cell: str) -> str:
  """A cell as TeX takes it, with its signs in mathematics.

  Example:
    >>> print(_escaped('my_own 50 % ± 1.0 (-2.0)'))
    my\\_own 50 \\% $\\pm$ 1.0 ($-$2.0)
  """
  escaped = ''.join(_LATEX.get(c, c) for c in cell)
  return re.sub(r'\(([+-])', r'($\1$', escaped)

