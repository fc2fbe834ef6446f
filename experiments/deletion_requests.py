"""Deletion requests one after the other, each beside a network retrained without them.

  python -m experiments.deletion_requests

Twenty requests, every fifth for a class and the others for ten examples each, are served
from a store of moments: no retained example is read. After each of them all requests so
far are measured again, beside a network that is trained anew on what is left.
"""

from collections.abc import Iterator, Sequence
import dataclasses
import pathlib
import tempfile
import time
from typing import Any
import warnings

import jax
import matplotlib
from matplotlib import figure as figure_lib
import numpy as np

from experiments import cli
from experiments import problems
from experiments import settings as settings_lib
from unsc_jax import data as data_lib
from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax import requests
from unsc_jax import training
from unsc_jax.evaluation.metrics import preservation
from unsc_jax.evaluation.metrics import signals
from unsc_jax.requests import serving
from unsc_jax.requests import store as store_lib

CHOICES = requests.Choices(tau=1e-3, steps=200, batch_size=32, drift_budget=10.)


@dataclasses.dataclass(frozen=True)
class Config:
  """Which data, which requests, and where results go."""
  dataset: str = 'digits'
  """digits, or a tfds name such as fashion_mnist."""
  classes: tuple[int, ...] = (3, 8, 5, 1)
  """Classes to forget, one every `count / len(classes)` requests."""
  count: int = 20
  """Requests in all."""
  examples: int = 10
  """Single examples in each of the others."""
  seed: int = 0
  """Of the networks, and of which examples are named."""
  data_dir: pathlib.Path | None = None
  """Where tfds keeps its data."""
  out: pathlib.Path = pathlib.Path('docs/results')
  """Where results go."""


