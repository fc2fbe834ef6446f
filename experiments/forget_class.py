"""Forgets whole classes with UNSC and compares with retraining.

  python -m experiments.forget_class
  python -m experiments.forget_class --dataset fashion_mnist --forget 6

Writes `runs/<name>/results.json` and `report.html`, and prints the table.
"""

import dataclasses
import pathlib
from typing import Any

import jax
import numpy as np
import tyro

from experiments import bars
from experiments import measure
from experiments import runs
from experiments import settings as settings_lib
from experiments import tables
from unsc_jax import bases as bases_lib
from unsc_jax import certificate
from unsc_jax import checkpoints
from unsc_jax import data as data_lib
from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax import sharding
from unsc_jax import spaces
from unsc_jax import training
from unsc_jax.models import network as network_lib


@dataclasses.dataclass(frozen=True)
class Config:
  """What to forget, and of what."""
  dataset: str = 'digits'
  """digits, or a tfds name: fashion_mnist, cifar10, cifar100, svhn_cropped, mnist."""
  model: str | None = None
  """alexnet, allcnn, mlp, resnet18, small_cnn or vgg11; by default the paper's."""
  forget: tuple[int, ...] = ()
  """Classes to forget; by default the paper's."""
  seeds: tuple[int, ...] = (0,)
  """One original and one retrained network for each."""
  combine: str = 'pooled'
  """How retained classes combine: pooled, merged or sequential."""
  energy: float | None = None
  """Share of the inputs' energy to protect in every layer."""
  learning_rate: float | None = None
  """Of the optimiser that the null space confines."""
  steps: int | None = None
  """Unlearning steps."""
  curve: tuple[float, ...] = ()
  """Further energies to run, for the energy-against-drift curve."""
  epochs: float | None = None
  """Training epochs of the original and the retrained network."""
  probe_epochs: float = 20
  """Training epochs of the linear probe."""
  checkpoint: pathlib.Path | None = None
  """Trained weights to start from instead of training: .npz or an Orbax folder."""
  reference: pathlib.Path | None = None
  """Weights of the retrained network, instead of retraining."""
  data_dir: pathlib.Path | None = None
  """Where tfds keeps its data; by default TFDS_DATA_DIR, as tfds has it."""
  name: str | None = None
  """Of the folder in `out`; by default made from data set, network and classes."""
  out: pathlib.Path = pathlib.Path('runs')
  """Where results go."""


def run(config: Config) -> dict[str, Any]:
  """Runs the experiment and writes its folder; returns the results."""
  chosen = _choose(config)
  dataset = data_lib.load(config.dataset, config.data_dir)
  problem_lib.split_classes(dataset.train, chosen.forget)  # fail before training
  network = build(chosen, dataset)
  results: dict[str, Any] = {
      'schema': report.SCHEMA, 'experiment': 'forget_class',
      **runs.describe_run(), 'config': _plain(config, chosen),
      'dataset': runs.describe_data(dataset),
      'forget_classes': list(chosen.forget),
      'methods': list(_methods(config, chosen)), 'rows': [], 'layers': [],
      'curve': None}
  for seed in config.seeds:
    _run_seed(config, chosen, dataset, network, seed, results)
  name = config.name or '-'.join(
      [config.dataset, chosen.network, 'forget', *map(str, chosen.forget)])
  with runs.folder(config.out / name) as folder:
    runs.write_json(folder / 'results.json', results)
    (folder / 'report.html').write_text(report.render(results))
  print(tables.render(results['rows']))
  print(f'\n{config.out / name / "report.html"}')
  return results


def build(chosen: settings_lib.Settings, dataset: data_lib.Dataset
          ) -> problem_lib.Network:
  """The network, for the data set's images and classes."""
  module = settings_lib.NETWORKS[chosen.network]
  return network_lib.from_linen(
      module(num_classes=dataset.num_classes), dataset.train.x.shape[1:])


def _choose(config: Config) -> settings_lib.Settings:
  """The data set's settings with what the command line changes."""
  if config.dataset not in settings_lib.SETTINGS:
    raise ValueError(
        f'No data set is called {config.dataset!r}: choose one of '
        f'{", ".join(settings_lib.SETTINGS)}.')
  chosen = settings_lib.SETTINGS[config.dataset]
  network = config.model or chosen.network
  if network not in settings_lib.NETWORKS:
    raise ValueError(
        f'No network is called {network!r}: choose one of '
        f'{", ".join(settings_lib.NETWORKS)}.')
  if config.combine not in _COMBINE:
    raise ValueError(
        f'No way to combine classes is called {config.combine!r}: choose one '
        f'of {", ".join(_COMBINE)}.')
  if (config.checkpoint or config.reference) and len(config.seeds) > 1:
    raise ValueError(
        'a checkpoint is one network, so it goes with one seed; drop --seeds.')
  given = {field: getattr(config, field)
           for field in ('energy', 'learning_rate', 'steps')
           if getattr(config, field) is not None}
  recipe = chosen.recipe._replace(epochs=config.epochs or chosen.recipe.epochs)
  return chosen._replace(
      network=network, recipe=recipe, forget=config.forget or chosen.forget,
      unlearning=chosen.unlearning._replace(**given))


