"""The features of test images on a plane."""


import numpy as np

from unsc_jax.report import numerals
from unsc_jax.report import results as results_lib
from unsc_jax.report import wording
from unsc_jax.report.figures import looks
from unsc_jax.report.html import svg

MOST_POINTS = 260  # in one panel: every one is markup
_MOST_LABELS = 20
_PLATE = {'boxstyle': 'round,pad=.12', 'fc': svg.PAPER, 'alpha': .75, 'lw': 0}


def feature_map(results: results_lib.Results) -> svg.Plot | None:
  """Small maps of the same images' features, before, after and retrained.

  Args:
    results: with `pictures.feature_map` of `n` images.

  Returns:
    The plot; None without the data.
  """
  maps, forgotten = results.pictures.feature_map, results.forget_classes
  if not maps or not maps.points or not maps.labels:
    return None
  labels = np.array(maps.labels)
  methods, left_out = looks.panels(results, maps.points)
  points = {m: np.array(maps.points[m], float) for m in methods}
  gone = np.isin(labels, forgotten)
  drawn = _thinned(gone)
  columns = min(3, len(methods))
  titles = looks.titles(methods, columns)

  def draw(figure):
    panels = looks.grid(figure, len(methods), columns)
    for axes, (method, at) in zip(panels, points.items()):
      rest, mine = at[drawn & ~gone], at[drawn & gone]
      axes.plot(*rest.T, 'o', ms=2.4, mew=0, color=svg.MUTED, alpha=.55)
      axes.plot(*mine.T, 'x', ms=4, mew=1.1, color=svg.VERMILLION)
      named = [c for c in np.unique(labels) if c not in forgotten]
      if len(named) <= _MOST_LABELS:
        for c in named:
          axes.text(*np.nanmedian(at[labels == c], 0), str(c), fontsize=9,
                    fontweight='bold', ha='center', va='center', bbox=_PLATE)
      axes.set(title=titles[method], xticks=[], yticks=[])
      axes.spines[['top', 'right']].set_visible(True)
      axes.margins(.06)

  sentences = []
  if gone.any() and not gone.all():
    sentences.append(
        'Of the forgotten class’s images (crosses), the nearest neighbour on the '
        'map is of their class for this share: ' + wording.listing([
            f'{wording.method(m)} {numerals.percent(neighbours(at, labels, gone), 0)}'
            for m, at in points.items()]) + '.')
  sentences.append(f'{numerals.plural(len(labels), "test image")} of '
                   f'{numerals.plural(len(np.unique(labels)), "class")}'
                   + (f', {drawn.sum()} of them drawn; numbers stand in the middle '
                      'of their class.' if drawn.sum() < len(labels) else
                      '; numbers stand in the middle of their class.'))
  if maps.note:
    sentences.append(f'{maps.note.rstrip(".")}.')
  rows = -(-len(methods) // columns)
  return svg.Plot(
      'Map of the features', ' '.join(sentences) + left_out,
      looks.WIDTH, .1 + rows * (4.4 / columns + .18)
      + looks.title_height(titles, columns), draw)


def neighbours(points: np.ndarray, labels: np.ndarray, chosen: np.ndarray) -> float:
  """The share of chosen points whose nearest other point has their label.

  Example:
    >>> points = np.array([[0., 0.], [1., 0.], [5., 0.], [5.1, 0.]])
    >>> neighbours(points, np.array([0, 0, 0, 1]), np.array([1, 1, 1, 0], bool))
    0.6666666666666666
  """
  points = np.nan_to_num(points, nan=1e9)
  distance = np.square(points[chosen][:, None] - points[None]).sum(-1)
  distance[np.arange(chosen.sum()), np.flatnonzero(chosen)] = np.inf
  return float(np.mean(labels[distance.argmin(1)] == labels[chosen]))


def _thinned(gone: np.ndarray) -> np.ndarray:
  """So many points as can be drawn, the forgotten ones first."""
  drawn = np.zeros(len(gone), bool)
  mine = np.flatnonzero(gone)[:MOST_POINTS // 3]
  rest = np.flatnonzero(~gone)
  step = max(1, -(-len(rest) // (MOST_POINTS - len(mine))))
  drawn[mine] = drawn[rest[::step]] = True
  return drawn
