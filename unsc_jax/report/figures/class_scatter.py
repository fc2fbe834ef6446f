"""Every class's accuracy beside the retrained model's, however many there are."""


import numpy as np

from unsc_jax.report import comparison
from unsc_jax.report import numerals
from unsc_jax.report import results as results_lib
from unsc_jax.report import wording
from unsc_jax.report.figures import looks
from unsc_jax.report.html import svg


def class_scatter(results: results_lib.Results) -> svg.Plot | None:
  """A point for every class, on the diagonal where retraining has the same.

  Args:
    results: of `C` classes.

  Returns:
    The plot; None without a retrained model, or another beside it.
  """
  methods, left_out = looks.panels(results, [
      m for m in results.methods if m != comparison.REFERENCE])
  if comparison.REFERENCE not in results.methods or not methods:
    return None
  means = {m: 100 * comparison.class_means(results, m)
           for m in (*methods, comparison.REFERENCE)}
  retrained = means[comparison.REFERENCE]
  forgotten = np.isin(np.arange(len(retrained)), results.forget_classes)
  known = np.isfinite(retrained) & ~forgotten
  if not known.any():
    return None
  columns = min(3, len(methods))
  titles = looks.titles(methods, columns)
  low = _lowest([means[m][known] for m in means])

  def draw(figure):
    panels = looks.grid(figure, len(methods), columns, sharex=True, sharey=True)
    for axes, method in zip(panels, methods):
      axes.plot([0, 100], [0, 100], color=svg.MUTED, lw=.9)
      axes.plot(retrained[known], means[method][known], 'o', ms=4.5, mew=.5,
                mec=svg.INK, color=svg.BLUE, alpha=.75, clip_on=False)
      axes.set(title=titles[method], xlim=(low, 100), ylim=(low, 100),
               aspect='equal')
      axes.grid()
    figure.supxlabel('retrained, test accuracy of a class, %', fontsize=9)
    figure.supylabel('method, %', fontsize=9)

  rows = -(-len(methods) // columns)
  return svg.Plot(
      'Remaining classes beside the retrained model',
      ' '.join(_sentence(results, m, means[m] - retrained, known) for m in methods)
      + f' A point is a class, of {numerals.plural(known.sum(), "remaining class")}.{left_out}',
      looks.WIDTH, .45 + rows * (4.1 / columns + .12)
      + looks.title_height(titles, columns), draw)


def _lowest(columns) -> float:
  """A round number below all of them."""
  return float(min(90, 10 * np.floor(np.nanmin(np.concatenate(columns)) / 10)))


def _sentence(results, method, gap, known) -> str:
  gap = np.where(known, gap, np.nan)
  if not np.isfinite(gap).any():
    return f'{wording.method(method)} has no class in common.'
  far = int(np.nanargmax(np.abs(gap)))
  return (f'{wording.method(method)} is off by '
          f'{numerals.points(float(np.nanmean(np.abs(gap))) / 100).lstrip("+")} points on '
          f'average, most for {wording.class_name(results, far)} '
          f'({numerals.points(float(gap[far]) / 100)}).')
