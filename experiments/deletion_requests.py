"""Deletion requests one after the other, each beside a network retrained without them.

  python -m experiments.deletion_requests --dataset fashion_mnist --resume runs/requests

Twenty requests, every fifth for a class and the others for ten examples each, are served
from a store of moments: no retained example is read. After each of them all requests so
far are measured again, beside a network that is trained anew on what is left.
"""

from collections.abc import Callable, Sequence
import dataclasses
import functools
import pathlib
import tempfile
import time
from typing import Any
import warnings

from flax import linen as nn
import jax
import matplotlib
from matplotlib import figure as figure_lib
import numpy as np

from experiments import class_rounds
from experiments import request_sequence
from experiments import settings as settings_lib
from experiments import so_far
from unsc_jax import data as data_lib
from unsc_jax import methods
from unsc_jax import models
from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax import requests
from unsc_jax import session as session_lib
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.command import running
from unsc_jax.requests import serving
from unsc_jax.requests import store as store_lib
from unsc_jax.storage import resume

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    'digits': models.MLP,
    'fashion_mnist': functools.partial(
        models.SmallCNN, features=(8, 16, 32), hidden=64, pool=False)}
CHOICES = requests.Choices(steps=100, batch_size=32, drift_budget=10.)


@dataclasses.dataclass(frozen=True)
class Config:
  """Which data, which requests, and where results go."""
  dataset: str = 'digits'
  """digits, or fashion_mnist."""
  images: int = 3000
  """Training images, at most, and test images, evenly spread over the data set."""
  epochs: float = 30
  """Of the original network and of every retrained one."""
  classes: tuple[int, ...] = (3, 8, 5, 1)
  """Classes to forget, one every `count / len(classes)` requests."""
  count: int = 20
  """Requests in all."""
  examples: int = 10
  """Single examples in each of the others."""
  seed: int = 0
  """Of the networks, and of which examples are named."""
  data_dir: pathlib.Path | None = None
  """Where images are, as published or as tfds keeps them; else they are fetched."""
  resume: pathlib.Path | None = None
  """Folder for what was done: a run that was killed goes on from it."""
  out: pathlib.Path = pathlib.Path('docs/results')
  """Where results go."""

  @property
  def asked(self) -> dict[str, Any]:
    """What results depend on."""
    return storage.describe({name: value for name, value in vars(self).items()
                             if name not in ('out', 'data_dir', 'resume')})


@dataclasses.dataclass(frozen=True)
class Study:
  """A trained network, all data, and a folder for what was done."""
  config: Config
  dataset: data_lib.Dataset
  network: problem_lib.Network
  folder: pathlib.Path

  @classmethod
  def of(cls, config: Config, folder: pathlib.Path) -> 'Study':
    """Reads the data and builds the network."""
    settings_lib.known('data set of this study', config.dataset, NETWORKS)
    dataset = data_lib.load(config.dataset, config.data_dir)
    dataset = dataset._replace(**{
        name: getattr(dataset, name).spread(config.images)
        for name in ('train', 'validation', 'test')})
    module = NETWORKS[config.dataset]()
    return cls(config, dataset, models.from_linen(module, dataset.train.x.shape[1:]), folder)

  @functools.cached_property
  def original(self) -> Any:
    return self.trained(self.dataset.train, 'original', 0)

  @functools.cached_property
  def logits(self) -> np.ndarray:
    """What the original says of the test images."""
    return self.measured(self.steps[0]).logits(self.original)

  def trained(self, examples: problem_lib.Examples, name: str, beside: int = 1) -> Any:
    """A network trained from scratch, kept under its name."""
    recipe = training.Recipe(settings_lib.adam_cosine(), self.config.epochs, 64)
    session = session_lib.Session(
        progress=running.progress, checkpoint=storage.Checkpoint(
            self.folder / 'trained' / name, every=0, keep=1))
    return training.train(
        self.network, examples, recipe, jax.random.key(self.config.seed + beside),
        session=session, label=f'training {name}').params

  @functools.cached_property
  def steps(self) -> list[request_sequence.Step]:
    config = self.config
    return [*request_sequence.steps(request_sequence.Kinds(
        config.classes, config.count, config.examples, config.seed), self.dataset.train.y)]

  def kept(self, name: str, make: Callable[[], Any]) -> Any:
    """A part of the results, which a run that goes on finds."""
    asked = {'config': self.config.asked, 'choices': vars(CHOICES)}
    return resume.kept(self.folder, name, asked, make)

  def measured(self, step: request_sequence.Step) -> so_far.SoFar:
    return so_far.SoFar(self.network, self.dataset, step.classes, step.single)


