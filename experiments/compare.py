"""All methods on one request, each with settings chosen on other requests.

  python -m experiments.compare --dataset digits --seeds 0 1 2
  python -m experiments.compare --dataset digits --share .1

For every method a small search runs on surrogate requests, other classes or other
random shares: settings are scored on training and validation data by their gap to
networks retrained without the surrogates. Then the chosen settings serve the
request, once a seed; no test example and no retrained network of the request has a
say in the choice.
Writes `runs/<name>/results.json` and `report.html`, and prints the table.
"""

import dataclasses
import sys
import time
from typing import Any

import jax
import tyro

from experiments import bars
from experiments import cli
from experiments import grids
from experiments import measure as measure_lib
from experiments import problems as problems_lib
from experiments import processes
from experiments import requests
from experiments import results as results_lib
from experiments import search
from experiments import settings as settings_lib
from experiments import tables
from unsc_jax import data as data_lib
from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax import session as session_lib
from unsc_jax import training
from unsc_jax.evaluation.shadows import compilation


@dataclasses.dataclass(frozen=True)
class Config(cli.Options):
  """What to compare, and on what."""
  model: str | None = 'mlp'
  """As in forget_class; a small one serves best."""
  seeds: tuple[int, ...] = (0, 1, 2)
  """One original and one retrained network for each."""
  probe_epochs: float = 10
  """Training epochs of the linear probe."""
  surrogates: tuple[int, ...] = ()
  """Classes to choose settings on; by default the two hardest that stay."""
  share: float | None = None
  """Forget this random share of the training examples instead of classes."""
  examples: int | None = None
  """Training examples to use, the first so many; by default all."""
  trials: int = 5
  """Settings of each method to try, at most."""
  only: tuple[str, ...] = ()
  """Methods to run; by default all."""


@compilation.shared()  # most of a trial is compilation, of programs that recur
def run(config: Config) -> dict[str, Any]:
  """Searches, runs, writes the folder; returns the results."""
  start = time.perf_counter()
  found = _candidates(config)
  chosen = settings_lib.choose(
      config.dataset, config.model, config.forget, config.epochs)
  dataset = data_lib.load(config.dataset, config.data_dir)
  if config.examples:
    some = dataset.train.where(slice(config.examples))
    dataset = dataset._replace(train=some)
  network = problems_lib.build(chosen, dataset)
  request = _request(config, chosen)
  plain = _plain(config, chosen)
  others, searched = results_lib.kept(config.resume, 'search', plain, lambda: _search(
      config, found, chosen, dataset, network,
      requests.surrogates(request, config.surrogates)))
  best = {name: found[name].build(**trials[0]['settings'])
          for name, trials in searched.items()}
  rows = []
  for seed in config.seeds:
    rows += results_lib.kept(config.resume, f'rows-{seed}', plain, lambda seed=seed: (
        _run_seed(config, best, chosen, dataset, network, request, seed)))
  results = {
      'schema': 1, 'experiment': 'compare', **results_lib.describe_run(),
      'config': plain, 'dataset': results_lib.describe_data(dataset),
      'forget_classes': list(request.classes),
      'surrogates': others,
      'methods': list(dict.fromkeys(row['method'] for row in rows)),
      'rows': rows, 'layers': [], 'curve': None, 'search': searched}
  name = config.name or '-'.join(
      ['compare', config.dataset, chosen.network, *(['share'] if config.share else ())])
  results['wall_seconds'] = time.perf_counter() - start
  with results_lib.folder(config.out / name) as folder:
    results_lib.write_json(folder / 'results.json', results)
    (folder / 'report.html').write_text(report.render(report.parse(results)))
  print(tables.render(report.parse(results)))
  print(f'\n{config.out / name / "report.html"} ({results["wall_seconds"]:.0f} s)')
  return results


def _request(config, chosen) -> requests.Request:
  if config.share is None:
    return requests.Request(chosen.forget)
  if config.forget:
    raise ValueError('a random share has no classes; drop --share, or --forget.')
  return requests.Request(share=config.share)


def _candidates(config: Config) -> dict[str, grids.Candidate]:
  found = grids.all_methods()
  for name in config.only:
    if name not in found:
      raise ValueError(
          f'No method is called {name!r}: choose among {", ".join(found)}.')
    if config.share and found[name].for_classes:
      raise ValueError(f'{name} forgets whole classes alone; drop --share.')
  return {name: found[name] for name in config.only or found
          if not (config.share and found[name].for_classes)}


def _plain(config, chosen) -> dict[str, Any]:
  forget = [] if config.share else list(chosen.forget)
  return {**cli.plain(config), 'model': chosen.network, 'forget': forget,
          'epochs': chosen.recipe.epochs, 'training': results_lib.describe_recipe(chosen.recipe)}


def _original(config, chosen, dataset, network, seed: int):
  """A trained network of one seed, and a key for what follows."""
  train_key, key = jax.random.split(jax.random.key(seed))
  params = training.train(
      network, dataset.train, chosen.recipe, train_key, label=f'training, seed {seed}',
      session=problems_lib.session(config.resume, chosen, dataset, seed)).params
  return params, key


def _problem(dataset, network, params, request) -> problem_lib.Problem:
  return problem_lib.Problem(
      network, params, *request.split(dataset.train), dataset.num_classes,
      request.classes,
      held_out=dataset.validation,
      session=session_lib.Session(processes.mesh(), bars.progress))


def _search(config, found, chosen, dataset, network, others):
  """The surrogate requests, and every method's trials on them, the best first."""
  seed = 1000 + min(config.seeds)  # a network of its own
  params, key = _original(config, chosen, dataset, network, seed)
  others = others or requests.hardest(
      _request(config, chosen), network.fn, params, dataset.validation,
      session=session_lib.Session(processes.mesh()))
  problems = [_problem(dataset, network, params, other) for other in others]
  return [other._asdict() for other in others], search.search(
      found, problems, chosen.recipe, key, trials=config.trials, seed=seed)


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
    compilation.forget()
  moments = next((u.moments for u in done.values() if u.moments is not None), None)
  setup = evaluation.Setup(
      problem, dataset.test, probe_key, moments, config.probe_epochs)
  return [measure_lib.row(name, seed, evaluation.measure(setup, unlearned))
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
