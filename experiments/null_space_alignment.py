"""Does forgetting reach the features? Probe and relearning against drift.

  python -m experiments.null_space_alignment

A curve for each method on CIFAR-10 at half resolution: a linear probe of the
forgotten class and how soon it is relearned, against how far the logits of
retained images moved, beside the retrained network. The surrogate class is shown
on validation data, the requested one on test data. In every method blocks 6 to 8
and the head may change; what lies below is frozen, so its outputs are found once.
Networks are kept in `out` and trained only if they are not there.
"""

from collections.abc import Iterator
import dataclasses
import functools
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib
from matplotlib import figure as figure_lib
import numpy as np
import optax

from experiments import results as results_lib
from experiments import settings
from experiments import trained
from unsc_jax import capture
from unsc_jax import data as data_lib
from unsc_jax import methods
from unsc_jax import models
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import provenance
from unsc_jax import report
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.command import checks
from unsc_jax.command import running
from unsc_jax.evaluation import probe
from unsc_jax.evaluation import relearn
from unsc_jax.evaluation.metrics import preservation
from unsc_jax.methods.null_space_alignment import class_features
from unsc_jax.methods.null_space_alignment import ClassFeatures
from unsc_jax.methods.null_space_alignment import mismatch

_RECIPE = training.Recipe(settings.SETTINGS['cifar10'].recipe.optimizer, 8, 128)
_FIRST = 6  # the first block that may change


@dataclasses.dataclass(frozen=True)
class Config:
  """What to run and where results go."""
  forget: int = 3
  """The requested class; measured on test data."""
  surrogate: int = 4
  """The class that everything was chosen on; measured on validation data."""
  seed: int = 0
  """Of training and unlearning."""
  per_class: int = 1500
  """Training images a class for moments, probe and drift."""
  roles: tuple[str, ...] = ('surrogate', 'requested')
  """Which of the two to show; what is in `out` already is not run again."""
  data_dir: pathlib.Path | None = None
  """Where images are, as published or as tfds keeps them; else they are fetched."""
  out: pathlib.Path = pathlib.Path('runs/null_space_alignment')
  """Where networks and results go."""


def _allcnn(first: int, last: int, shape: tuple[int, ...]) -> problem_lib.Network:
  return models.from_linen(models.AllCNN(10, 1 / 6, first, last), shape)


FULL = _allcnn(1, 8, (16, 16, 3))
LOWER = _allcnn(1, _FIRST - 1, (16, 16, 3))
UPPER = _allcnn(_FIRST, 8, (8, 8, 32))


def halve(examples: problem_lib.Examples) -> problem_lib.Examples:
  """Images `[N, 32, 32, 3]` at half resolution."""
  x = examples.x.reshape(-1, 16, 2, 16, 2, 3)
  return examples.replace(x=x.mean((2, 4), dtype=np.float32))


def part(network: problem_lib.Network, params: Any) -> Any:
  """Those of the parameters that a part of the network has."""
  return {collection: {name: params[collection][name] for name in layers}
          for collection, layers in trained.like(network).items()}


def network_of(config: Config, name: str, examples: problem_lib.Examples) -> Any:
  """A network trained on the examples, or as it was kept."""
  key = jax.random.split(jax.random.key(config.seed), 3)[0]
  return trained.once(
      config.out, f'{name}-seed{config.seed}', FULL, examples, _RECIPE, key)


@dataclasses.dataclass(frozen=True)
class Bench:
  """What one network is measured with: examples are outputs of its frozen blocks."""
  problem: problem_lib.Problem
  probe: problem_lib.Examples  # training images, some of each class
  few: problem_lib.Examples  # of them, to relearn from
  unseen: problem_lib.Examples  # test or validation images

  @property
  def gone(self) -> np.ndarray:
    """Which unseen images are of the forgotten class."""
    return self.unseen.y == self.problem.forget_classes[0]


def bench(config: Config, params, forgotten: int, train, unseen) -> Bench:
  """All there is to measure one network and one request with."""
  below = part(LOWER, params)
  read = lambda e: e.replace(x=training.predict(LOWER.fn, below, e.x))
  first = lambda n: np.sort(np.concatenate(
      [np.flatnonzero(train.y == c)[:n] for c in range(10)]))
  probe = read(train.where(first(config.per_class)))
  problem = problem_lib.Problem(
      UPPER, part(UPPER, params), probe.where(probe.y != forgotten),
      read(train.where(train.y == forgotten)), 10, (forgotten,))
  return Bench(problem, probe, read(train.where(first(50))), read(unseen))