def served(study: Study) -> list[dict[str, Any]]:
  """A row for every request; those that were made before are read."""
  store, train = study.folder / 'store', study.dataset.train
  if not store.exists():
    requests.enroll(store, study.network, study.original, train, choices=CHOICES)
  done = [record for record in requests.history(store)[0] if record['kind'] == 'forgot']
  rows, every = [], study.steps
  for i, step in enumerate(running.progress(every, 'requests', len(every))):
    if i < len(done):
      now, record = requests.load(store, request=i + 1), done[i]
    else:
      now, record = requests.forget(
          store, study.network, step.what, train.where(step.now),
          held_out=None if step.what.whole else study.dataset.validation)
    rows.append(study.kept(f'row-{i + 1}', functools.partial(
        row, study, i, step, now, record)))
  return rows


def row(study: Study, i: int, step: request_sequence.Step, now: Any, record: dict[str, Any]
        ) -> dict[str, Any]:
  """A served request beside a network that never saw what is gone."""
  left = study.dataset.train.where(~step.gone)
  started = time.perf_counter()
  retrained = study.trained(left, f'retrained-{i + 1}')
  seconds = time.perf_counter() - started
  of = functools.partial(study.measured(step).row, study.logits)
  return {
      'request': i + 1, 'asked': record['asked']['kind'], 'classes': step.classes,
      'examples': int(step.now.sum()), 'unlearned': of(now),
      'retrained': of(retrained), 'original': of(study.original),
      'layer_drift': record['drift']['layers_since_enrolment'],
      'moments_error': error(study, i + 1, left), 'rounding': record['rounding'],
      'steps': record['steps'], 'seconds': record['seconds']['all'],
      'retrained_seconds': seconds}


def error(study: Study, number: int, left: problem_lib.Examples) -> float:
  """The stored moments against a fresh pass over what is left, relative."""
  with store_lib.opened(study.folder / 'store') as store:
    stored = serving.total(store.moments(store.records[number]).values())
  fresh = serving.moments_of(study.network, study.original, left.x, CHOICES)
  return difference(stored, fresh)


def difference(of: Any, to: Any) -> float:
  """How far moments are from others, relative to these, in the layer that is worst."""
  norm = jax.numpy.linalg.norm
  return max(float(norm(a.second - b.second) / norm(b.second)) for a, b in zip(of, to))


def by_pgu(study: Study) -> list[dict[str, Any]]:
  """The same requests by PGU, which reads what is retained anew; a row for each."""
  train, params, rows = study.dataset.train, study.original, []
  before: tuple[int, ...] = ()
  for i, step in enumerate(study.steps):
    problem = problem_lib.Problem(
        study.network, params, train.where(~step.gone), train.where(step.now),
        study.dataset.num_classes, step.what.whole, forgotten=before,
        held_out=study.dataset.validation.without(step.classes), before=study.original)
    params = methods.pgu()(problem, jax.random.key(i)).params
    before = step.classes
    rows.append(study.measured(step).row(study.logits, params))
  return rows


