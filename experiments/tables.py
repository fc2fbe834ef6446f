"""A table of results for the terminal."""

import numpy as np

from unsc_jax import report
from unsc_jax import text
from unsc_jax.report import comparison as comparison_lib

_COLUMNS = {
    'forget_test': 'forget test %', 'retain_test': 'retain test %',
    'forget_train': 'forget train %', 'retain_train': 'retain train %',
    'mia_confidence': 'attack AUC %', 'probe': 'probe %', 'logit_drift': 'drift %',
    'layer_drift': 'layer drift %',
}


def render(results: report.Results) -> str:
  """The table of `cells`, and lines that say how to read it."""
  return '\n'.join([
      text.table(cells(results)),
      'In brackets: the gap to the network retrained without what was to be forgotten.',
      *ties(results)])


def ties(results: report.Results) -> list[str]:
  """What a reader of the table should not take for unlearning, one line a method.

  Args:
    results: of an experiment.

  Returns:
    For every method the columns in which it ties with the head-only control.
  """
  found = comparison_lib.compare(results)
  lines = []
  for method in found.judged_methods:
    tied = [title.removesuffix(' %') for key, title in _COLUMNS.items()
            if (cell := found.cells.get((method, key))) and cell.tie]
    if tied:
      lines.append(f'{method} ties with head_only, which only masks a logit, on: '
                   f'{", ".join(tied)}.')
  return lines


def cells(results: report.Results) -> list[tuple[str, ...]]:
  """Methods by metrics: mean ± spread over seeds, and the gap to retraining.

  What no row has is no column.

  Args:
    results: of an experiment.

  Returns:
    The table's rows, the head first.
  """
  methods = results.methods
  values = lambda method, metric: np.array(
      [value for row in results.rows_of(method)
       if (value := row.metrics.get(metric)) is not None], float) * 100
  columns = {metric: title for metric, title in _COLUMNS.items()
             if any(len(values(method, metric)) for method in methods)}
  table = [('method', *columns.values(), 'time / retrain')]
  for method in methods:
    measured = [_cell(values(method, m), values('retrain', m)) for m in columns]
    table.append((method, *measured, _time(results, method)))
  return table


def _time(results: report.Results, method: str) -> str:
  """Wall time as a share of retraining's: absolute times tell of the machine."""
  spent = lambda name: sum(
      sum(row.seconds.values()) for row in results.rows_of(name))
  return f'{spent(method) / spent("retrain"):.2f}' if spent('retrain') else '-'


def _cell(values: np.ndarray, reference: np.ndarray) -> str:
  if not len(values):
    return '-'
  spread = f' ± {values.std(ddof=1):.1f}' if len(values) > 1 else ''
  gap = f' ({values.mean() - reference.mean():+.1f})' if len(reference) else ''
  return f'{values.mean():.1f}{spread}{gap}'
