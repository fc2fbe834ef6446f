"""Every method's measures beside those of the retrained models.

Differences are held against the noise band of `evaluation.gap`: what retraining
with another seed changes or, with fewer than three retrained models, the sampling
error: the intervals that were measured or, for accuracies, those of so many images.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import math
import statistics
import types
from typing import Literal, NamedTuple

import numpy as np

from unsc_jax import evaluation
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import pictures as pictures_lib
from unsc_jax.report import results as results_lib

ORIGINAL, REFERENCE, CONTROL = 'original', results_lib.REFERENCE, 'head_only'


class Cell(NamedTuple):
  """One measure of one method."""
  values: tuple[float, ...]  # one a seed
  interval: tuple[float, float] | None = None  # 95 %, of sampling, where measured
  gap: float | None = None  # to the mean of the retrained models
  band: float | None = None  # half-width of the noise band
  place: Literal['like', 'above', 'below'] | None = None  # in the band, or not
  tie: bool | None = None  # as near to the head-only control as the band
  limit: float | None = None  # where counting stopped: `mean` is a least value
  reference_limit: float | None = None  # likewise of the retrained models

  @property
  def mean(self) -> float:
    return float(np.mean(self.values))

  @property
  def reference(self) -> float:
    """The mean of the retrained models, of a cell with a gap."""
    return self.mean - (self.gap or 0.)

  @property
  def std(self) -> float | None:
    """Over seeds; None for one seed."""
    return statistics.stdev(self.values) if len(self.values) > 1 else None

  @property
  def endless(self) -> bool:
    """Whether neither it nor the reference was counted to the end."""
    return self.limit is not None and self.reference_limit is not None


class Comparison(NamedTuple):
  """What tables show and verdicts speak of.

  Attributes:
    methods: in the order of the rows.
    measures: those that any row has.
    cells: by method and key of the measure; none where it does not apply.
    references: the number of retrained models.
    reasons: by method and key of the measure, why a row has no value.
    maskable: whether whole classes were forgotten, so that masking their logits may
      look like it.
  """
  methods: tuple[str, ...]
  measures: tuple[metrics_lib.Metric, ...]
  cells: Mapping[tuple[str, str], Cell]
  references: int
  reasons: Mapping[tuple[str, str], str] = types.MappingProxyType({})
  maskable: bool = False

  @property
  def judged_methods(self) -> tuple[str, ...]:
    """All but the original, the reference and the control."""
    rest = (ORIGINAL, REFERENCE, CONTROL)
    return tuple(m for m in self.methods if m not in rest)

  def judged(self, method: str) -> dict[str, Cell]:
    """The cells of a method that have a place, by key of the measure."""
    cells = {m.key: self.cells.get((method, m.key)) for m in self.measures}
    return {key: cell for key, cell in cells.items() if cell and cell.place}


def compare(results: results_lib.Results) -> Comparison:
  """Means, gaps, places and ties of all methods.

  Args:
    results: of an experiment.

  Returns:
    The comparison.
  """
  methods = results.methods
  keys = metrics_lib.in_order(key for row in results.rows for key in row.metrics)
  cells = {}
  for key in keys:
    metric = metrics_lib.describe(key)
    column = {method: cell for method in methods
              if (cell := _cell(results.rows_of(method), key)).values}
    column.update(_judge(metric, column, _images(results, metric)))
    cells.update({(method, key): cell for method, cell in column.items()})
  measures = tuple(metrics_lib.describe(key) for key in keys
                   if any((method, key) in cells for method in methods))
  reasons = {(row.method, key): reason for row in results.rows
             for key, reason in row.reasons.items()}
  return Comparison(methods, measures, cells, len(results.rows_of(REFERENCE)), reasons,
                    maskable=bool(results.forget_classes))


def by_seed(results: results_lib.Results) -> dict[int, Comparison]:
  """One for every seed: its networks beside all that were retrained."""
  found = {}
  for seed in results.seeds:
    rows = tuple(row for row in results.rows if row.seed == seed or row.method == REFERENCE)
    here = {row.method for row in rows}
    found[seed] = compare(dataclasses.replace(
        results, rows=rows, methods=tuple(m for m in results.methods if m in here),
        pictures=pictures_lib.Pictures()))
  return found


def class_means(results: results_lib.Results, method: str) -> np.ndarray:
  """The test accuracy of every class, mean over seeds; NaN for no images."""
  accuracies = np.array([row.per_class for row in results.rows_of(method)], float)
  known = np.isfinite(accuracies)
  with np.errstate(invalid='ignore'):
    return np.where(known, accuracies, 0.).sum(0) / known.sum(0)


def _cell(rows: Sequence[results_lib.Row], key: str) -> Cell:
  """What was measured, and the mean over seeds of its interval."""
  known = [(value, row.intervals.get(key) or (None, None)) for row in rows
           if (value := row.metrics.get(key)) is not None]
  ends = np.array([interval for _, interval in known], float)
  # The seeds share their images, so that their intervals do not shrink.
  interval = None
  if known and np.isfinite(ends).all():
    low, high = ends.mean(0)
    interval = float(low), float(high)
  limits = [limit for row in rows if (limit := row.limits.get(key)) is not None]
  return Cell(tuple(float(value) for value, _ in known), interval,
              limit=max(limits, default=None))


def _judge(metric, column: Mapping[str, Cell], count: float | None
           ) -> dict[str, Cell]:
  """The cells of a measure that can be judged, with gap, band, place and tie."""
  reference = column.get(REFERENCE)
  if not metric.show_gap or not reference or not np.isfinite(reference.values).all():
    return {}
  if metric.ideal is not None and np.allclose(reference.values, metric.ideal):
    return {}  # retrained models beside themselves tell nothing of noise
  cells = {method: cell for method, cell in column.items()
           if np.isfinite(cell.values).all()}
  mean = float(np.mean(reference.values))
  judged = {method: cell._replace(gap=cell.mean - mean, reference_limit=reference.limit)
            for method, cell in cells.items()}
  rest = [method for method in cells if method != REFERENCE]
  estimates = [_estimate(cells[method].mean, cells[method].interval, count)
               for method in rest]
  references = [_estimate(value, reference.interval and tuple(
      value + end - reference.mean for end in reference.interval), count)
                for value in reference.values]
  sampled = np.isfinite([*estimates, *references]).all()
  if not rest or (len(references) < 3 and not sampled):
    return judged  # neither seeds nor images give a band
  # A mean over seeds has less noise of the seed than one network.
  seeds = np.array([len(cells[method].values) for method in rest])
  stacked = _stack(estimates)
  retrained = [_stack([estimate] * len(rest)) for estimate in references]
  bands = np.asarray(evaluation.gap(stacked, retrained, models=seeds).band)
  ties = {}
  if CONTROL in rest:
    ties = dict(zip(rest, np.asarray(evaluation.ties(
        stacked, cells[CONTROL].mean, retrained, models=seeds))))
  for method, band in zip(rest, map(float, bands)):
    cell = judged[method]
    if band == 0 and cell.gap != 0 and not (sampled and reference.limit is not None):
      continue  # equal references without intervals: noise that is not known
    if place := _place(metric, cell, cells[method].mean - mean, band):
      tie = bool(ties[method]) if ties and _may_tie(cells, method) else None
      judged[method] = cell._replace(band=band, place=place, tie=tie)
  return judged


def _stack(estimates: Sequence[tuple[float, float, float]]) -> evaluation.Estimate:
  return evaluation.Estimate(*np.transpose(estimates))


def _place(metric, cell: Cell, gap: float, band: float
           ) -> Literal['like', 'above', 'below'] | None:
  """Where a cell lies; None where values that are least ones do not tell."""
  if metric.ideal is not None and (abs(cell.mean - metric.ideal)
                                   <= abs(cell.reference - metric.ideal)):
    return 'like'  # nearer than one retrained model to another
  place = 'like' if abs(gap) <= band else 'above' if gap > 0 else 'below'
  if cell.limit is not None and (cell.endless or place != 'above'):
    return None  # with more counting it might have been above
  if cell.reference_limit is not None and place != 'below':
    return None
  return place


def _may_tie(cells, method) -> bool:
  """Whether a method's cell can tie with the control's."""
  least = all(cells[one].limit is not None for one in (method, CONTROL))
  return method not in (ORIGINAL, CONTROL) and not least


def _estimate(value, interval, count) -> tuple[float, float, float]:
  """A value and its interval: the one measured, or that of so many images."""
  if interval:
    # The mean of several seeds may lie outside of rounded ends.
    return value, min(value, interval[0]), max(value, interval[1])
  if count is None:
    return value, math.nan, math.nan
  value, low, high = map(float, evaluation.wilson(value * count, count))
  return value, low, high


def _images(results: results_lib.Results, metric: metrics_lib.Metric) -> float | None:
  """Of how many images an accuracy is; as if of one size where not known."""
  if not metric.images or not results.forget_classes:
    return None
  split, side = metric.images
  classes, forgotten = results.dataset.num_classes, set(results.forget_classes)
  chosen = [c for c in range(classes) if (c in forgotten) == (side == 'forget')]
  if counts := results.dataset.class_counts:
    sizes = [n for c in chosen if (n := getattr(counts, split)[c])]
    # The mean of K shares of n_c images has the variance of K²/Σ 1/n_c images.
    return len(sizes)**2 / sum(1 / n for n in sizes) if sizes else None
  return max(1, round(getattr(results.dataset.sizes, split) * len(chosen) / classes))


def total_seconds(results: results_lib.Results, method: str) -> float | None:
  """The mean over seeds of all phases together; None where nothing was timed."""
  totals = [row.total_seconds for row in results.rows_of(method) if row.seconds]
  return float(np.mean(totals)) if totals else None


def phase_seconds(results: results_lib.Results, method: str) -> dict[str, float]:
  """The mean over seeds of every phase, in their order."""
  timed = [row.seconds for row in results.rows_of(method)]
  phases = dict.fromkeys(phase for seconds in timed for phase in seconds)
  return {phase: float(np.mean([seconds[phase] for seconds in timed if phase in seconds]))
          for phase in phases}
