"""Results with every measure and picture, made up from a seed."""

from dataclasses import replace

import numpy as np

from unsc_jax import evaluation
from unsc_jax import report

METHODS = ('original', 'retrain', 'head_only', 'unsc', 'salun', 'random_label')
FORGOTTEN = 6
# Mean of every measure by method, in the order of METHODS; None has no number.
MEASURES = {
    'forget_test': (.731, 0., 0., .003, .012, .0),
    'retain_test': (.922, .9486, .9488, .9465, .941, .902),
    'forget_train': (.802, 0., 0., .002, .008, .001),
    'retain_train': (.951, .971, .9715, .969, .968, .921),
    'tow': (.189, None, .994, .991, .968, .905),
    'average_gap': (.42, None, .002, .004, .013, .026),
    'mia_confidence': (.58, .502, .503, .51, .44, .23),
    'mia_correctness': (.54, .5, .5, .501, .5, .499),
    'mia_entropy': (.57, .506, .55, .53, .41, .19),
    'mia_modified_entropy': (.58, .503, .504, .51, .43, .22),
    'mia_classifier': (.83, .31, .3, .34, .12, .01),
    'rmia_auc': (.61, .503, .51, .52, .45, .3),
    'lira_auc': (.66, .5, .57, .55, .42, .28),
    'agreement': (.874, .941, .925, .927, .918, .861),
    'js_divergence': (.081, .021, .031, .028, .044, .092),
    'told_from_retrained': (.99, .54, .71, .66, .82, .97),
    'klom': (8.1, 1.9, 3.2, 2.9, 4.8, 7.7),
    'forgetting_score': (.001, .19, .06, .08, .03, .002),
    'probe': (.652, .587, .652, .646, .571, .402),
    'nmi': (.71, .62, .71, .69, .6, .48),
    'feature_f1': (.6, .44, .6, .57, .42, .29),
    'alignment': (.62, .81, .62, .66, .84, .93),
    'cka': (.71, .9, .71, .72, .68, .51),
    'relearn_steps': (0., 64., 9., 14., 41., 88.),
    'logit_drift': (0., .84, 0., .021, .31, 1.2),
    'flips': (0., .072, .031, .029, .05, .11),
    'layer_drift': (0., None, 0., .034, .41, 1.7),
    'leak': (None, None, None, 4e-7, None, None),
    'tow_mia': (.45, None, .98, .96, .79, .66),
    'js_forget': (.41, .09, .14, .12, .19, .36),
}


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
  rows = tuple(_row(method, seed, classes, draw)
               for seed in range(3) for method in METHODS)
  counts = {split: (total // classes,) * classes
            for split, total in vars(base.dataset.sizes).items()}
  return replace(
      base, methods=METHODS, rows=rows, forget_classes=(FORGOTTEN,),
      dataset=replace(base.dataset, num_classes=classes, class_names=names,
                      class_counts=report.ClassCounts(**counts)),
      pictures=_pictures(classes, draw))


def _row(method, seed, classes, draw) -> report.Row:
  i = METHODS.index(method)
  metrics, intervals = {}, {}
  for key, means in MEASURES.items():
    mean = means[i]
    if mean is None:
      metrics[key] = None
      continue
    noise = draw.normal() * (.01 * abs(mean) if mean not in (0., 1.) else 0.)
    value = float(mean + noise)
    value = float(round(value)) if key == 'relearn_steps' else value
    metrics[key] = max(0., value if key in ('klom', 'relearn_steps') else min(value, 1.))
    intervals[key] = (max(0., metrics[key] * .97 - .002), metrics[key] * 1.03 + .004)
  per_class = np.random.default_rng(1).uniform(.72, .99, classes) + draw.normal(
      0, .01 if method != 'random_label' else .04, classes)
  per_class[FORGOTTEN] = metrics['forget_test']
  return report.Row(
      method=method, seed=seed, metrics=metrics, intervals=intervals,
      per_class=np.clip(per_class, 0, 1).tolist(),
      seconds=({} if method in ('original', 'head_only') else
               {'moments and bases': 11.4, 'steps': 8.2} if method == 'unsc' else
               {'training': 412.} if method == 'retrain' else {'steps': 31.}),
      history={} if method in ('original', 'head_only') else {'loss': (
          2 * np.exp(-np.arange(80) / 20) + draw.gamma(2, .05, 80)).tolist()},
      relearning=_relearning(method) if seed == 0 else None)


def _relearning(method) -> evaluation.Relearning:
  steps = np.arange(0, 101, 5)
  reach = MEASURES['relearn_steps'][METHODS.index(method)]
  accuracy = .8 * (1 - np.exp(-(steps + (method == 'original') * 300) / (reach / 2.4 + .1)))
  return evaluation.Relearning(steps=steps.tolist(), accuracy=accuracy.tolist(),
                               target=.731, reached=1.)


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
