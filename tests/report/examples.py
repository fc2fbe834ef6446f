"""Example results: numbers as a run on FashionMNIST gives them, from a seed."""

from collections.abc import Collection, Iterator, Mapping
import contextlib
from dataclasses import replace
import math
from typing import Any

import numpy as np
import pytest

from unsc_jax import evaluation
from unsc_jax import report
from unsc_jax.report.html import svg

NAMES = ('T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal',
         'Shirt', 'Sneaker', 'Bag', 'Ankle boot')
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

# Of the measures that every run has, the deviation between seeds; else 1 %.
DEVIATIONS = {
    'forget_test': .001, 'retain_test': .0012, 'forget_train': .001,
    'retain_train': .0015, 'logit_drift': .002, 'flips': .002, 'probe': .006,
    'leak': 1e-7, 'layer_drift': .003}
LAYERS = {
    'conv1/kernel': 27, 'conv2/kernel': 576, 'conv3/kernel': 1728,
    'fc1/kernel': 4096, 'fc2/kernel': 1024, 'fc3/kernel': 512}


def example_results(seeds: int = 3, rng: int = 0, quick: bool = False) -> report.Results:
  """Results of UNSC, its references and the control, without a network.

  Args:
    seeds: rows of every method.
    rng: seed of the numbers.
    quick: without what takes long to draw.

  Returns:
    The results.
  """
  draw = np.random.default_rng(rng)
  methods = METHODS[:4]
  rows = tuple(row(method, seed, draw, DEVIATIONS)
               for seed in range(seeds) for method in methods)
  results = report.Results(
      experiment='forget_class', created='2025-11-21T07:30:00+00:00',
      command='python -m experiments.forget_class --dataset fashion_mnist --forget 6',
      config={'dataset': 'fashion_mnist', 'model': 'alexnet', 'forget': [6],
              'seeds': [*range(seeds)], 'energy': .99, 'data_dir': None},
      dataset=report.Dataset(
          name='fashion_mnist', num_classes=10, class_names=NAMES, sha256='9f' * 32,
          sizes=report.Sizes(train=54_000, validation=6000, test=10_000, forget=5400)),
      forget_classes=(FORGOTTEN,),
      environment={
          'python': '3.11.2', 'jax': '0.10.2', 'flax': '0.12.8',
          'optax': '0.2.8', 'numpy': '2.3.0', 'unsc_jax': '0.1.0',
          'device_kind': 'cpu', 'devices': 1, 'platform': 'Linux x86_64',
          'cpu_count': 2},
      methods=methods, rows=rows,
      layers=tuple(_layer(path, d, draw) for path, d in LAYERS.items()),
      curve=tuple(_point(energy) for energy in (.9, .95, .97, .99, .999)))
  if quick:
    results = edit(replace(results, layers=(), curve=()), history={}, seconds={})
  return results


def edit(results: report.Results, method: str | None = None, seed: int | None = None,
         metrics: Mapping[str, Any] | None = None, **changes: Any) -> report.Results:
  """Results with other values in some rows.

  Args:
    results: to begin with.
    method: whose rows are changed; None for all.
    seed: of the one row that is changed; None for all.
    metrics: that are put beside or in the place of those that a row has; a tuple has
      one for every seed.
    **changes: of other fields.

  Returns:
    The new results.
  """
  rows = []
  for one in results.rows:
    if method in (None, one.method) and seed in (None, one.seed):
      now = {key: value[one.seed] if isinstance(value, tuple) else value
             for key, value in (metrics or {}).items()}
      one = replace(one, metrics={**one.metrics, **now}, **changes)
    rows.append(one)
  return replace(results, rows=tuple(rows))


def mimic(results: report.Results, method: str, like: str,
          **metrics: float) -> report.Results:
  """Results with a method measured as another one, but for some metrics."""
  for row in results.rows_of(like):
    results = edit(results, method, row.seed, {**row.metrics, **metrics},
                   intervals=row.intervals)
  return results


