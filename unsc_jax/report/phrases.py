"""Measures and their values inside sentences."""

from collections.abc import Sequence
import math

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import numerals
from unsc_jax.report import wording


def value(metric: metrics_lib.Metric, cell: comparison_lib.Cell) -> str:
  """A cell's mean."""
  return (metric.show if cell.limit is None else metric.least)(cell.mean)


def reference(metric: metrics_lib.Metric, cell: comparison_lib.Cell) -> str:
  """The retrained models' mean."""
  show = metric.show if cell.reference_limit is None else metric.least
  return show(cell.reference)


def still(key: str, cell: comparison_lib.Cell) -> str:
  """A gap in half a sentence."""
  metric = metrics_lib.describe(key)
  left = metric.kind == 'forget' and cell.place == metric.left
  more = left and metric.left == 'above'
  return (f'the {wording.low(metric.name)}{" still" if more else ""} {metric.verb}'
          f'{" only" if left and not more else ""} {value(metric, cell)} against '
          f'{reference(metric, cell)}')


def width(metric: metrics_lib.Metric, band: float) -> str:
  """A noise band or half of an interval, with its unit."""
  text = (metric.show_gap or metric.show)(band).lstrip('+')
  return numerals.plural(text, metric.unit) if metric.unit else text


def gap(metric: metrics_lib.Metric, cell: comparison_lib.Cell) -> str:
  """A gap, and on which side of it the true one lies where that is not known."""
  if metric.show_gap is None or cell.gap is None:
    return ''
  sign = ('≥\u00a0' if cell.limit is not None else
          '≤\u00a0' if cell.reference_limit is not None else '')
  return sign + metric.show_gap(cell.gap)


def spread(metric: metrics_lib.Metric, cell: comparison_lib.Cell) -> str:
  """The mean over seeds and, with several of them, the standard deviation."""
  if cell.limit is not None:
    return metric.least(cell.mean)
  if cell.std is None or not math.isfinite(cell.std):
    return metric.show(cell.mean)
  mean, std = metric.show(cell.mean), metric.show(cell.std)
  if metric.unit == 'step':
    deviation = f'{numerals.count(cell.mean)}\u00a0±\u00a0{numerals.count(cell.std)}'
    return numerals.plural(deviation, metric.unit, space='\u00a0')
  unit = '\u00a0%'
  if std.endswith(unit) and mean.endswith(unit):
    mean = mean.removesuffix(unit)
    # As fine as the mean, where that is rounded to its size.
    digits = len(mean.partition('.')[2])
    if len(std.removesuffix(unit).partition('.')[2]) > digits:
      std = numerals.percent(cell.std, digits)
  return f'{mean}\u00a0±\u00a0{std}'


def names(keys: Sequence[str]) -> str:
  """Measures at the beginning of a sentence.

  Example:
    >>> names(['probe', 'lira_auc', 'nmi'])
    'Linear probe, U-LiRA and feature NMI'
  """
  first, *rest = [metrics_lib.describe(key).name for key in keys]
  return wording.listing([first, *map(wording.low, rest)])


def share(part: int, whole: int, nouns: str) -> str:
  """On how many of some measures something is so.

  Example:
    >>> [share(1, 1, 'measure'), share(0, 4, 'measure'), share(3, 4, 'measure')]
    ['on the one measure', 'on none of the 4 measures', 'on 3 of the 4 measures']
    >>> share(4, 4, 'measure'), share(0, 1, 'measure')
    ('on all 4 measures', 'not on the one measure')
  """
  if whole == 1:
    return f'{"" if part else "not "}on the one {nouns}'
  many = numerals.plural(whole, nouns)
  return (f'on all {many}' if part == whole else f'on none of the {many}' if not part
          else f'on {part} of the {many}')