def asked(config: Config, labels: np.ndarray) -> Iterator[requests.Asked]:
  """The requests, in their order."""
  rng = np.random.default_rng(config.seed)
  every, left = config.count // len(config.classes), np.ones(len(labels), bool)
  for i in range(config.count):
    if i % every == 0:
      c = config.classes[i // every]
      yield requests.Classes((c,))
      left &= labels != c
    else:
      drawn = rng.choice(np.flatnonzero(left), config.examples, replace=False)
      yield requests.Ids(tuple(drawn.tolist()))
      left[drawn] = False


def taken(what: requests.Asked, labels: np.ndarray) -> np.ndarray:
  """Which training examples a request is about, as a mask."""
  if isinstance(what, requests.Classes):
    return np.isin(labels, what.classes)
  return np.isin(np.arange(len(labels)), [int(name) for name in what.ids])


@dataclasses.dataclass(frozen=True)
class Seen:
  """What is measured with: all data, and what is forgotten so far."""
  network: problem_lib.Network
  dataset: data_lib.Dataset
  classes: tuple[int, ...]
  single: np.ndarray  # mask of single training examples that were named

  def scores(self, params: Any) -> dict[str, float | None]:
    """What a network says of forgotten classes, forgotten examples and the rest."""
    test, train = self.dataset.test, self.dataset.train.where(self.single)
    logits = training.predict(self.network.fn, params, test.x)
    right, gone = logits.argmax(-1) == test.y, np.isin(test.y, self.classes)
    found = {'forgotten_classes': float(right[gone].mean()),
             'retained': float(right[~gone].mean()), 'forgotten_examples': None}
    if len(train):
      of = training.predict(self.network.fn, params, train.x)
      found['forgotten_examples'] = float(signals.confidence(of, train.y).mean())
    return found

  def drift(self, before: Any, after: Any) -> float:
    """How far retained logits of test examples have moved."""
    kept = self.dataset.test.where(~np.isin(self.dataset.test.y, self.classes))
    logits = [training.predict(self.network.fn, params, kept.x) for params in (before, after)]
    columns = [c for c in range(self.dataset.num_classes) if c not in self.classes]
    return float(preservation.logit_drift(*logits, columns).value)


def error(folder: pathlib.Path, network: problem_lib.Network,
          left: problem_lib.Examples) -> float:
  """The stored moments against a fresh pass over what is left, relative."""
  with store_lib.opened(folder) as store:
    stored = serving.total(store.moments(store.latest).values())
    fresh = serving.moments_of(network, store.params(store.records[0]), left.x, CHOICES)
  return max(float(jax.numpy.linalg.norm(a.second - b.second)
                   / jax.numpy.linalg.norm(b.second)) for a, b in zip(stored, fresh))


def served(config: Config, task: problems.Task, folder: pathlib.Path, params: Any
           ) -> list[dict[str, Any]]:
  """A row for every request."""
  train, rows = task.dataset.train, []
  classes: tuple[int, ...] = ()
  gone, single = np.zeros((2, len(train)), bool)
  whats = [*asked(config, train.y)]
  for i, what in enumerate(cli.progress(whats, 'requests', len(whats))):
    mask = taken(what, train.y)
    gone |= mask
    classes += what.whole
    single |= mask & (not what.whole)
    started = time.perf_counter()
    now, record = requests.forget(
        folder, task.network, what, train.where(mask),
        held_out=None if what.whole else task.dataset.validation)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    retrained = training.train(
        task.network, train.where(~gone), task.settings.recipe,
        jax.random.key(config.seed + 1)).params
    seen = Seen(task.network, task.dataset, classes, single)
    rows.append({
        'request': i + 1, 'asked': record['asked']['kind'], 'classes': classes,
        'examples': int(mask.sum()), 'unlearned': seen.scores(now),
        'retrained': seen.scores(retrained), 'original': seen.scores(params),
        'logit_drift': seen.drift(params, now),
        'retrained_logit_drift': seen.drift(params, retrained),
        'layer_drift': record['drift']['layers_since_enrolment'],
        'moments_error': error(folder, task.network, train.where(~gone)),
        'rounding': record['rounding'], 'steps': record['steps'], 'seconds': seconds,
        'retrained_seconds': time.perf_counter() - started})
  return rows


def at_once(config: Config, task: problems.Task, folder: pathlib.Path, beside: pathlib.Path,
            params: Any) -> dict[str, float]:
  """All classes in one request, against one after the other: moments and answers."""
  train = task.dataset.train
  stores = {'steps': folder, 'once': beside}
  whats = {'once': [requests.Classes(config.classes)],
           'steps': [requests.Classes((c,)) for c in config.classes]}
  found, kept = {}, {}
  for name, path in stores.items():
    requests.enroll(path, task.network, params, train, choices=CHOICES)
    for what in whats[name]:
      found[name], _ = requests.forget(
          path, task.network, what, train.where(taken(what, train.y)))
    with store_lib.opened(path) as store:
      kept[name] = serving.total(store.moments(store.latest).values())
  seen = Seen(task.network, task.dataset, config.classes, np.zeros(len(train), bool))
  return {
      'moments_difference': max(
          float(jax.numpy.linalg.norm(a.second - b.second) / jax.numpy.linalg.norm(b.second))
          for a, b in zip(kept['steps'], kept['once'])),
      'logit_difference': seen.drift(found['once'], found['steps']),
      **{f'{name}_{score}': value for name, of in found.items()
         for score, value in seen.scores(of).items() if value is not None}}


def draw(rows: Sequence[dict[str, Any]]) -> figure_lib.Figure:
  """All requests so far after each of them: forgetting, the rest, drift."""
  figure = figure_lib.Figure(figsize=(10, 3.4), layout='constrained')
  axes = figure.subplots(1, 3)
  x = [row['request'] for row in rows]
  panels = (('forgotten_classes', 'accuracy on all forgotten classes (%)'),
            ('forgotten_examples', 'confidence on all forgotten examples (%)'),
            ('retained', 'accuracy on what remains (%)'))
  looks = (('unlearned', 'requests', '#0072B2', '-'), ('retrained', 'retrained', '#D55E00', '--'),
           ('original', 'original', '.5', ':'))
  for axis, (score, label) in zip(axes, panels):
    for name, legend, colour, style in looks:
      values = [row[name][score] for row in rows]
      axis.plot(x, [np.nan if v is None else 100 * v for v in values], style, color=colour,
                marker='.', label=legend)
    axis.set_ylabel(label)
    axis.set_xlabel('requests so far')
    axis.set_ylim(-3, 103)
  figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, ncols=3,
                loc='outside lower center')
  return figure


def run(config: Config) -> dict[str, Any]:
  """Runs the study; writes deletion_requests-DATASET.json and .svg."""
  dataset = data_lib.load(config.dataset, config.data_dir)
  settings = settings_lib.choose(config.dataset, 'mlp')
  task = problems.task(settings, dataset)
  params = training.train(
      task.network, dataset.train, settings.recipe, jax.random.key(config.seed)).params
  with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
    warnings.simplefilter('ignore')  # of room, request after request
    folder = pathlib.Path(name)
    requests.enroll(folder / 'store', task.network, params, dataset.train, choices=CHOICES)
    rows = served(config, task, folder / 'store', params)
    faults = requests.verify(folder / 'store')
    once = at_once(config, task, folder / 'steps', folder / 'once', params)
  asked_for = {name: value for name, value in vars(config).items()
               if name not in ('out', 'data_dir')}
  results = {'experiment': 'deletion_requests', 'config': asked_for, 'choices': vars(CHOICES),
             'rows': rows, 'at_once': once, 'faults': faults}
  path = config.out / f'deletion_requests-{config.dataset}'
  report.write(path.with_suffix('.json'), results)
  with matplotlib.rc_context({'svg.hashsalt': 'unsc_jax', 'svg.fonttype': 'none'}):
    draw(rows).savefig(path.with_suffix('.svg'), metadata={'Date': None})
  return results


if __name__ == '__main__':
  cli.main(run, Config, __doc__)
