"""All methods on one request, each with settings chosen on another class.

  python -m experiments.compare --dataset digits --seeds 0 1 2

For every method a small search runs on a surrogate class: settings are scored on
training and validation data by their gap to a network retrained without the
surrogate. Then the chosen settings forget the requested class, once a seed; no
test example and no retrained network of the request has a say in the choice.
Writes `runs/<name>/results.json` and `report.html`, and prints the table.
"""

import dataclasses
import pathlib
import sys
from typing import Any

import jax
import numpy as np
import tyro

from experiments import bars
from experiments import candidates
from experiments import forget_class
from experiments import measure
from experiments import runs
from experiments import settings as settings_lib
from experiments import tables
from unsc_jax import data as data_lib
from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import predict
from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax import training


@dataclasses.dataclass(frozen=True)
class Config:
  """What to compare, and on what."""
  dataset: str = 'digits'
  """digits, or a tfds name: fashion_mnist, cifar10, cifar100, svhn_cropped, mnist."""
  model: str = 'mlp'
  """alexnet, allcnn, mlp, resnet18, small_cnn or vgg11."""
  forget: tuple[int, ...] = ()
  """Classes to forget; by default the paper's."""
  surrogate: int | None = None
  """Class to choose settings on; by default the first that stays."""
  seeds: tuple[int, ...] = (0, 1, 2)
  """One original and one retrained network for each."""
  trials: int = 6
  """Settings of each method to try, at most."""
  only: tuple[str, ...] = ()
  """Methods to run; by default all."""
  epochs: float | None = None
  """Training epochs of the original and the retrained network."""
  probe_epochs: float = 10
  """Training epochs of the linear probe."""
  data_dir: pathlib.Path | None = None
  """Where tfds keeps its data; by default TFDS_DATA_DIR, as tfds has it."""
  name: str | None = None
  """Of the folder in `out`."""
  out: pathlib.Path = pathlib.Path('runs')
  """Where results go."""


def run(config: Config) -> dict[str, Any]:
  """Searches, runs, writes the folder; returns the results."""
  found = _candidates(config)
  chosen = settings_lib.SETTINGS[config.dataset]
  chosen = chosen._replace(
      network=config.model, forget=config.forget or chosen.forget,
      recipe=chosen.recipe._replace(epochs=config.epochs or chosen.recipe.epochs))
  dataset = data_lib.load(config.dataset, config.data_dir)
  network = forget_class.build(chosen, dataset)
  surrogate = config.surrogate
  if surrogate is None:
    surrogate = min(set(range(dataset.num_classes)) - set(chosen.forget))
  if surrogate in chosen.forget:
    raise ValueError(
        f'class {surrogate} is the request; choose another as its surrogate.')
  searched = _search(config, found, chosen, dataset, network, surrogate)
  best = {name: found[name].build(**trials[0]['settings'])
          for name, trials in searched.items()}
  rows = []
  for seed in config.seeds:
    rows += _run_seed(config, best, chosen, dataset, network, seed)
  results = {
      'schema': report.SCHEMA, 'experiment': 'compare', **runs.describe_run(),
      'config': _plain(config, chosen, surrogate),
      'dataset': runs.describe_data(dataset),
      'forget_classes': list(chosen.forget),
      'methods': list(dict.fromkeys(row['method'] for row in rows)),
      'rows': rows, 'layers': [], 'curve': None, 'search': searched}
  name = config.name or '-'.join(['compare', config.dataset, config.model])
  with runs.folder(config.out / name) as folder:
    runs.write_json(folder / 'results.json', results)
    (folder / 'report.html').write_text(report.render(results))
  print(tables.render(rows))
  print(f'\n{config.out / name / "report.html"}')
  return results


