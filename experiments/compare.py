"""All methods on one request, each with settings chosen on another class.

  python -m experiments.compare --dataset digits --seeds 0 1 2
  python -m experiments.compare --dataset digits --share .1

For every method a small search runs on a surrogate request, another class or
another random share: settings are scored on training and validation data by their
gap to a network retrained without the surrogate. Then the chosen settings serve
the request, once a seed; no test example and no retrained network of the request
has a say in the choice.
Writes `runs/<name>/results.json` and `report.html`, and prints the table.
"""

import dataclasses
import pathlib
import sys
from typing import Any, NamedTuple

import jax
import numpy as np
import tyro

from experiments import bars
from experiments import candidates
from experiments import measure
from experiments import originals
from experiments import processes
from experiments import runs
from experiments import settings as settings_lib
from experiments import tables
from unsc_jax import data as data_lib
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
  share: float | None = None
  """Forget this random share of the training examples instead of classes."""
  examples: int | None = None
  """Training examples to use, the first so many; by default all."""
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
  resume: pathlib.Path | None = None
  """Folder for the state of training: a run that was killed goes on from it."""
  distributed: bool = False
  """Whether this is one of several processes, see docs/distributed.md."""


def run(config: Config) -> dict[str, Any]:
  """Searches, runs, writes the folder; returns the results."""
  found = _candidates(config)
  chosen = settings_lib.SETTINGS[config.dataset]
  chosen = chosen._replace(
      network=config.model, forget=config.forget or chosen.forget,
      recipe=chosen.recipe._replace(epochs=config.epochs or chosen.recipe.epochs))
  dataset = data_lib.load(config.dataset, config.data_dir)
  if config.examples:
    some = dataset.train.where(slice(config.examples))
    dataset = dataset._replace(train=some)
  network = originals.build(chosen, dataset)
  request, surrogate = _requests(config, chosen, dataset)
  searched = _search(config, found, chosen, dataset, network, surrogate)
  best = {name: found[name].build(**trials[0]['settings'])
          for name, trials in searched.items()}
  rows = []
  for seed in config.seeds:
    rows += _run_seed(config, best, chosen, dataset, network, request, seed)
  results = {
      'schema': report.SCHEMA, 'experiment': 'compare', **runs.describe_run(),
      'config': _plain(config, chosen), 'dataset': runs.describe_data(dataset),
      'forget_classes': list(request.classes), 'surrogate': surrogate._asdict(),
      'methods': list(dict.fromkeys(row['method'] for row in rows)),
      'rows': rows, 'layers': [], 'curve': None, 'search': searched}
  name = config.name or '-'.join(
      ['compare', config.dataset, config.model, *(['share'] if config.share else ())])
  with runs.folder(config.out / name) as folder:
    runs.write_json(folder / 'results.json', results)
    (folder / 'report.html').write_text(report.render(results))
  print(tables.render(rows))
  print(f'\n{config.out / name / "report.html"}')
  return results


class Request(NamedTuple):
  """What is to be forgotten: whole classes, or a random share by seed."""
  classes: tuple[int, ...] = ()
  share: float | None = None
  seed: int = 0

  def split(self, examples: problem_lib.Examples):
    """`(retain, forget)`."""
    if self.share is None:
      return problem_lib.split_classes(examples, self.classes)
    return problem_lib.split_random(examples, self.share, self.seed)


def _requests(config, chosen, dataset) -> tuple[Request, Request]:
  """The request, and another to choose settings on."""
  if config.share is not None:
    if config.forget or config.surrogate is not None:
      raise ValueError(
          'a random share has no classes; drop --share, or --forget and '
          '--surrogate.')
    return Request(share=config.share), Request(share=config.share, seed=1)
  surrogate = config.surrogate
  if surrogate is None:
    surrogate = min(set(range(dataset.num_classes)) - set(chosen.forget))
  if surrogate in chosen.forget:
    raise ValueError(
        f'class {surrogate} is the request; choose another as its surrogate.')
  return Request(chosen.forget), Request((surrogate,))


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
    if config.share and found[name].for_classes:
      raise ValueError(f'{name} forgets whole classes alone; drop --share.')
  return {name: found[name] for name in config.only or found
          if not (config.share and found[name].for_classes)}


def _plain(config, chosen) -> dict[str, Any]:
  plain = {name: str(value) if isinstance(value, pathlib.Path) else value
           for name, value in dataclasses.asdict(config).items()}
  forget = [] if config.share else list(chosen.forget)
  return {**plain, 'forget': forget, 'epochs': chosen.recipe.epochs}


def _original(config, chosen, dataset, network, seed: int):
  """A trained network of one seed, and a key for what follows."""
  train_key, key = jax.random.split(jax.random.key(seed))
  params = training.train(
      network, dataset.train, chosen.recipe, train_key, mesh=processes.mesh(),
      progress=bars.progress, label=f'training, seed {seed}',
      checkpoint=originals.state(config.resume, chosen, dataset, seed)).params
  return params, key


def _problem(dataset, network, params, request) -> problem_lib.Problem:
  return problem_lib.Problem(
      network, params, *request.split(dataset.train), dataset.num_classes,
      request.classes,
      held_out=dataset.validation, mesh=processes.mesh(), progress=bars.progress)


def _search(config, found, chosen, dataset, network, surrogate):
  """For every method its trials on the surrogate request, the best first."""
  seed = 1000 + min(config.seeds)  # a network of its own
  params, key = _original(config, chosen, dataset, network, seed)
  problem = _problem(dataset, network, params, surrogate)
  score = lambda unlearned: _scores(problem, unlearned)
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


def _scores(problem, unlearned) -> np.ndarray:
  """Accuracies on training data and unseen ones, forgotten and remaining apart.

  Of unseen examples only whole classes are forgotten.
  """
  parts = [problem.forget, problem.retain]
  gone = np.isin(problem.held_out.y, problem.forget_classes)
  parts += [part for part in (problem.held_out.where(gone),
                              problem.held_out.where(~gone)) if len(part)]
  right = lambda part: np.mean(predict.predict(
      unlearned.fn, unlearned.params, part.x, mesh=problem.mesh
  ).argmax(-1) == part.y)
  return np.array([right(part) for part in parts])


def _run_seed(
    config, best, chosen, dataset, network, request, seed) -> list[dict]:
  params, key = _original(config, chosen, dataset, network, seed)
  problem = _problem(dataset, network, params, request)
  method_key, probe_key = jax.random.split(key)
  everything = {
      'original': methods.original(), 'retrain': methods.retrain(chosen.recipe),
      **({'head_only': methods.head_only()} if request.classes else {}), **best}
  done = {}
  for name in bars.progress(everything, f'seed {seed}', len(everything)):
    try:
      done[name] = everything[name](problem, method_key)
    except FloatingPointError as error:  # the others are worth having
      print(f'{name} has no row for seed {seed}: {error}', file=sys.stderr)
  moments = next((u.moments for u in done.values() if u.moments is not None), None)
  bench = measure.Bench(
      problem, dataset.test, moments, config.probe_epochs, probe_key)
  return [{'method': name, 'seed': seed, **measure.row(bench, unlearned)}
          for name, unlearned in done.items()]


def main() -> None:
  config = tyro.cli(Config, description=__doc__)
  try:
    processes.start(config.distributed)
    run(config)
  except (ValueError, FileNotFoundError, ImportError, FloatingPointError) as error:
    raise SystemExit(f'error: {error}') from error


if __name__ == '__main__':
  main()