def _plain(config: Config, chosen: settings_lib.Settings) -> dict[str, Any]:
  plain = {name: str(value) if isinstance(value, pathlib.Path) else value
           for name, value in dataclasses.asdict(config).items()}
  how = {**chosen.unlearning._asdict(),
         'optimizer': chosen.unlearning.optimizer.__name__.lstrip('_')}
  return {**plain, 'model': chosen.network, 'forget': list(chosen.forget),
          'epochs': chosen.recipe.epochs, **how}


_COMBINE = {
    'pooled': spaces.pooled,
    'merged': lambda energy: spaces.merged(energy, energy),
    'sequential': spaces.sequential,
}


def _unsc(how: settings_lib.Unlearning, combine) -> problem_lib.Method:
  return methods.unsc(
      combine(how.energy), how.optimizer(how.learning_rate),
      steps=how.steps, batch_size=how.batch_size, stop_below=how.stop_below)


def _methods(config, chosen) -> dict[str, problem_lib.Method]:
  retrain = methods.retrain(chosen.recipe)
  if config.reference:
    retrain = methods.original()  # its weights are put in its place
  return {'original': methods.original(), 'retrain': retrain,
          'head_only': methods.head_only(),
          'unsc': _unsc(chosen.unlearning, _COMBINE[config.combine])}


def pose(chosen: settings_lib.Settings, dataset: data_lib.Dataset,
         network: problem_lib.Network, key: jax.Array,
         checkpoint: pathlib.Path | None = None) -> problem_lib.Problem:
  """The problem of forgetting, with an original that is trained or restored."""
  mesh = sharding.data_mesh() if jax.device_count() > 1 else None
  if checkpoint:
    params = _restore(network, checkpoint)
  else:
    params = training.train(
        network, dataset.train, chosen.recipe, key, mesh=mesh,
        progress=bars.progress, label='training the original').params
  retain, forget = problem_lib.split_classes(dataset.train, chosen.forget)
  return problem_lib.Problem(
      network, params, retain, forget, dataset.num_classes, chosen.forget,
      held_out=dataset.validation, mesh=mesh, progress=bars.progress)


def _restore(network: problem_lib.Network, path: pathlib.Path):
  return checkpoints.load(path, jax.eval_shape(network.init, jax.random.key(0)))


def _run_seed(config, chosen, dataset, network, seed: int, results) -> None:
  """All rows of one seed, added to the results."""
  train_key, method_key, probe_key = jax.random.split(jax.random.key(seed), 3)
  problem = pose(chosen, dataset, network, train_key, config.checkpoint)
  done = {name: method(problem, method_key)
          for name, method in _methods(config, chosen).items()}
  if config.reference:
    done['retrain'] = done['retrain']._replace(
        params=_restore(network, config.reference))
  bench = measure.Bench(
      problem, dataset.train, dataset.test, done['unsc'].moments,
      config.probe_epochs, probe_key)
  for name, unlearned in done.items():
    results['rows'].append(
        {'method': name, 'seed': seed, **measure.row(bench, unlearned)})
  if not results['layers']:
    results['layers'] = _layers(problem, done['unsc'])
    if config.curve:
      results['curve'] = _curve(config, chosen, bench, method_key)


def _layers(problem, unlearned) -> list[dict[str, Any]]:
  """Spectrum, room and drift of every layer that has bases."""
  drift = certificate.drift(unlearned.moments, problem.params, unlearned.params)
  return [{
      'path': path, 'fan_in': basis.eigenvalues.shape[-1],
      'rank': int(np.max(basis.rank)),
      'free': basis.eigenvalues.shape[-1] - int(np.max(basis.rank)),
      'eigenvalues': np.asarray(basis.eigenvalues[0], float).tolist(),
      'certificate': float(drift[path]),
  } for path, found in unlearned.bases.items() for basis in found]


def _curve(config, chosen, bench, key) -> list[dict[str, Any]]:
  """UNSC at several energies: what protection costs and buys."""
  # The moments are there already; only the bases change.
  stored = lambda energy: lambda classes: bases_lib.null_space_bases(
      bench.moments, energy)
  points = []
  for energy in sorted({*config.curve, chosen.unlearning.energy}):
    method = _unsc(chosen.unlearning._replace(energy=energy), stored)
    row = measure.row(bench, method(bench.problem, key))
    points.append({'energy': energy, **row['metrics']})
  return points


def main() -> None:
  config = tyro.cli(Config, description=__doc__)
  try:
    run(config)
  except (ValueError, FileNotFoundError, ImportError, FloatingPointError) as error:
    raise SystemExit(f'error: {error}') from error


if __name__ == '__main__':
  main()