@dataclasses.dataclass(frozen=True)
class Before:
  """What the original network says, for comparison."""
  logits: np.ndarray  # of the unseen images [N, C]
  kept: ClassFeatures  # of the retained training images
  pseudo: np.ndarray  # what forgotten unseen images are taken for otherwise
  accuracy: float  # on them


def originally(of: Bench) -> Before:
  """What there is to compare with."""
  forgotten, = of.problem.forget_classes
  logits = training.predict(UPPER.fn, of.problem.params, of.unseen.x)
  others = np.where(np.arange(10) == forgotten, -np.inf, logits[of.gone])
  return Before(
      logits, class_features(of.problem, 1e-3), others.argmax(-1),
      float(np.mean(logits[of.gone].argmax(-1) == forgotten)))


def measure(of: Bench, params: Any, before: Before) -> dict[str, Any]:
  """Accuracies, drift, probe, relearning, and how far features are apart."""
  x, y, gone = of.unseen.x, of.unseen.y, of.gone
  logits = training.predict(UPPER.fn, params, x)
  right = logits.argmax(-1) == y
  read = capture.layer_inputs(UPPER.fn, 'params/fc/kernel')
  features = lambda x: training.predict(read, params, x)
  # The strongest head there is, at any drift.
  probed = probe.converged_probe(
      *(part.replace(x=features(part.x)) for part in (of.probe, of.unseen))).value
  # To half of what the original says of unseen images of the class.
  relearned = relearn.relearn_time(
      UPPER.fn, params, of.few, of.unseen.where(gone), before.accuracy / 2,
      jax.random.key(0), trainable=UPPER.trainable, every=2)
  now = class_features(dataclasses.replace(of.problem, params=params), 1e-3)
  apart = lambda kept: float(mismatch(features(x[gone]), before.pseudo, kept))
  return {
      'forget': float(right[gone].mean()), 'retain': float(right[~gone].mean()),
      'drift': float(preservation.logit_drift(
          before.logits[~gone], logits[~gone], of.problem.retain_classes).value),
      'probe': float(probed[y[gone]].mean()), 'probe_retain': float(probed[y[~gone]].mean()),
      'relearn_steps': relearned.steps, 'relearn': relearned.accuracy.tolist(),
      'mismatch_to_before': apart(before.kept), 'mismatch_now': apart(now)}


def curves() -> Iterator[tuple[str, dict[str, float], problem_lib.Method]]:
  """Every point: the name of its curve, what sets it apart, and the method."""
  for energy, steps in ((.8, 25), (.8, 60), (.8, 200), (.9, 60), (.9, 200),
                        (.97, 200), (.99, 200)):
    yield 'unsc', {'energy': energy, 'steps': steps}, methods.unsc(
        null_space.pooled(energy), steps=steps, batch_size=256, stop_below=-1)
  for steps in (25, 50, 100, 200, 400):
    yield 'null_space_alignment', {'steps': steps}, methods.null_space_alignment(
        null_space.pooled(.9), steps=steps)
  for steps in (3, 6, 12, 25):
    yield 'without_null_space', {'steps': steps}, methods.null_space_alignment(
        null_space.pooled(lambda values: jnp.zeros(values.shape[:-1], int)), steps=steps)
  for rate in (1e-3, 3e-3, 1e-2):
    yield 'dimensional_alignment', {'learning_rate': rate}, (
        methods.dimensional_alignment(
            optax.sgd(rate, momentum=.9), rounds=2, forget_steps=30,
            retain_steps=30, batch_size=256))
  for alpha in (.1, .3, 1.):
    yield 'class_projection', {'alpha_forget': alpha}, methods.class_projection(
        alpha_forget=alpha)


