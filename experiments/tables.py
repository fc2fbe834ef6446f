"""A table of results for the terminal."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from unsc_jax import overview

_COLUMNS = {
    'forget_test': 'forget test %', 'retain_test': 'retain test %',
    'forget_train': 'forget train %', 'retain_train': 'retain train %',
    'probe': 'probe %', 'logit_drift': 'drift %', 'certificate': 'layer drift %',
}


def render(rows: Sequence[dict[str, Any]]) -> str:
  """Methods by metrics: mean ± spread over seeds, and the gap to retraining.

  Args:
    rows: of `results.json`.

  Returns:
    The table, and a line that says how to read it.
  """
  methods = list(dict.fromkeys(row['method'] for row in rows))
  values = lambda method, metric: np.array(
      [row['metrics'][metric] for row in rows if row['method'] == method
       and row['metrics'][metric] is not None], float) * 100
  table = [('method', *_COLUMNS.values(), 'seconds')]
  for method in methods:
    cells = [_cell(values(method, m), values('retrain', m)) for m in _COLUMNS]
    seconds = np.mean([sum(row['seconds'].values()) for row in rows
                       if row['method'] == method])
    table.append((method, *cells, f'{seconds:.1f}'))
  return overview.table(table) + (
      '\nIn brackets: the gap to the network retrained without the class.')


def _cell(values: np.ndarray, reference: np.ndarray) -> str:
  if not len(values):
    return '-'
  spread = f' ± {values.std(ddof=1):.1f}' if len(values) > 1 else ''
  gap = f' ({values.mean() - reference.mean():+.1f})' if len(reference) else ''
  return f'{values.mean():.1f}{spread}{gap}'
