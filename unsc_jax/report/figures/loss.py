"""The loss, step by step."""


import numpy as np

from unsc_jax.report import numerals
from unsc_jax.report import results as results_lib
from unsc_jax.report import wording
from unsc_jax.report.figures import looks
from unsc_jax.report.html import svg

_MOST_POINTS = 150
_COLOURS = (svg.BLUE, svg.VERMILLION, svg.GREEN, svg.PURPLE, svg.ORANGE, svg.SKY)
_DASHES = ('-', '--', ':', '-.')
_MARKERS = 'osD^vP'


def loss(results: results_lib.Results, method: str) -> svg.Plot | None:
  """A line for every seed of a method.

  Args:
    results: whose rows have a `loss` in their history, one number a step.
    method: whose loss.

  Returns:
    The plot; None where the method has no such history.
  """
  lines = {row.seed: np.array(row.history['loss'], float)
           for row in results.rows_of(method) if row.history.get('loss')}
  if not lines:
    return None
  longest = max(map(len, lines.values()))
  window = -(-longest // _MOST_POINTS)

  def draw(figure):
    axes = figure.subplots()
    for i, (seed, values) in enumerate(lines.items()):
      x, y = window_means(values, window)
      axes.plot(x, y, color=_COLOURS[i % len(_COLOURS)],
                linestyle=_DASHES[i % len(_DASHES)],
                marker=_MARKERS[i % len(_MARKERS)], label=f'seed {seed}', clip_on=False,
                markevery=(i * max(1, len(x) // 30), max(1, len(x) // 8)))
    axes.set(xlabel='step', ylabel='loss', xlim=(0, longest))
    if all(np.nanmin(values, initial=0.) >= 0 for values in lines.values()):
      axes.set_ylim(bottom=0)
    axes.grid()
    looks.legend_on_top(figure, 4)

  ends = wording.listing([
      f'from {values[0]:.3g} to {values[-1]:.3g} (seed {seed})'
      for seed, values in lines.items()])
  averaged = f' Every point is the mean of {window} steps.' if window > 1 else ''
  return svg.Plot(
      f'Loss by step, {wording.method(method)}',
      f'The loss went {ends} in {numerals.plural(longest, "step")}.{averaged}',
      looks.WIDTH, 2.7, draw)


def window_means(values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
  """The middles and means of windows of steps; the last may be short.

  Example:
    >>> x, y = window_means(np.array([4., 2., 1.]), 2)
    >>> x.tolist(), y.tolist()
    ([1.5, 3.0], [3.0, 1.0])
  """
  starts = np.arange(0, len(values), window)
  sizes = np.diff(np.append(starts, len(values)))
  return starts + (sizes + 1) / 2, np.add.reduceat(values, starts) / sizes
