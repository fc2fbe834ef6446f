"""Forgets whole classes with UNSC and compares with retraining.

  python -m experiments.forget_class
  python -m experiments.forget_class --dataset fashion_mnist --forget 6

Writes `runs/<name>/results.json` and `report.html`, and prints the table.
"""

import dataclasses
import json
import pathlib
import time
from typing import Any
import zlib

import jax
import numpy as np
import optax
import tyro

from experiments import cli
from experiments import measure as measure_lib
from experiments import problems as problems_lib
from experiments import processes
from experiments import results as results_lib
from experiments import settings as settings_lib
from experiments import tables
from unsc_jax import data as data_lib
from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax import session as session_lib


@dataclasses.dataclass(frozen=True)
class Config(cli.Options):
  """What to forget, and of what."""
  combine: str = 'pooled'
  """How retained classes combine: pooled, merged or sequential."""
  energy: float | None = None
  """Share of the inputs' energy to protect in every layer."""
  learning_rate: float | None = None
  """Of the optimiser that the null space confines."""
  steps: int | None = None
  """Unlearning steps at most."""
  stop_below: float | None = None
  """Probability of the forget set's labels below which unlearning stops."""
  moments_examples: int | None = None
  """Retained examples to take the moments of; 0 for all."""
  batch_size: int | None = None
  """Forget examples a step."""
  curve: tuple[float, ...] = ()
  """Further energies to run, for the energy-against-drift curve."""
  also: tuple[str, ...] = ()
  """Further methods to compare with: random_label, one_class_protected."""
  references: int | None = None
  """Further networks to retrain, for the noise of a seed; digits: 2, else none."""
  shadows: int = 0
  """Shadow originals to let forget, for U-LiRA, KLoM and the forgetting score."""
  checkpoint: pathlib.Path | None = None
  """Trained weights to start from instead of training: .npz or an Orbax folder."""
  reference: pathlib.Path | None = None
  """Weights of the retrained network, instead of retraining."""


def run(config: Config) -> dict[str, Any]:
  """Runs the experiment and writes its folder; returns the results."""
  start = time.perf_counter()
  chosen = _choose(config)
  dataset = data_lib.load(config.dataset, config.data_dir)
  network = problems_lib.build(chosen, dataset)
  # What is wrong with these should show before anything is trained.
  problem_lib.split_classes(dataset.train, chosen.forget)
  if config.reference:
    problems_lib.restore(network, config.reference)
  results: dict[str, Any] = {
      'schema': 1, 'experiment': 'forget_class',
      **results_lib.describe_run(), 'config': _plain(config, chosen),
      'dataset': results_lib.describe_data(dataset),
      'forget_classes': list(chosen.forget),
      'methods': list(_methods(config, chosen)), 'rows': [], 'layers': [],
      'curve': None, 'pictures': None}
  done = [_run_seed(config, chosen, dataset, network, seed) for seed in config.seeds]
  results |= _measured(config, chosen, done)
  name = config.name or '-'.join(
      [config.dataset, chosen.network, 'forget', *map(str, chosen.forget)])
  results['wall_seconds'] = time.perf_counter() - start
  with results_lib.folder(config.out / name) as folder:
    results_lib.write_json(folder / 'results.json', results)
    (folder / 'report.html').write_text(report.render(report.parse(results)))
  print(tables.render(report.parse(results)))
  print(f'\n{config.out / name / "report.html"} ({results["wall_seconds"]:.0f} s)')
  return results


def _choose(config: Config) -> settings_lib.Settings:
  """The data set's settings with what the command line changes."""
  chosen = settings_lib.choose(
      config.dataset, config.model, config.forget, config.epochs)
  if config.combine not in _COMBINE:
    raise ValueError(
        f'No way to combine classes is called {config.combine!r}: choose one '
        f'of {", ".join(_COMBINE)}.')
  for name in config.also:
    if name not in _ALSO:
      raise ValueError(
          f'No further method is called {name!r}: choose among '
          f'{", ".join(_ALSO)}.')
  if config.curve and config.combine != 'pooled':
    raise ValueError(
        f'the curve is that of pooled classes, and --combine is {config.combine}; '
        'drop one of them.')
  for energy in config.curve:
    null_space.energy_rank(energy)  # raises if it is no share
  measure_lib.check(config.shadows)
  if (config.checkpoint or config.reference) and len(config.seeds) > 1:
    raise ValueError(
        'a checkpoint is one network, so it goes with one seed; drop --seeds.')
  given = {field: getattr(config, field)
           for field in ('energy', 'learning_rate', 'steps', 'batch_size', 'stop_below')
           if getattr(config, field) is not None}
  if config.moments_examples is not None:
    if config.moments_examples < 0:
      raise ValueError(
          f'the moments of {config.moments_examples} examples cannot be taken; take '
          'some, or 0 for all.')
    given['moments_examples'] = config.moments_examples or None
  return chosen._replace(unlearning=chosen.unlearning._replace(**given))


