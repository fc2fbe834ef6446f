"""Results with every measure and picture, made up from a seed."""

from dataclasses import replace

import numpy as np

from tests.report import examples
from tests.report.examples import FORGOTTEN
from tests.report.examples import METHODS
from unsc_jax import report


def full_results(base: report.Results, classes: int = 10, rng: int = 0) -> report.Results:
  """Five methods with everything that a page can show.

  Args:
    base: other results, whose settings, layers and curve are kept.
    classes: how many; the forgotten one is number 6.
    rng: seed of the numbers.

  Returns:
    The results, of three seeds.
  """
  draw = np.random.default_rng(rng)
  names = (base.dataset.class_names if classes == 10 else
           tuple(f'species number {c}' for c in range(classes)))
  rows = tuple(examples.row(method, seed, draw, examples.MEASURES, classes)
               for seed in range(3) for method in METHODS)
  counts = {split: (total // classes,) * classes
            for split, total in vars(base.dataset.sizes).items() if split != 'forget'}
  return replace(
      base, methods=METHODS, rows=rows, forget_classes=(FORGOTTEN,),
      dataset=replace(base.dataset, num_classes=classes, class_names=names,
                      sizes=replace(base.dataset.sizes, forget=54_000 // classes),
                      class_counts=report.ClassCounts(**counts)),
      pictures=_pictures(classes, draw))


def _pictures(classes, draw) -> report.Pictures:
  edges = [0., *np.geomspace(1e-4, 12, 25).tolist()]
  centres = np.random.default_rng(2).normal(0, 4, (classes, 2))
  n = 40 * min(classes, 15)
  labels = np.arange(n) % min(classes, 15)
  confusion, counts, points = {}, {}, {}
  for method in METHODS:
    knows = {'original': 1., 'head_only': 1., 'unsc': .85}.get(method, .3)
    table = draw.multinomial(40, np.full(classes, 1 / classes), classes)
    table[np.arange(classes), np.arange(classes)] += 900
    if method != 'original':
      table[FORGOTTEN] = draw.multinomial(
          1000, np.bincount([0, 0, 0, 0, 2, 2, 3, 4, 4], minlength=classes) / 9)
      table[:, FORGOTTEN] = 0
    confusion[method] = _tuples(table)
    histogram = lambda scale: np.histogram(
        draw.gamma(.7, scale, 4000), np.array([*edges[:-1], 1e9]))[0] / 4000
    forget = .15 if method == 'original' else 2. + 4 * (1 - knows)
    counts[method] = report.LossShares(**{
        name: _tuples(histogram(scale)) for name, scale in (
            ('retain', .1), ('unseen', .35), ('forget', forget))})
    middle = centres.copy()
    middle[FORGOTTEN] = (knows * centres[FORGOTTEN] + (1 - knows) * (
        centres[0] + centres[2] + centres[4]) / 3)
    points[method] = _tuples(middle[labels] + draw.normal(0, .9, (n, 2)))
  along = np.linspace(-1, 1, 13)
  bowl = np.add.outer(along**2, 1.4 * along**2 + .2 * along)
  grid = lambda scale: report.Landscape(
      forget=_tuples(.4 + scale * 4 * bowl), retain=_tuples(.12 + scale * bowl))
  return report.Pictures(
      confusion=confusion, losses=report.Losses(edges=tuple(edges), counts=counts),
      feature_map=report.FeatureMap(
          labels=_tuples(labels), points=points,
          note='Two leading principal components of the features'),
      contours=report.Contours(along=_tuples(along), in_null_space=grid(.3),
                               out_of_null_space=grid(6.)))


def _tuples(values) -> tuple:
  """Nested tuples, as reading makes them."""
  return tuple(map(_tuples, values)) if np.ndim(values) else values.item()
