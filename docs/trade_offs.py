"""What every method of a comparison trades for what: pictures before the tables.

Each point is a method, the mean over networks, with a standard deviation on either
side. Named are those that no other method is at least as good as in both.
"""

import statistics

from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib

from unsc_jax import report

CONTROLS = ('original', 'retrain', 'head_only')
FORGOTTEN = .05
_FAMILIES = {  # colour and words, by what a method's name says of it
    'null_space': ('#D55E00', 'with alignment'), 'unsc': ('#0072B2', 'UNSC'),
    '': ('#8A949E', 'others')}


class Points:
  """Every method's means and deviations, in what a panel shows.

  Args:
    results: of `experiments.compare`.
  """

  def __init__(self, results: report.Results):
    self._rows = {
        method: [row for row in results.rows if row.method == method]
        for method in results.methods}
    self._retraining = statistics.fmean(
        row.total_seconds for row in self._rows['retrain'])
    self.methods = [method for method in results.methods if method not in CONTROLS]
    self.by_class = bool(results.forget_classes)

  def of(self, method: str, measure: str) -> tuple[float, float]:
    """The mean over networks and its standard deviation, in per cent."""
    found = [self._value(row, measure) for row in self._rows[method]]
    values = [100 * value for value in found if value is not None]
    return (statistics.fmean(values) if values else float('nan'),
            statistics.stdev(values) if len(values) > 1 else 0.)

  def forgets(self, method: str) -> bool:
    """Whether no more is left of the classes than `FORGOTTEN`; shares always count."""
    return not self.by_class or self.of(method, 'forget_test')[0] <= 100 * FORGOTTEN

  def front(self, x: str, y: str) -> list[str]:
    """Of those that forget, the ones that none beats: less is better in both."""
    at = {method: (self.of(method, x)[0], self.of(method, y)[0])
          for method in self.methods if self.forgets(method)}
    return [method for method, (a, b) in at.items() if not any(
        c <= a and d <= b and (c, d) != (a, b) for c, d in at.values())]

  def _value(self, row: report.Row, measure: str) -> float | None:
    if measure == 'time':
      return row.total_seconds / self._retraining
    if not measure.endswith('_gap'):
      return row.metrics.get(measure)
    of = measure.removesuffix('_gap')
    anew, = (other for other in self._rows['retrain'] if other.seed == row.seed)
    here, there = row.metrics.get(of), anew.metrics.get(of)
    if here is None or there is None:
      return None
    # Keeping more than a retrained network is no fault.
    return max(0., there - here) if of == 'retain_test' else abs(here - there)


def draw(results: report.Results) -> figure_lib.Figure:
  """How like retraining a network is in what was forgotten, against three prices.

  Args:
    results: of `experiments.compare`: of classes, the probe's gap; of examples, that of
      the accuracy on them.

  Returns:
    The figure: what is lost of the rest, how far its logits moved, and time.
  """
  points = Points(results)
  y, label = (('probe_gap', 'gap of the probe') if points.by_class else
              ('forget_train_gap', 'gap of the accuracy on what was forgotten'))
  figure = figure_lib.Figure(figsize=(10, 4.2), layout='constrained')
  for axes, (x, price, scale) in zip(figure.subplots(1, 3, sharey=True), (
      ('retain_test_gap', 'retained accuracy below retraining (points)', 'symlog'),
      ('logit_drift', 'drift of retained logits (%)', 'log'),
      ('time', 'time (% of retraining)', 'log'))):
    _panel(axes, points, x, y)
    axes.set_xscale(scale, **({'linthresh': 1} if scale == 'symlog' else {}))
    if scale == 'symlog':
      axes.set_xlim(left=-.2)
    axes.xaxis.set_major_formatter('{x:g}')
    axes.xaxis.set_minor_formatter('')
    axes.set_xlabel(price)
    axes.spines[['top', 'right']].set_visible(False)
  shown = [*points.methods, *['head_only'] * points.by_class]
  highest = max(points.of(method, y)[0] for method in shown)
  figure.axes[0].set(ylabel=f'{label} (points)', ylim=(-.04 * highest, 1.12 * highest))
  figure.legend(*figure.axes[0].get_legend_handles_labels(), frameon=False, ncols=4,
                loc='outside upper center')
  return figure


def _panel(axes: axes_lib.Axes, points: Points, x: str, y: str) -> None:
  front, said = points.front(x, y), set()
  for method in points.methods:
    colour, family = next(
        look for name, look in _FAMILIES.items() if method.startswith(name))
    (at, dx), (height, dy) = points.of(method, x), points.of(method, y)
    axes.errorbar(
        at, height, yerr=dy, xerr=dx, color=colour, marker='o', markersize=5,
        markerfacecolor=colour if points.forgets(method) else 'white', elinewidth=.6,
        alpha=.9, linestyle='', label=None if family in said else family)
    said.add(family)
  if points.by_class:
    axes.axhline(points.of('head_only', y)[0], color='.4', linestyle=':', linewidth=1,
                 label='the logit masked')
  for i, method in enumerate(sorted(front, key=lambda name: points.of(name, x)[0])):
    axes.annotate(
        method, (points.of(method, x)[0], points.of(method, y)[0]), fontsize=7,
        xytext=(4, (5, -10, 14, -19)[i % 4]), textcoords='offset points',
        arrowprops={'arrowstyle': '-', 'linewidth': .3})