def add(results: report.Results, method: str, like: str) -> report.Results:
  """Results with a further method that has the rows of another one."""
  return replace(results, methods=(*results.methods, method), rows=(
      *results.rows, *(replace(row, method=method) for row in results.rows_of(like))))


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
  """Leaves figures empty but for their words: for tests of what a page says."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(svg.Plot, 'svg', property(lambda plot: '<svg></svg>'))
    yield


def keep(results: report.Results, *methods: str) -> report.Results:
  """Results of some methods alone."""
  of = lambda by_method: {name: by_method[name] for name in methods if name in by_method}
  pictures, losses, seen = (
      results.pictures, results.pictures.losses, results.pictures.feature_map)
  return replace(
      results, methods=methods,
      rows=tuple(row for row in results.rows if row.method in methods),
      pictures=replace(pictures, confusion=of(pictures.confusion),
                       losses=losses and replace(losses, counts=of(losses.counts)),
                       feature_map=seen and replace(seen, points=of(seen.points))))


def row(method: str, seed: int, draw: np.random.Generator, measures: Collection[str],
        classes: int = 10) -> report.Row:
  """A row of made-up numbers, with intervals and relearning if these are all measures."""
  metrics: dict[str, float | None] = {}
  for key in measures:
    mean = MEASURES[key][METHODS.index(method)]
    if mean is not None:
      noise = draw.normal() * DEVIATIONS.get(key, .01 * abs(mean)) * (mean not in (0., 1.))
      most = math.inf if key in ('klom', 'relearn_steps') else 1.
      mean = min(max(0., round(mean + noise) if key == 'relearn_steps' else mean + noise),
                 most)
    metrics[key] = mean
  per_class = np.random.default_rng(1).uniform(.72, .99, classes) + draw.normal(
      0, .01 if method != 'random_label' else .04, classes)
  per_class[FORGOTTEN] = metrics['forget_test']
  every = len(measures) == len(MEASURES)
  trained = method not in ('original', 'head_only')
  loss = 2 * np.exp(-np.arange(80) / 20) + draw.gamma(2, .05, 80)
  return report.Row(
      method=method, seed=seed, metrics=metrics,
      intervals={key: (max(0., value * .97 - .002), value * 1.03 + .004)
                 for key, value in metrics.items() if every and value is not None},
      per_class=np.clip(per_class, 0, 1).tolist(),
      seconds=({} if not trained else
               {'moments and bases': 11.4, 'steps': 8.2} if method == 'unsc' else
               {'training': 412.} if method == 'retrain' else {'steps': 31.}),
      history={'loss': loss.tolist()} if trained else {},
      relearning=_relearning(method) if every and seed == 0 else None)


def _relearning(method) -> evaluation.Relearning:
  steps = np.arange(0, 101, 5)
  reach = MEASURES['relearn_steps'][METHODS.index(method)]
  accuracy = .8 * (1 - np.exp(-(steps + (method == 'original') * 300) / (reach / 2.4 + .1)))
  return evaluation.Relearning(steps=steps.tolist(), accuracy=accuracy.tolist(),
                               target=.731, reached=1.)


def _layer(path: str, d: int, draw: np.random.Generator) -> report.Layer:
  index = np.arange(1, d + 1)
  values = np.sort(3 * index**-1.8 * np.exp(-index / (d / 6))
                   * draw.uniform(.8, 1.25, d))[::-1]
  rank = int(np.searchsorted(np.cumsum(values) / values.sum(), .99)) + 1
  return report.Layer(path=path, rank=rank, eigenvalues=tuple(values.tolist()),
                      layer_drift=float(draw.uniform(.005, .034)))


def _point(energy: float) -> report.CurvePoint:
  free = -math.log10(1 - energy)  # 1 at .9, 3 at .999
  return report.CurvePoint(energy=energy, metrics={
      'logit_drift': .19 * 10**(1 - free), 'forget_test': .002 * 4**(free - 1),
      'retain_test': .9475 - .002 * free, 'probe': .626 + .008 * free,
      'layer_drift': .3 * 10**(1 - free)})
