"""Hard cut or soft damping? Forgetting against what it moves, over each dial.

  python -m experiments.soft_null_space

UNSC with its hard cut, with a ridge in its place, and with one on both sides of every
layer, each with and without alignment, each as a curve over its own dial; beside them
the retrained network, the masked head and other methods. Settings are chosen on a
surrogate class with validation images; requested classes are shown on test images.
What is in `out` is not made again, so that a study that was killed goes on.
"""

from collections.abc import Callable, Iterator
import dataclasses
import functools
import pathlib
from typing import Any

from flax import linen as nn
import jax
import numpy as np

from experiments import results as results_lib
from experiments import settings
from experiments import soft_points
from experiments import trained
from unsc_jax import data as data_lib
from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import models
from unsc_jax import problem as problem_lib
from unsc_jax import provenance
from unsc_jax import report
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.command import checks
from unsc_jax.command import running
from unsc_jax.evaluation import attacks
from unsc_jax.evaluation import measured as measured_lib
from unsc_jax.evaluation import outputs as outputs_lib
from unsc_jax.evaluation import probe
from unsc_jax.evaluation import relearn
from unsc_jax.evaluation.metrics import preservation
from unsc_jax.storage import checkpoints

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    'plain': functools.partial(
        models.SmallCNN, features=(16, 32, 64), hidden=64, pool=False),
    'batchnorm': functools.partial(models.AllCNN, width=1 / 6),
    'alexnet': models.AlexNet,
    'allcnn': models.AllCNN,
}


@dataclasses.dataclass(frozen=True)
class Config:
  """What to run and where results go."""
  dataset: str = 'fashion_mnist'
  """fashion_mnist, cifar10 or digits."""
  network: str = 'plain'
  """plain (convolutions, no normalisation), batchnorm (a narrow AllCNN), alexnet, allcnn."""
  surrogate: int | None = 2
  """The class that settings are chosen on, with validation images; None for none."""
  forget: tuple[int, ...] = (6, 4, 0)
  """Requested classes, each alone; measured on test images."""
  seeds: tuple[int, ...] = (0, 1, 2)
  """One original network for each; the surrogate has the first alone."""
  examples: int = 6000
  """Training images, the first of the data set."""
  epochs: float = 15
  """Of training."""
  rate: float = .05
  """Of SGD with momentum, in UNSC and its relatives."""
  original: pathlib.Path | None = None
  """Weights of the original network (.npz), in the place of training it."""
  reference: pathlib.Path | None = None
  """Those of the network retrained without the one requested class."""
  curves: tuple[str, ...] = ()
  """Of which curves to make points; all if none is named."""
  once: tuple[str, ...] = ()
  """Further curves, of the first seed alone."""
  dials: tuple[float, ...] = ()
  """Where curves have points, by the first of their dials; everywhere if none is named."""
  further: tuple[str, ...] = ()
  """Single points beside these, as their files are called: soft_and_alignment-0.0001."""
  data_dir: pathlib.Path | None = None
  """Where tfds keeps its data; by default TFDS_DATA_DIR, as tfds has it."""
  out: pathlib.Path = pathlib.Path('runs/soft_null_space')
  """Where networks and results go."""

  def points(self, seed: int) -> Iterator[soft_points.Point]:
    """The points of those curves that were asked for, of one seed."""
    asked = self.curves + self.once * (seed == self.seeds[0])
    wanted = lambda point: point.name in self.further or (
        point.curve in asked or not self.curves) and (
            not self.dials or next(iter(point.dial.values()), self.dials[0]) in self.dials)
    return filter(wanted, soft_points.points(self.rate))


def measure(setup: evaluation.Setup, unlearned: problem_lib.Unlearned) -> dict[str, Any]:
  """Accuracies, what moved, a converged probe, relearning, an attack, and time."""
  outputs, problem = setup.outputs(unlearned), setup.problem
  gone, kept = outputs.like_forgotten, ~outputs.like_forgotten
  before, after = setup.original[kept], outputs.test_logits[kept]
  # Standardised and converged: the strongest linear head there is, at any drift.
  probed = probe.converged_probe(
      problem_lib.Examples(outputs.train_features, outputs.train_labels),
      problem_lib.Examples(outputs.test_features, outputs.test_labels))
  share = float(probed.value[problem.forget_classes[0]])
  relearnt, course = relearn.relearn_by_draws(
      problem, setup.test, unlearned.params, setup.key)
  accuracies = outputs_lib.accuracies(outputs)
  metrics, _ = measured_lib.plain({
      'forget': accuracies['forget_test'], 'retain': accuracies['retain_test'],
      'drift': preservation.logit_drift(before, after, outputs.retain_classes),
      'flips': preservation.flips(before, after),
      'attack': attacks.thresholds(outputs)['mia_confidence'],
      'probe': share, 'probe_error': np.sqrt(share * (1 - share) / np.sum(gone)),
      'relearn_steps': relearnt, 'relearnt': course.reached,
      'seconds': sum(unlearned.seconds.values())})
  return metrics


