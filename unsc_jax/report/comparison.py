"""Every method's measures beside those of the retrained models.

The ruler for all differences is the noise band of `evaluation.gap`: what
retraining with another seed changes or, with fewer than three retrained
models, the sampling error of the images.
"""

from collections.abc import Mapping
import math
import statistics
from typing import Any, Literal, NamedTuple

import numpy as np

from unsc_jax import evaluation
from unsc_jax.report import metrics as metrics_lib

ORIGINAL, REFERENCE, CONTROL = 'original', 'retrain', 'head_only'


class Cell(NamedTuple):
  """One measure of one method."""
  values: tuple[float, ...]  # one a seed
  gap: float | None = None  # to the mean of the retrained models
  band: float | None = None  # half-width of the noise band
  place: Literal['like', 'above', 'below'] | None = None  # in the band, or not
  tie: bool | None = None  # as near to the head-only control as the band

  @property
  def mean(self) -> float:
    return float(np.mean(self.values))

  @property
  def std(self) -> float | None:
    """Over seeds; None for one seed."""
    return statistics.stdev(self.values) if len(self.values) > 1 else None


class Comparison(NamedTuple):
  """What tables show and verdicts speak of.

  Attributes:
    methods: in the order of the rows.
    measures: those that any row has.
    cells: by method and key of the measure; none where it does not apply.
    references: the number of retrained models.
  """
  methods: tuple[str, ...]
  measures: tuple[metrics_lib.Metric, ...]
  cells: Mapping[tuple[str, str], Cell]
  references: int

  @property
  def judged_methods(self) -> tuple[str, ...]:
    """All but the original, the reference and the control."""
    rest = (ORIGINAL, REFERENCE, CONTROL)
    return tuple(m for m in self.methods if m not in rest)

  def judged(self, method: str) -> dict[str, Cell]:
    """The cells of a method that have a place, by key of the measure."""
    cells = {m.key: self.cells.get((method, m.key)) for m in self.measures}
    return {key: cell for key, cell in cells.items() if cell and cell.place}


def compare(results: Mapping[str, Any]) -> Comparison:
  """Means, gaps, places and ties of all methods.

  Args:
    results: as `schema.validate` wants them.

  Returns:
    The comparison.
  """
  rows, methods = results['rows'], tuple(results['methods'])
  found = dict.fromkeys(key for row in rows for key in row['metrics'])
  known = [key for key in metrics_lib.BY_KEY if key in found]
  keys = [*known, *(key for key in found if key not in known)]
  cells = {}
  for key in keys:
    metric = metrics_lib.describe(key)
    column = {method: _values(rows, method, key) for method in methods}
    for method, values in column.items():
      if values:
        cells[method, key] = _judge(results, metric, column, method)
  measures = tuple(metrics_lib.describe(key) for key in keys
                   if any((method, key) in cells for method in methods))
  references = sum(row['method'] == REFERENCE for row in rows)
  return Comparison(methods, measures, cells, references)


def class_means(
    results: Mapping[str, Any], method: str
) -> list[float]:
  """The test accuracy of every class, mean over seeds; NaN for no images."""
  rows = [row['per_class'] for row in results['rows'] if row['method'] == method]
  columns = [[v for v in column if v is not None] for column in zip(*rows)]
  return [float(np.mean(c)) if c else math.nan for c in columns]


def _values(rows, method, key) -> tuple[float, ...]:
  values = (row['metrics'].get(key) for row in rows if row['method'] == method)
  return tuple(float(value) for value in values if value is not None)


def _judge(results, metric, column, method) -> Cell:
  cell = Cell(column[method])
  references = column.get(REFERENCE, ())
  if (not metric.show_gap or not references
      or not np.isfinite((*cell.values, *references)).all()):
    return cell
  cell = cell._replace(gap=cell.mean - float(np.mean(references)))
  if method == REFERENCE:
    return cell
  count = _images(results, metric)
  if count is None and len(references) < 3:
    return cell  # neither seeds nor images give a band
  of = lambda v: (evaluation.without_interval(v) if count is None
                  else evaluation.wilson(v * count, count))
  found = evaluation.gap(of(cell.mean), [of(v) for v in references])
  place = 'like' if found.within else 'above' if found.value > 0 else 'below'
  control = column.get(CONTROL, ())
  tie = None
  if (method not in (ORIGINAL, CONTROL) and control
      and np.isfinite(control).all()):
    tie = bool(abs(cell.mean - np.mean(control)) <= found.band)
  return cell._replace(band=float(found.band), place=place, tie=tie)


def _images(results: Mapping[str, Any], metric: metrics_lib.Metric) -> int | None:
  """How many images an accuracy is of, were all classes of one size."""
  if not metric.images:
    return None
  split, side = metric.images
  classes, forgotten = results['dataset']['num_classes'], results['forget_classes']
  if not forgotten:
    return None
  share = len(set(forgotten)) / classes
  if side == 'retain':
    share = 1 - share
  return max(1, round(results['dataset']['sizes'][split] * share))


def total_seconds(
    results: Mapping[str, Any], method: str
) -> float | None:
  """The mean over seeds of all phases together; None where nothing was timed."""
  totals = [sum(row['seconds'].values()) for row in results['rows']
            if row['method'] == method and row['seconds']]
  return float(np.mean(totals)) if totals else None


def phase_seconds(
    results: Mapping[str, Any], method: str
) -> dict[str, float]:
  """The mean over seeds of every phase, in their order."""
  rows = [row['seconds'] for row in results['rows']
          if row['method'] == method]
  phases = dict.fromkeys(phase for row in rows for phase in row)
  return {phase: float(np.mean([row[phase] for row in rows if phase in row]))
          for phase in phases}