def _candidates(config: Config) -> dict[str, candidates.Candidate]:
  found = candidates.all_methods()
  if config.dataset not in settings_lib.SETTINGS:
    raise ValueError(
        f'No data set is called {config.dataset!r}: choose one of '
        f'{", ".join(settings_lib.SETTINGS)}.')
  if config.model not in settings_lib.NETWORKS:
    raise ValueError(
        f'No network is called {config.model!r}: choose one of '
        f'{", ".join(settings_lib.NETWORKS)}.')
  for name in config.only:
    if name not in found:
      raise ValueError(
          f'No method is called {name!r}: choose among {", ".join(found)}.')
  return {name: found[name] for name in config.only or found}


def _plain(config, chosen, surrogate) -> dict[str, Any]:
  plain = {name: str(value) if isinstance(value, pathlib.Path) else value
           for name, value in dataclasses.asdict(config).items()}
  return {**plain, 'forget': list(chosen.forget), 'surrogate': surrogate,
          'epochs': chosen.recipe.epochs}


def _original(config, chosen, dataset, network, seed: int):
  """A trained network of one seed, and a key for what follows."""
  train_key, key = jax.random.split(jax.random.key(seed))
  params = training.train(
      network, dataset.train, chosen.recipe, train_key, progress=bars.progress,
      label=f'training, seed {seed}').params
  return params, key


def _problem(dataset, network, params, forget) -> problem_lib.Problem:
  retain, gone = problem_lib.split_classes(dataset.train, forget)
  return problem_lib.Problem(
      network, params, retain, gone, dataset.num_classes, tuple(forget),
      held_out=dataset.validation, progress=bars.progress)


def _search(config, found, chosen, dataset, network, surrogate):
  """For every method its trials on the surrogate class, the best first."""
  seed = 1000 + min(config.seeds)  # a network of its own
  params, key = _original(config, chosen, dataset, network, seed)
  problem = _problem(dataset, network, params, (surrogate,))
  score = lambda unlearned: _scores(problem, dataset, unlearned)
  goal = score(methods.retrain(chosen.recipe)(problem, key))
  searched = {}
  for name in bars.progress(found, 'search', len(found)):
    trials = []
    for settings in found[name].settings(config.trials, seed):
      try:
        reached = score(found[name].build(**settings)(problem, key))
        gap = float(np.abs(reached - goal).mean())
      except FloatingPointError:  # it diverged
        gap = float('inf')
      trials.append({'settings': settings, 'gap': gap})
    searched[name] = sorted(trials, key=lambda trial: trial['gap'])
  return searched


def _scores(problem, dataset, unlearned) -> np.ndarray:
  """Accuracy of the forgotten and of the rest, on training and validation."""
  out = []
  for split in (dataset.train, dataset.validation):
    logits = predict.predict(unlearned.fn, unlearned.params, split.x)
    accuracy = np.asarray(evaluation.per_class_accuracy(logits, split.y).value)
    out += [accuracy[list(classes)].mean()
            for classes in (problem.forget_classes, problem.retain_classes)]
  return np.array(out)


def _run_seed(config, best, chosen, dataset, network, seed) -> list[dict]:
  params, key = _original(config, chosen, dataset, network, seed)
  problem = _problem(dataset, network, params, chosen.forget)
  method_key, probe_key = jax.random.split(key)
  everything = {
      'original': methods.original(), 'retrain': methods.retrain(chosen.recipe),
      'head_only': methods.head_only(), **best}
  done = {}
  for name in bars.progress(everything, f'seed {seed}', len(everything)):
    try:
      done[name] = everything[name](problem, method_key)
    except FloatingPointError as error:  # the others are worth having
      print(f'{name} has no row for seed {seed}: {error}', file=sys.stderr)
  moments = next((u.moments for u in done.values() if u.moments is not None), None)
  bench = measure.Bench(
      problem, dataset.train, dataset.test, moments, config.probe_epochs, probe_key)
  return [{'method': name, 'seed': seed, **measure.row(bench, unlearned)}
          for name, unlearned in done.items()]


def main() -> None:
  config = tyro.cli(Config, description=__doc__)
  try:
    run(config)
  except (ValueError, FileNotFoundError, ImportError, FloatingPointError) as error:
    raise SystemExit(f'error: {error}') from error


if __name__ == '__main__':
  main()
