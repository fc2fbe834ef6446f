"""What `results['pictures']` holds: data of figures, of the first seed.

`C` classes, `E` bins, `n` images, `k` steps along a direction, `s` steps of
training. Every part may be null or missing, and so may all of it.
"""

from collections.abc import Mapping
from typing import Any

from unsc_jax.report import kinds

_GRID = kinds.Kind('a list of lists of numbers or nulls, all of one length',
                   kinds.grid(kinds.measured))
_TABLE = kinds.Kind('a list of lists of numbers that are not negative, all of one length',
                    kinds.grid(lambda v: kinds.number(v) and v >= 0))
_POINTS = kinds.Kind('a list of pairs of numbers or nulls', kinds.each(
    lambda v: kinds.each(kinds.measured)(v) and len(v) == 2))
_LANDSCAPE = {'forget': _GRID, 'retain': _GRID}
SPEC = {
    'confusion': kinds.Optional(kinds.Each(_TABLE)),
    'losses': kinds.Optional({
        'edges': kinds.RISING,
        'counts': kinds.Each(
            dict.fromkeys(('retain', 'unseen', 'forget'), kinds.SHARES))}),
    'feature_map': kinds.Optional({
        'labels': kinds.CLASSES, 'points': kinds.Each(_POINTS),
        'note': kinds.Optional(kinds.TEXT)}),
    'contours': kinds.Optional({
        'along': kinds.RISING,
        'losses': {'in_null_space': _LANDSCAPE, 'out_of_null_space': _LANDSCAPE}}),
    'relearn': kinds.Optional({
        'steps': kinds.RISING, 'accuracy': kinds.Each(kinds.ACCURACIES),
        'target': kinds.MEASURED}),
}


def of(results: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
  """The data of one figure; None where there are none.

  Example:
    >>> of({'pictures': {'relearn': None}}, 'relearn'), of({}, 'losses')
    (None, None)
  """
  return (results.get('pictures') or {}).get(name) or None


def check(results: Mapping[str, Any]) -> None:
  """Checks that pictures agree with the results and in themselves.

  Args:
    results: which `kinds.check` has found to be of the right kinds.

  Raises:
    ValueError: one sentence about the first thing that is wrong.
  """
  classes = results['dataset']['num_classes']
  for method, table in _methods(results, 'confusion', 'confusion').items():
    if (len(table), len(table[0])) != (classes, classes):
      kinds.wrong(f'pictures.confusion.{method}', f'is {len(table)} x '
                  f'{len(table[0])} for {classes} classes')
  for method, kinds_of in _methods(results, 'losses', 'losses.counts').items():
    bins = len(results['pictures']['losses']['edges']) - 1
    for name, shares in kinds_of.items():
      _size(f'losses.counts.{method}.{name}', shares, bins, 'bins')
  for method, points in _methods(results, 'feature_map', 'feature_map.points').items():
    labels = results['pictures']['feature_map']['labels']
    _size(f'feature_map.points.{method}', points, len(labels), 'labels')
    if not all(0 <= label < classes for label in labels):
      kinds.wrong('pictures.feature_map.labels', 'names a class that is not one '
                  f'of 0 to {classes - 1}')
  for method, values in _methods(results, 'relearn', 'relearn.accuracy').items():
    steps = results['pictures']['relearn']['steps']
    _size(f'relearn.accuracy.{method}', values, len(steps), 'steps')
  if contours := of(results, 'contours'):
    k = len(contours['along'])
    for direction, parts in contours['losses'].items():
      for name, grid in parts.items():
        if (len(grid), len(grid[0])) != (k, k):
          kinds.wrong(f'pictures.contours.losses.{direction}.{name}',
                      f'is {len(grid)} x {len(grid[0])} for {k} steps along')


def _methods(results, name: str, path: str) -> Mapping[str, Any]:
  """What a picture holds by method."""
  found = of(results, name)
  for key in path.split('.')[1:]:
    found = found and found[key]
  for method in found or {}:
    if method not in results['methods']:
      kinds.wrong(f'pictures.{path}', f'names {method!r}, which methods does not')
  return found or {}


def _size(path: str, values, size: int, things: str) -> None:
  if len(values) != size:
    kinds.wrong(f'pictures.{path}',
                f'has {len(values)} entries for {size} {things}')