def _plain(config: Config, chosen: settings_lib.Settings) -> dict[str, Any]:
  how = results_lib.describe_recipe(chosen.unlearning)
  return {**cli.plain(config), 'model': chosen.network, 'forget': list(chosen.forget),
          'epochs': chosen.recipe.epochs, **how,
          'training': results_lib.describe_recipe(chosen.recipe),
          'random_label': chosen.random_label._asdict()}


_COMBINE = {
    'pooled': null_space.pooled,
    'merged': lambda energy: null_space.merged(energy, energy),
    'sequential': null_space.sequential,
}


def _random_label(config, chosen) -> problem_lib.Method:
  how = chosen.random_label
  return methods.random_label(
      optax.adam(how.learning_rate), steps=how.steps, batch_size=how.batch_size)


def _one_class_protected(config, chosen) -> problem_lib.Method:
  """UNSC with almost no constraint, to show what the null space buys.

  It protects the first retained class alone, as the published notebooks' indexing
  does for their first seed.
  """
  combine = _COMBINE[config.combine]
  return chosen.unlearning.method(
      lambda energy: settings_lib.first_class(combine(energy)))


_ALSO = {'random_label': _random_label, 'one_class_protected': _one_class_protected}


def _methods(config, chosen) -> dict[str, problem_lib.Method]:
  retrain = methods.retrain(chosen.recipe)
  if config.reference:
    retrain = methods.original()  # its weights are put in its place
  return {'original': methods.original(), 'retrain': retrain,
          'head_only': methods.head_only(),
          'unsc': chosen.unlearning.method(_COMBINE[config.combine]),
          **{name: _ALSO[name](config, chosen) for name in config.also}}


def _session(config, chosen, dataset, seed: int) -> session_lib.Session:
  """Where the methods keep their states: other settings, another folder."""
  plain = _plain(config, chosen)
  del plain['seeds']
  settings = zlib.crc32(json.dumps(plain, sort_keys=True).encode())
  original = problems_lib.session(config.resume, chosen, dataset, seed)
  return original.within(f'request-{settings:08x}')


def _run_seed(config, chosen, dataset, network, seed: int) -> measure_lib.Run:
  """All networks of one seed."""
  train_key, method_key, probe_key = jax.random.split(jax.random.key(seed), 3)
  problem = problems_lib.pose(
      chosen, dataset, network, train_key, config.checkpoint,
      problems_lib.session(config.resume, chosen, dataset, seed))
  session = _session(config, chosen, dataset, seed)
  kept = lambda name: dataclasses.replace(problem, session=session.within(name))
  done = {name: method(kept(name), method_key)
          for name, method in _methods(config, chosen).items()}
  if config.reference:
    done['retrain'] = done['retrain']._replace(
        params=problems_lib.restore(network, config.reference))
  return measure_lib.Run(seed, evaluation.Setup(
      problem, dataset.test, probe_key, done['unsc'].moments, config.probe_epochs), done)


def _measured(config, chosen, runs_of_seeds) -> dict[str, Any]:
  """Rows, layers, curve and pictures of all networks."""
  references = (chosen.references if config.references is None
                else config.references)
  found = measure_lib.of_seeds(
      runs_of_seeds, _methods(config, chosen), chosen.recipe,
      references=references, shadows=config.shadows)
  first = runs_of_seeds[0]
  _, method_key, _ = jax.random.split(jax.random.key(first.seed), 3)
  return {
      'rows': found.rows, 'pictures': found.pictures,
      'layers': _layers(first.setup.problem, first.done['unsc']),
      'curve': _curve(config, chosen, first.setup, method_key) if config.curve else None}


def _layers(problem, unlearned) -> list[dict[str, Any]]:
  """Spectrum, room and drift of every layer that has bases."""
  drift = null_space.drift(unlearned.moments, problem.params, unlearned.params)
  return [{
      'path': path, 'fan_in': basis.eigenvalues.shape[-1],
      'rank': int(np.max(basis.rank)),
      'free': basis.eigenvalues.shape[-1] - int(np.max(basis.rank)),
      'eigenvalues': np.asarray(basis.eigenvalues[0], float).tolist(),
      'layer_drift': float(drift[path]),
  } for path, found in unlearned.bases.by_path.items() for basis in found]


def _curve(config, chosen, setup, key) -> list[dict[str, Any]]:
  """UNSC at several energies: what protection costs and buys."""
  # The moments are there already; only the bases change.
  stored = lambda energy: null_space.null_space_bases(setup.moments, energy)
  points = []
  for energy in sorted({*config.curve, chosen.unlearning.energy}):
    method = chosen.unlearning._replace(energy=energy).method(stored)
    measured = evaluation.measure(setup, method(setup.problem, key))
    points.append({'energy': energy, **measured.metrics})
  return points


def main() -> None:
  config = tyro.cli(Config, description=__doc__)
  try:
    processes.start(config.distributed)
    run(config)
  except (ValueError, FileNotFoundError, ImportError, FloatingPointError) as error:
    raise SystemExit(f'error: {error}') from error


if __name__ == '__main__':
  main()
