"""A table of results for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

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


def render(results: Mapping[str, Any]) -> str:
  """The table of `cells`, and lines that say how to read it."""
  return '\n'.join([
      text.table(cells(results['rows'])),
      'In brackets: the gap to the network retrained without what was to be forgotten.',
      *ties(results)])


def ties(results: Mapping[str, Any]) -> list[str]:
  """What a reader of the table should not take for unlearning, one line a method.

  Args:
    results: with `rows`, `methods`, `forget_classes` and `dataset`.

  Returns:
    For every method the columns in which it ties with the head-only control.
  """
  found = comparison_lib.compare(report.parse(results))
  lines = []
  for method in found.judged_methods:
    tied = [title.removesuffix(' %') for key, title in _COLUMNS.items()
            if (cell := found.cells.get((method, key))) and cell.tie]
    if tied:
      lines.append(f'{method} ties with head_only, which only masks a logit, on: '
                   f'{", ".join(tied)}.')
  return lines


def cells(rows: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
  """Methods by metrics: mean ± spread over seeds, and the gap to retraining.

  What no row has is no column.

  Args:
    rows: of `results.json`.

  Returns:
    The table's rows, the head first.
  """
  methods = list(dict.fromkeys(row['method'] for row in rows))
  values = lambda method, metric: np.array(
      [row['metrics'][metric] for row in rows if row['method'] == method
       and row['metrics'].get(metric) is not None], float) * 100
  columns = {metric: title for metric, title in _COLUMNS.items()
             if any(len(values(method, metric)) for method in methods)}
  table = [('method', *columns.values(), 'time / retrain')]
  for method in methods:
    measured = [_cell(values(method, m), values('retrain', m)) for m in columns]
    table.append((method, *measured, _time(rows, method)))
  return table


def _time(rows: Sequence[dict[str, Any]], method: str) -> str:
  """Wall time as a share of retraining's: absolute times tell of the machine."""
  spent = lambda name: sum(sum(row['seconds'].values()) for row in rows
                           if row['method'] == name)
  return f'{spent(method) / spent("retrain"):.2f}' if spent('retrain') else '-'


def _cell(values: np.ndarray, reference: np.ndarray) -> str:
  if not len(values):
    return '-'
  spread = f' ± {values.std(ddof=1):.1f}' if len(values) > 1 else ''
  gap = f' ({values.mean() - reference.mean():+.1f})' if len(reference) else ''
  return f'{values.mean():.1f}{spread}{gap}'
