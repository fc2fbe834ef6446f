"""What tighter protection buys, and what it costs."""


import numpy as np

from unsc_jax.report import comparison
from unsc_jax.report import metrics
from unsc_jax.report import numerals
from unsc_jax.report import results as results_lib
from unsc_jax.report import wording
from unsc_jax.report.figures import looks
from unsc_jax.report.html import svg

# Of a curve's points: name, colour, marker, dashes.
_LINES = {
    'logit_drift': ('logit drift', svg.BLUE, 'o', '-'),
    'layer_drift': ('layer drift', svg.PURPLE, '^', ':'),
    'retain_test': ('retained', svg.GREEN, 's', '--'),
    'probe': ('linear probe', svg.ORANGE, 'D', '-.'),
    'forget_test': ('forgotten', svg.VERMILLION, 'v', '-'),
}


def energy_curve(results: results_lib.Results) -> svg.Plot | None:
  """Drift, and accuracies, against the energy that is protected.

  Args:
    results: with `curve`.

  Returns:
    The plot; None without a curve.
  """
  points = _sorted(results)
  if not points:
    return None
  x = np.arange(len(points))

  def draw(figure):
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.3))
    for axes, keys in ((upper, ('logit_drift', 'layer_drift')),
                       (lower, ('retain_test', 'probe', 'forget_test'))):
      for key in keys:
        name, colour, marker, dashes = _LINES[key]
        values = _column(points, key)
        if np.isfinite(values).any():
          axes.plot(x, 100 * values, color=colour, marker=marker,
                    linestyle=dashes, label=name)
      axes.grid()
      looks.legend_above(axes)
    upper.set(ylabel='drift, %')
    upper.set_ylim(bottom=0)
    lower.set(ylabel='test accuracy, %', ylim=(-3, 103),
              xlabel='energy protected (evenly spaced)')
    lower.set_xticks(x, [_energy(p) for p in points])

  first, last = points[0], points[-1]
  return svg.Plot(
      'Energy against drift',
      ' '.join(f'At energy {_energy(p)}: {_values(p)}.' for p in (
          (first, last) if len(points) > 1 else (first,))),
      looks.WIDTH, 4.6, draw)


def trade_off(results: results_lib.Results) -> svg.Plot | None:
  """The linear probe against the drift, and where the retrained model lies.

  Args:
    results: with `curve`.

  Returns:
    The plot; None without two points that have both.
  """
  points = [p for p in _sorted(results) if p.metrics.get('probe') is not None
            and p.metrics.get('logit_drift') is not None]
  if len(points) < 2:
    return None
  drift, probe = (100 * _column(points, key) for key in ('logit_drift', 'probe'))
  retrained = 100 * _column(results.rows_of(comparison.REFERENCE), 'probe')
  retrained = retrained[np.isfinite(retrained)]

  def draw(figure):
    axes = figure.subplots()
    axes.plot(drift, probe, color=svg.BLUE, marker='D', label='UNSC, by energy')
    for i, (a, b, p) in enumerate(zip(drift, probe, points)):
      axes.annotate(_energy(p), (a, b), xytext=(5, -13 if i % 2 else 6),
                    textcoords='offset points', fontsize=8.5)
    if len(retrained):
      axes.axhline(retrained.mean(), color=svg.GREEN, ls='--', label='retrained')
      axes.axhspan(retrained.min(), retrained.max(), color=svg.GREEN,
                   alpha=.25, lw=0)
    axes.set(xlabel='logit drift, %', ylabel='linear probe, %')
    axes.margins(.12, .2)
    axes.grid()
    looks.legend_on_top(figure)

  goal = (f' The retrained model has {numerals.percent(retrained.mean() / 100)}.'
          if len(retrained) else '')
  return svg.Plot(
      'Linear probe against drift',
      wording.listing([
          f'{numerals.percent(b / 100)} at {numerals.small_percent(a / 100)} '
          f'drift (energy {_energy(p)})' for a, b, p in zip(drift, probe, points)],
                      most=20) + f'.{goal}',
      looks.WIDTH, 3., draw)


def _sorted(results) -> list[results_lib.CurvePoint]:
  return sorted(results.curve, key=lambda point: point.energy)


def _column(points, key) -> np.ndarray:
  return np.array([point.metrics.get(key) for point in points], float)


def _energy(point) -> str:
  return f'{100 * point.energy:.6g}\u00a0%'


def _values(point) -> str:
  return wording.listing([
      f'{wording.low(metric.name)} {metric.show(value)}'
      for metric in map(metrics.describe, _LINES)
      if (value := point.metrics.get(metric.key)) is not None])