_PRINTED = ('forget', 'retain', 'drift', 'probe', 'relearn_steps')


@dataclasses.dataclass(frozen=True)
class Study:
  """The networks and requests of one seed."""
  config: Config
  dataset: data_lib.Dataset
  seed: int

  @property
  def name(self) -> str:
    """Of the seed's networks and points, as files are called."""
    return f'{self.config.dataset}-{self.config.network}-seed{self.seed}'

  @functools.cached_property
  def train(self) -> problem_lib.Examples:
    """The training images."""
    return self.dataset.train.where(slice(self.config.examples))

  @functools.cached_property
  def network(self) -> problem_lib.Network:
    """The network, without its weights."""
    return models.from_linen(
        NETWORKS[self.config.network](num_classes=self.dataset.num_classes),
        self.train.x.shape[1:])

  def trained(self, name: str, examples: problem_lib.Examples,
              given: pathlib.Path | None = None) -> Any:
    """A network trained on the examples, as it was given or kept."""
    if given:
      return checkpoints.load(given, trained.like(self.network))
    recipe = training.Recipe(settings.adam_cosine(), self.config.epochs, 128)
    return trained.once(self.config.out, f'{self.name}-{name}', self.network, examples,
                        recipe, jax.random.key(self.seed))

  def request(self, role: str, forgotten: int, unseen: problem_lib.Examples
              ) -> list[dict[str, Any]]:
    """All points of one request, the original and the retrained network among them."""
    split = problem_lib.split_classes(self.train, (forgotten,))
    problem = problem_lib.Problem(
        self.network, self.trained('original', self.train, self.config.original),
        *split, self.dataset.num_classes, (forgotten,), held_out=self.dataset.validation)
    setup = evaluation.Setup(problem, unseen, jax.random.key(self.seed))

    def retrained(problem, key):
      del key
      return problem_lib.Unlearned(problem.fn, self.trained(
          f'without-{forgotten}', split[0], self.config.reference), {}, {})

    fixed = [soft_points.Point('original', {}, methods.original()),
             soft_points.Point('retrained', {}, retrained)]
    return [self._kept(f'{role}-{forgotten}', setup, point)
            for point in [*fixed, *self.config.points(self.seed)]]

  def _kept(self, request: str, setup: evaluation.Setup, point: soft_points.Point
            ) -> dict[str, Any]:
    def row():
      here = {'curve': point.curve, 'dial': point.dial, 'seed': self.seed}
      try:
        measured = measure(setup, point.method(setup.problem, setup.key))
      except FloatingPointError as error:
        print(f'{self.name} {request} {point.name}: {error}', flush=True)
        return {**here, 'failed': str(error)}
      print(f'{self.name} {request} {point.name}: ' + ', '.join(
          f'{name} {measured[name]:.3f}' for name in _PRINTED), flush=True)
      return {**here, **measured}
    run = {name: getattr(self.config, name) for name in ('examples', 'epochs', 'rate')}
    run |= {name: str(path) for name in ('original', 'reference')
            if (path := getattr(self.config, name))}
    return storage.kept(self.config.out / 'points' / self.name,
                        f'{request}-{point.name}', run, row)


def asked(config: Config) -> dict[str, Any]:
  """What a run was asked for, as JSON has it; not where its data and results are."""
  return storage.describe({
      name: str(value) if isinstance(value, pathlib.Path) else value
      for name, value in vars(config).items() if name not in ('data_dir', 'out')})


def run(config: Config) -> dict[str, Any]:
  """Runs the study and writes its JSON; every seed is whole before the next begins."""
  checks.check(config)
  checks.writable(config.out, '--out')
  settings.known('network', config.network, NETWORKS)
  points = [*soft_points.points(config.rate)]
  for name in config.curves + config.once:
    settings.known('curve', name, dict.fromkeys(point.curve for point in points))
  for name in config.further:
    settings.known('point', name, dict.fromkeys(point.name for point in points))
  if config.reference and len(config.forget) > 1:
    raise ValueError('--reference is of one class; name one in --forget.')
  dataset = data_lib.load(config.dataset, config.data_dir)
  requests = {('surrogate', config.surrogate): [], **{
      ('requested', c): [] for c in config.forget}}
  for seed in config.seeds:
    study = Study(config, dataset, seed)
    for (role, forgotten), found in requests.items():
      if role == 'requested':
        found.extend(study.request(role, forgotten, dataset.test))
      elif forgotten is not None and seed == config.seeds[0]:
        found.extend(study.request(role, forgotten, dataset.validation))
  results = {
      'experiment': 'soft_null_space', 'config': asked(config), **provenance.run(),
      'dataset': results_lib.describe_data(dataset),
      'studies': [{'role': role, 'forget': forgotten, 'points': found}
                  for (role, forgotten), found in requests.items() if found]}
  report.write(config.out / f'{config.dataset}-{config.network}.json', results)
  return results


if __name__ == '__main__':
  running.main(run, Config, __doc__)
