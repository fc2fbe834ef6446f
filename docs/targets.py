"""What was asked of UNSC in the paper's rows, and by how much it was met or missed."""

from collections.abc import Mapping, Sequence
import statistics

from docs import paper_tables
from experiments import tables
from unsc_jax import report
from unsc_jax.report import table

_LEFT = .01  # of the forgotten classes' test images, at most
_SHORT = {'fashion_mnist': .003, 'cifar10': .005}  # of the retrained network, at most
_OURS = {'unsc_hard_sgd': 'cut, SGD', 'unsc_hard': 'cut, Adam',
         'unsc_hard_last_four': 'cut, SGD, last four layers',
         'unsc_momentum': 'ridge, SGD', 'unsc': 'ridge, Adam',
         'unsc_last_four': 'ridge, SGD, last four layers'}
_OTHERS = ('random_label', 'gradient_ascent', 'boundary_shrink', 'salun', 'fisher_forgetting')


def ours() -> str:
  """UNSC in all rows of its paper that were run, against the targets."""
  return table.piped([['row', 'networks', *_OURS.values()], *(
      [f'`{name}`', str(len(results.rows_of('original'))), *_cells(
          results, _OURS, _SHORT[_group(name)])] for name, results in _run().items())])


def others() -> str:
  """What the paper compares it with, in the same rows."""
  return table.piped([['row', *(f'`{name}`' for name in _OTHERS)], *(
      [f'`{name}`', *_cells(results, _OTHERS)] for name, results in _run().items())])


def _run() -> dict[str, report.Results]:
  return {name: report.read(paper_tables.path(name)) for name in tables.ROWS
          if _group(name) in _SHORT and paper_tables.path(name).exists()}


def _group(row: str) -> str:
  return row.partition('/')[0]


def _cells(results: report.Results, methods: Sequence[str] | Mapping[str, str],
           short: float | None = None) -> list[str]:
  original, retrained = (_mean(results, name)[1] for name in ('original', 'retrain'))

  def cell(method: str) -> str:
    if method not in results.methods:
      return '–'
    left, kept = _mean(results, method)
    said = f'{100 * left:.1f} / {100 * (kept - retrained):+.2f}'
    if short is None:
      return said
    missed = max(left - _LEFT, retrained - short - kept, original - kept)
    return f'**{said}**' if missed <= 0 else f'{said}, {100 * missed:.2f} short'

  return [cell(method) for method in methods]


def _mean(results: report.Results, method: str) -> tuple[float, float]:
  """What a method leaves of the forgotten and keeps of the rest, over its networks."""
  return tuple(statistics.fmean(row.metrics[name] for row in results.rows_of(method))
               for name in ('forget_test', 'retain_test'))
