"""All methods on one request, each with settings chosen on other requests.

  python -m experiments.compare --dataset digits --seeds 0 1 2
  python -m experiments.compare --dataset digits --share .1
  python -m experiments.compare --dataset digits --share .5 --share-of 2 5

For every method a small search runs on surrogate requests, other classes or other
random shares: settings are scored on training and validation data by their gap to
networks retrained without the surrogates. Then the chosen settings serve the
request, once a seed; no test example and no retrained network of the request has a
say in the choice.
Writes `runs/<name>/results.json` and `report.html`, and prints the table.
"""

from collections.abc import Mapping
import dataclasses
import sys
import time

import jax

from experiments import cli
from experiments import grids
from experiments import problems
from experiments import results as results_lib
from experiments import search
from experiments import settings as settings_lib
from unsc_jax import data
from unsc_jax import evaluation
from unsc_jax import methods as methods_lib
from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax import study
from unsc_jax.command import checks
from unsc_jax.command import publish
from unsc_jax.command import running
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
  share_of: tuple[int, ...] = ()
  """Classes to draw the share from; by default all."""
  examples: int | None = None
  """Training examples to use, the first so many; by default all."""
  trials: int = 5
  """Settings of each method to try, at most."""
  only: tuple[str, ...] = ()
  """Methods to run; by default all."""


@compilation.shared()  # most of a trial is compilation, of programs that recur
def run(config: Config) -> report.Results:
  """Searches, runs, writes the folder; returns the results."""
  start = time.perf_counter()
  candidates = _candidates(config)
  settings = settings_lib.choose(
      config.dataset, config.model, config.forget, config.epochs)
  checks.check(config)
  request = _request(config, settings)
  problems.surrogates(request, config.surrogates)  # raises if there can be none
  folder = checks.folder(config.out, config.name or '-'.join(
      ['compare', config.dataset, settings.network, *['share'] * bool(config.share),
      *(f'of-{c}' for c in config.share_of)]),
      config.resume)
  made = study.origin.run()
  dataset = data.load(config.dataset, config.data_dir)
  if config.examples:
    dataset = dataset._replace(train=dataset.train.where(slice(config.examples)))
  task = problems.task(settings, dataset)
  _, forget = request.split(task.dataset.train)  # raises if it cannot be
  asked = cli.asked(config, settings, forget=request.classes)
  described = results_lib.describe_data(dataset, len(forget))
  whose = {**asked, 'data': described.sha256}
  others, trials = results_lib.kept(
      config.resume, 'search', {**whose, 'grids': candidates}, Choices,
      lambda: choose(config, task, request, candidates))
  best = {name: candidates[name].build(tried[0].settings)
          for name, tried in trials.items()}
  chosen = {name: tried[0].settings for name, tried in trials.items()}
  rows = [row for seed in config.seeds for row in results_lib.kept(
      config.resume, f'rows-{seed}', {**whose, 'chosen': chosen}, tuple[report.Row, ...],
      lambda seed=seed: _rows(config, task, request, best, seed))]
  results = report.Results(
      experiment='compare', **made, config=asked,
      dataset=described, forget_classes=request.classes,
      methods=tuple(dict.fromkeys(row.method for row in rows)), rows=tuple(rows),
      surrogates=tuple(map(dataclasses.asdict, others)), search=trials,
      wall_seconds=time.perf_counter() - start)
  publish.publish(results, folder)
  return results


def _request(config: Config, settings: settings_lib.Settings) -> problems.Request:
  if config.share is None:
    if config.share_of:
      raise ValueError('--share-of names what a share is drawn from; add --share.')
    return problems.Request(settings.forget)
  if config.forget:
    raise ValueError('a random share has no classes; drop --share, or --forget.')
  return problems.Request(share=config.share, share_of=config.share_of)


def _candidates(config: Config) -> dict[str, grids.Candidate]:
  for name in config.only:
    settings_lib.known('method', name, grids.CANDIDATES)
    if config.share and grids.CANDIDATES[name].whole_classes:
      raise ValueError(f'{name} forgets whole classes alone; drop --share.')
  return {name: grids.CANDIDATES[name] for name in config.only or grids.CANDIDATES
          if not (config.share and grids.CANDIDATES[name].whole_classes)}


Choices = tuple[tuple[problems.Request, ...], dict[str, tuple[report.Trial, ...]]]


def choose(
    config: Config, task: problems.Task, request: problems.Request,
    candidates: Mapping[str, grids.Candidate],
) -> Choices:
  """The surrogate requests, and every method's trials on them, the best first."""
  others = problems.surrogates(request, config.surrogates)
  seed = 1000 + min(config.seeds)  # a network of its own
  train_key, key = jax.random.split(jax.random.key(seed))
  params = task.train(train_key, task.session(config.resume, seed))
  session = task.session()
  others = others or problems.hardest(
      request, task.network, params, task.dataset.validation, session=session)
  return tuple(others), search.search(
      candidates, [task.problem(other, params, session) for other in others],
      task.settings.recipe, key, trials=config.trials, seed=seed)


def _rows(config: Config, task: problems.Task, request: problems.Request,
          best: Mapping[str, problem_lib.Method], seed: int) -> tuple[report.Row, ...]:
  """What every method leaves of one seed's original."""
  train_key, key = jax.random.split(jax.random.key(seed))
  params = task.train(train_key, task.session(config.resume, seed))
  problem = task.problem(request, params, task.session())
  method_key, probe_key = jax.random.split(key)
  controls = {'head_only': methods_lib.head_only()} if request.classes else {}
  methods = {'original': methods_lib.original(),
             'retrain': methods_lib.retrain(task.settings.recipe), **controls, **best}
  networks = {}
  for name in running.progress(methods, f'seed {seed}', len(methods)):
    try:
      networks[name] = methods[name](problem, method_key)
    except FloatingPointError as error:  # the others are worth having
      print(f'{name} has no row for seed {seed}: {error}', file=sys.stderr)
    compilation.forget()
  moments = next((one.moments for one in networks.values()
                  if one.moments is not None), None)
  setup = evaluation.Setup(
      problem, task.dataset.test, probe_key, moments, config.probe_epochs)
  return tuple(study.row(name, seed, evaluation.measure(setup, unlearned))
               for name, unlearned in networks.items())


if __name__ == '__main__':
  running.main(run, Config, __doc__)