def at_once(study: Study) -> dict[str, float]:
  """All classes in one request, against one after the other: moments and answers."""
  train, classes = study.dataset.train, study.config.classes
  found, kept = {}, {}
  for name, parts in (('once', [classes]), ('steps', [(c,) for c in classes])):
    with tempfile.TemporaryDirectory() as beside:
      folder = pathlib.Path(beside) / 'store'
      requests.enroll(folder, study.network, study.original, train, choices=CHOICES)
      for part in parts:
        found[name], _ = requests.forget(
            folder, study.network, requests.Classes(part),
            train.where(np.isin(train.y, part)))
      with store_lib.opened(folder) as store:
        kept[name] = serving.total(store.moments(store.latest).values())
  measured = so_far.SoFar(study.network, study.dataset, classes, np.zeros(len(train), bool))
  return {
      'moments_difference': difference(kept['steps'], kept['once']),
      'logit_difference': measured.drift(*map(measured.logits, found.values())),
      **{f'{name}_{score}': value for name, of in found.items()
         for score, value in measured.row(study.logits, of).items() if value is not None}}


def in_rounds(study: Study) -> list[dict[str, Any]]:
  """Two classes a round, by every method; see `class_rounds`."""
  with tempfile.TemporaryDirectory() as beside:
    given = class_rounds.Methods(
        study.original, study.network, study.dataset.train, study.dataset.num_classes,
        CHOICES, pathlib.Path(beside) / 'store', study.trained)
    return class_rounds.rows(given, study.dataset, jax.random.key(study.config.seed))


def draw(rows: Sequence[dict[str, Any]], pgu: Sequence[dict[str, Any]]) -> figure_lib.Figure:
  """All requests so far after each of them: forgetting, the rest, drift."""
  figure = figure_lib.Figure(figsize=(11, 6.6), layout='constrained')
  axes = figure.subplots(2, 2).ravel()
  x = [row['request'] for row in rows]
  panels = (('forgotten_classes', 'accuracy, forgotten classes (%)'),
            ('forgotten_examples', 'confidence, forgotten examples (%)'),
            ('retained', 'accuracy, what remains (%)'),
            ('logit_drift', 'drift, retained logits (%)'))
  lines = {
      'requests': ([row['unlearned'] for row in rows], '#0072B2', '-', 'o'),
      'retrained': ([row['retrained'] for row in rows], '#D55E00', '--', 's'),
      'original': ([row['original'] for row in rows], '.5', ':', ''),
      'PGU': (pgu, '#CC79A7', '-.', '^')}
  for axis, (score, label) in zip(axes, panels):
    for name, (of, colour, style, marker) in lines.items():
      values = [np.nan if one[score] is None else 100 * one[score] for one in of]
      axis.plot(x, values, style, color=colour, marker=marker, markersize=3, label=name)
    axis.set_ylabel(label, fontsize=9)
    axis.set_xlabel('requests so far')
    axis.set_xticks([i for i in x if i % 5 == 0 or i == 1])
    axis.set_ylim(-3, None if score == 'logit_drift' else 103)
  figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, ncols=len(lines),
                loc='outside lower center')
  return figure


def run(config: Config) -> dict[str, Any]:
  """Runs the study; writes deletion_requests-DATASET.json and .svg."""
  with tempfile.TemporaryDirectory() as beside, warnings.catch_warnings():
    warnings.simplefilter('ignore')  # of room, request after request
    study = Study.of(config, config.resume or pathlib.Path(beside))
    asked_for = study.kept('asked', lambda: config.asked)
    rows, faults = served(study), requests.verify(study.folder / 'store')
    parts = {of.__name__: study.kept(of.__name__, functools.partial(of, study))
             for of in (at_once, in_rounds, by_pgu)}
  results = {
      'experiment': 'deletion_requests', 'config': asked_for, 'choices': vars(CHOICES),
      'rows': rows, **parts, 'faults': faults}
  path = config.out / f'deletion_requests-{config.dataset}'
  report.write(path.with_suffix('.json'), results)
  save(draw(rows, parts['by_pgu']), path.with_suffix('.svg'))
  return results


def save(figure: figure_lib.Figure, path: pathlib.Path) -> None:
  """Writes a figure as SVG, the same from the same values."""
  with matplotlib.rc_context({'svg.hashsalt': 'unsc_jax', 'svg.fonttype': 'none'}):
    figure.savefig(path, metadata={'Date': None})


if __name__ == '__main__':
  running.main(run, Config, __doc__)