def study(config: Config, role: str, forgotten: int, unseen, original, train
          ) -> dict[str, Any]:
  """All curves for one request."""
  retained = problem_lib.split_classes(train, (forgotten,))[0]
  reference = network_of(config, f'without-{forgotten}', retained)
  theirs = bench(config, reference, forgotten, train, unseen)
  of = bench(config, original, forgotten, train, unseen)
  before = originally(of)
  points: dict[str, list[dict[str, Any]]] = {}
  for name, setting, method in curves():
    unlearned = method(of.problem, jax.random.key(config.seed))
    point = {**setting, **measure(of, unlearned.params, before)}
    points.setdefault(name, []).append(point)
    print(role, name, setting, f'drift {point["drift"]:.3f}, '
          f'probe {point["probe"]:.3f}', flush=True)
  return {
      'role': role, 'forget': forgotten, **provenance.run(),
      'original': measure(of, of.problem.params, before),
      'retrained': measure(theirs, theirs.problem.params, before), 'curves': points}


_LOOKS = {  # of a curve: legend, colour, marker
    'unsc': ('UNSC', '#0072B2', 'o'),
    'null_space_alignment': ('null space + alignment', '#D55E00', 's'),
    'without_null_space': ('the same loss without null space', '#CC79A7', 'v'),
    'dimensional_alignment': ('dimensional alignment', '#009E73', '^'),
    'class_projection': ('class projection', '#E69F00', 'D'),
}


def draw(results: dict[str, Any]) -> figure_lib.Figure:
  """Probe and relearning against drift, a column for each request."""
  figure = figure_lib.Figure(figsize=(9, 6.4), layout='constrained')
  studies = results['studies']
  axes = figure.subplots(2, len(studies), squeeze=False, sharex='col')
  measures = (('probe', 'linear probe, forgotten class (%)'),
              ('relearn', 'mean forget accuracy\nwhile relearning (%)'))
  for j, of_role in enumerate(studies):
    for i, (name, label) in enumerate(measures):
      axis = axes[i, j]
      value = lambda row, name=name: 100 * float(np.mean(row[name]))
      for curve, rows in of_role['curves'].items():
        legend, colour, marker = _LOOKS[curve]
        rows = sorted(rows, key=lambda row: row['drift'])
        axis.plot([100 * row['drift'] for row in rows], [*map(value, rows)],
                  color=colour, marker=marker, markersize=5, label=legend)
      for role, style in (('original', ':'), ('retrained', '--')):
        axis.axhline(value(of_role[role]), color='.4', linestyle=style, label=role)
      axis.set_ylabel(label)
    axes[0, j].set_title(f'{of_role["role"]} class {of_role["forget"]}')
    axes[1, j].set_xlabel('drift of retained logits (%)')
  figure.legend(*axes[0, 0].get_legend_handles_labels(), frameon=False, ncols=4,
                loc='outside lower center')
  return figure


def run(config: Config) -> dict[str, Any]:
  """Runs the study and writes results.json and curves.svg."""
  checks.check(config)
  checks.writable(config.out, '--out')
  for role in config.roles:
    settings.known('role', role, ('surrogate', 'requested'))
  for c in (config.forget, config.surrogate):
    settings.known('class', c, range(10))
  dataset = data_lib.load('cifar10', config.data_dir)
  train, validation, test = map(
      halve, (dataset.train, dataset.validation, dataset.test))
  original = network_of(config, 'original', train)
  requests = {'surrogate': (config.surrogate, validation),
              'requested': (config.forget, test)}
  asked = {name: getattr(config, name)
           for name in ('forget', 'surrogate', 'seed', 'per_class')}
  described = results_lib.describe_data(dataset)
  curve = [[name, setting] for name, setting, _ in curves()]
  results = {
      'experiment': 'null_space_alignment', 'config': asked, 'dataset': described,
      'studies': [storage.kept(
          config.out, f'{role}-{requests[role][0]}-seed{config.seed}',
          {'seed': config.seed, 'per_class': config.per_class, 'recipe': _RECIPE,
           'data': described.sha256, 'curves': curve},
          functools.partial(study, config, role, *requests[role], original, train))
                  for role in config.roles]}
  report.write(config.out / 'results.json', results)
  with matplotlib.rc_context({'svg.hashsalt': 'unsc_jax', 'svg.fonttype': 'none'}):
    draw(results).savefig(config.out / 'curves.svg', metadata={'Date': None})
  return results


if __name__ == '__main__':
  running.main(run, Config, __doc__)
