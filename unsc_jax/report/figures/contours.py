"""The loss around the original weights, in and out of the null space."""


import numpy as np

from unsc_jax.report import numerals
from unsc_jax.report import results as results_lib
from unsc_jax.report.figures import looks
from unsc_jax.report.html import svg

_DIRECTIONS = {'in_null_space': 'in the null space',
               'out_of_null_space': 'out of the null space'}
_SETS = {'retain': 'remaining', 'forget': 'forgotten'}
_LEVELS = 7


def contours(results: results_lib.Results) -> svg.Plot | None:
  """Contours of both losses along two directions in, and two out of, the space.

  Args:
    results: with `pictures.contours` of `k` by `k` steps.

  Returns:
    The plot; None without the data.
  """
  landscapes = results.pictures.contours
  if not landscapes:
    return None
  along = np.array(landscapes.along)
  grids = {(name, direction): np.array(
      getattr(getattr(landscapes, direction), name), float)
           for name in _SETS for direction in _DIRECTIONS}
  if not all(np.isfinite(grid).any() for grid in grids.values()):
    return None

  def draw(figure):
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    for row, (name, title) in zip(panels, _SETS.items()):
      both = np.stack([grids[name, direction] for direction in _DIRECTIONS])
      steps = levels(both)
      shades = [(0, .447, .698, round(a, 3))
                for a in np.linspace(.04, .75, len(steps) + 1)]
      for axes, direction, grid in zip(row, _DIRECTIONS, both):
        grid = np.ma.masked_invalid(grid)
        axes.contourf(along, along, grid, steps, colors=shades, extend='both')
        drawn = axes.contour(along, along, grid, steps, colors=svg.INK,
                             linewidths=.7)
        axes.clabel(drawn, steps[1::2], fontsize=8, fmt=lambda v: f'{v:.3g}', inline_spacing=2)
        axes.plot(0, 0, '+', color=svg.INK, ms=8, mew=1.5)
        ticks = np.array([-.5, 0, .5]) * np.abs(along).max()
        axes.set(aspect='equal', xticks=ticks, yticks=ticks)
        if name == 'retain':
          axes.set_title(_DIRECTIONS[direction])
      row[0].set_ylabel(f'loss, {title} images\nsecond direction')
    for axes in panels[1]:
      axes.set_xlabel('first direction')

  ends = lambda name, direction: ' to '.join(
      _number(pick(grids[name, direction])) for pick in (np.nanmin, np.nanmax))
  middle = np.abs(along).argmin()
  sentences = [
      f'Loss of the {title} images: {_number(grids[name, "in_null_space"][middle, middle])} '
      f'at the original weights (the cross), {ends(name, "in_null_space")} within '
      f'reach in the null space and {ends(name, "out_of_null_space")} out of it.'
      for name, title in _SETS.items()]
  return svg.Plot(
      'Loss around the original weights',
      ' '.join(sentences) + f' Reach: steps from {_number(along[0])} to '
      f'{_number(along[-1])} along two random directions, of the same norm '
      'in both spaces. In a row a shade is the same loss, and each has as many steps.',
      looks.WIDTH, 4.2, draw)


def levels(values: np.ndarray) -> np.ndarray:
  """Rising levels with as many values between each and the next.

  So both panels show their valleys, however much deeper one of them is, and a shade is
  the same loss in both.

  Example:
    >>> levels(np.array([0., 1., 2., 3., 4., 50., 600., 7000., 80000.])).tolist()
    [1.0, 2.0, 3.0, 4.0, 50.0, 600.0, 7000.0]
  """
  known = values[np.isfinite(values)]
  steps = np.unique(np.quantile(known, np.arange(1, _LEVELS + 1) / (_LEVELS + 1)))
  return steps[steps > known.min()] if known.max() > known.min() else (
      known.min() + np.arange(1, _LEVELS + 1) * max(abs(known.min()), 1.) * 1e-6)


def _number(value: float) -> str:
  return numerals.spelled(value) or f'{value:.3g}'.replace('-', '−')
