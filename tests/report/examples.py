"""Example results: numbers as a run on FashionMNIST gives them, from a seed."""

from collections.abc import Mapping
from dataclasses import replace
import math
from typing import Any

import numpy as np

from unsc_jax import report

NAMES = ('T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal',
         'Shirt', 'Sneaker', 'Bag', 'Ankle boot')
FORGOTTEN = 6
BEFORE = [.844, .977, .864, .907, .823, .979, .731, .975, .980, .950]
AFTER = [.927, .978, .913, .938, .913, .978, .0, .975, .986, .952]
# Mean over seeds, and the deviation between them.
MEASURES = {
    'original': {
        'forget_test': (.731, .012), 'retain_test': (.922, .002),
        'forget_train': (.802, .01), 'retain_train': (.951, .002),
        'logit_drift': (0., 0.), 'flips': (0., 0.), 'probe': (.652, .006),
        'layer_drift': (0., 0.)},
    'retrain': {
        'forget_test': (0., 0.), 'retain_test': (.9486, .0012),
        'forget_train': (0., 0.), 'retain_train': (.971, .0015),
        'logit_drift': (.84, .03), 'flips': (.072, .003), 'probe': (.587, .006)},
    'head_only': {
        'forget_test': (0., 0.), 'retain_test': (.9488, .0011),
        'forget_train': (0., 0.), 'retain_train': (.9715, .0014),
        'logit_drift': (0., 0.), 'flips': (.031, .002), 'probe': (.652, .006),
        'layer_drift': (0., 0.)},
    'unsc': {
        'forget_test': (.003, .001), 'retain_test': (.9465, .0012),
        'forget_train': (.002, .001), 'retain_train': (.969, .0015),
        'logit_drift': (.021, .002), 'flips': (.029, .002), 'probe': (.646, .006),
        'leak': (4e-7, 1e-7), 'layer_drift': (.034, .003)},
}
SECONDS = {
    'original': {}, 'retrain': {'training': 412.}, 'head_only': {},
    'unsc': {'moments and bases': 11.4, 'steps': 8.2}}
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
  rows = tuple(_row(method, seed, draw) for seed in range(seeds) for method in MEASURES)
  results = report.Results(
      experiment='forget_class', created='2025-11-21T07:30:00+00:00',
      command='python -m experiments.forget_class --dataset fashion_mnist --forget 6',
      config={'dataset': 'fashion_mnist', 'model': 'alexnet', 'forget': [6],
              'seeds': [*range(seeds)], 'energy': .99, 'data_dir': None},
      dataset=report.Dataset(
          name='fashion_mnist', num_classes=10, class_names=NAMES, sha256='9f' * 32,
          sizes=report.Sizes(train=54_000, validation=6000, test=10_000)),
      forget_classes=(FORGOTTEN,),
      environment={
          'python': '3.11.2', 'jax': '0.10.2', 'flax': '0.12.8',
          'optax': '0.2.8', 'numpy': '2.3.0', 'unsc_jax': '0.1.0',
          'device_kind': 'cpu', 'devices': 1, 'platform': 'Linux x86_64',
          'cpu_count': 2},
      methods=tuple(MEASURES), rows=rows,
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
  for row in results.rows:
    if method in (None, row.method) and seed in (None, row.seed):
      now = {key: value[row.seed] if isinstance(value, tuple) else value
             for key, value in (metrics or {}).items()}
      row = replace(row, metrics={**row.metrics, **now}, **changes)
    rows.append(row)
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


def keep(results: report.Results, *methods: str) -> report.Results:
  """Results of some methods alone."""
  return replace(results, methods=methods, rows=tuple(
      row for row in results.rows if row.method in methods))


def _row(method: str, seed: int, draw: np.random.Generator) -> report.Row:
  metrics = dict.fromkeys(MEASURES['unsc'])
  for key, (mean, std) in MEASURES[method].items():
    metrics[key] = float(np.clip(draw.normal(mean, std), 0, 1))
  classes = np.array(BEFORE if method == 'original' else AFTER)
  classes = classes + draw.normal(0, .006, 10)
  if method != 'original':
    classes[FORGOTTEN] = metrics['forget_test']
  steps = {'retrain': 950, 'unsc': 100}.get(method, 0)
  loss = (2.2 * np.exp(-np.arange(steps) / (steps / 5 + 1)) + .2
          + draw.gamma(2, .03, steps))
  return report.Row(
      method=method, seed=seed, metrics=metrics, intervals={},
      per_class=np.clip(classes, 0, 1).tolist(),
      seconds={phase: s * float(draw.uniform(.95, 1.05))
               for phase, s in SECONDS[method].items()},
      history={'loss': loss.tolist()} if steps else {})


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
