"""All methods on one request, each with settings chosen on other requests.

For every method a small search runs on surrogate requests, other classes or other
random shares. Then the chosen settings serve the request, once a seed; no test example
and no retrained network of the request has a say in the choice. Every trial and every
row is kept in a folder, so that a contest that was killed goes on from there.

It needs JAX, Flax, Optax, Orbax and scikit-learn alone: `experiments.compare` asks and
publishes, and `experiments.tables.gpu` runs where no more is installed.
"""

from __future__ import annotations  # tyro reads the help of options, and no one else

from collections.abc import Callable, Iterator, Mapping
import dataclasses
import functools
import json
import pathlib
import sys
from typing import Any, NamedTuple

import jax

from experiments import cli
from experiments import grids
from experiments import problems
from experiments import search as search_lib
from experiments import settings as settings_lib
from unsc_jax import data as data_lib
from unsc_jax import evaluation
from unsc_jax import methods as methods_lib
from unsc_jax import problem as problem_lib
from unsc_jax import storage
from unsc_jax.command import running
from unsc_jax.evaluation.shadows import compilation
from unsc_jax.parts import retained
from unsc_jax.storage import digests


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
  goal: str = 'retrained'
  """What trials are held against: retrained, or where that is dear masked, the original
  with the logits of a surrogate's classes left out."""
  settings_of: pathlib.Path | None = None
  """Results whose chosen settings are taken, in the place of a search."""
  share: float | None = None
  """Forget this random share of the training examples instead of classes."""
  share_of: tuple[int, ...] = ()
  """Classes to draw the share from; by default all."""
  examples: int | None = None
  """Training examples to use, the first so many; by default all."""
  search_examples: int | None = None
  """Of these, how many a search sees; by default all."""
  trials: int = 5
  """Settings of each method to try, at most."""
  only: tuple[str, ...] = ()
  """Methods to run; by default all."""
  recipe: str | None = None
  """Of training: one of `settings.RECIPES`; by default the data set's."""
  checkpoint: pathlib.Path | None = None
  """Weights of the original network, instead of training it: .npz or an Orbax folder."""
  reference: pathlib.Path | None = None
  """Weights of the retrained network, instead of retraining."""


class Choices(NamedTuple):
  """What a search found: on which requests, and every method's trials, the best first."""
  surrogates: tuple[problems.Request, ...]
  trials: dict[str, tuple[search_lib.Trial, ...]]

  @property
  def settings(self) -> dict[str, Mapping[str, Any]]:
    """Of every method, those that came nearest."""
    return {name: tried[0].settings for name, tried in self.trials.items()}


@dataclasses.dataclass(frozen=True)
class Contest:
  """One request, and who takes part."""
  config: Config
  request: problems.Request
  task: problems.Task
  candidates: Mapping[str, grids.Candidate]

  @functools.cached_property
  def whose(self) -> dict[str, Any]:
    """What all its trials and rows hang on, as files are told apart by it."""
    dataset, settings = self.task.dataset, self.task.settings
    return storage.describe({
        'network': settings.network, 'training': settings.recipe,
        **{name: path and self.task.restore(path) for name, path in (
            ('checkpoint', self.config.checkpoint), ('reference', self.config.reference))},
        **{f'{split}_{part}': getattr(getattr(dataset, split), part)
           for split in data_lib.SPLITS for part in ('x', 'y')}})

  def original(self, seed: int) -> problem_lib.Params:
    """The original network of a seed, trained once, or as it was given."""
    if self.config.checkpoint:
      return self.task.restore(self.config.checkpoint)
    train_key, _ = jax.random.split(jax.random.key(seed))
    return self.task.train(train_key, self.task.session(self.config.resume, seed))

  @property
  def folder(self) -> pathlib.Path | None:
    """Where trials and rows are kept; originals are beside it, for other requests too."""
    return self.config.resume and self.config.resume / name(self.config)

  def setup(self, seed: int) -> evaluation.Setup:
    """What all networks of a seed are made and measured with."""
    problem = self.task.problem(self.request, self.original(seed), self.task.session())
    _, probe_key = self.keys(seed)
    moments = retained.moments(problem, 256)
    return evaluation.Setup(problem, self.task.dataset.test, probe_key, moments,
                            self.config.probe_epochs)

  @staticmethod
  def keys(seed: int) -> tuple[jax.Array, jax.Array]:
    """Of the methods, and of what is measured."""
    return tuple(jax.random.split(jax.random.split(jax.random.key(seed))[1]))


def name(config: Config) -> str:
  """Of the folder with a contest's results."""
  return config.name or '-'.join([
      'compare', config.dataset, _settings(config).network, *map(str, config.forget),
      *['share'] * bool(config.share), *(f'of-{c}' for c in config.share_of)])


def _settings(config: Config) -> settings_lib.Settings:
  return settings_lib.choose(
      config.dataset, config.model, config.forget, config.epochs, config.recipe)


def prepare(config: Config, dataset: data_lib.Dataset | None = None) -> Contest:
  """A contest as it is asked for.

  Args:
    config: what is asked for.
    dataset: the data, where it is at hand; else it is loaded by its name.

  Returns:
    The contest; nothing has been trained yet.

  Raises:
    ValueError: something that is asked for does not exist, or does not go together.
  """
  candidates = _candidates(config)
  settings = _settings(config)
  settings_lib.known('goal', config.goal, _GOALS)
  request = _request(config, settings)
  problems.surrogates(request, config.surrogates)  # raises if there can be none
  if request.share and config.goal == 'masked':
    raise ValueError('a random share has no logits to mask; drop --share, or --goal.')
  if config.search_examples and config.goal != 'masked':
    raise ValueError(
        'networks retrained on --search-examples alone would be held against an original of '
        'all; add --goal masked, or drop --search-examples.')
  if (config.checkpoint or config.reference) and len(config.seeds) > 1:
    raise ValueError(
        'a checkpoint is one network, so it goes with one seed; drop --seeds.')
  if config.settings_of:
    _settings_of(config.settings_of, candidates)
  dataset = dataset or data_lib.load(config.dataset, config.data_dir)
  if config.examples:
    dataset = dataset._replace(train=dataset.train.where(slice(config.examples)))
  task = problems.task(settings, dataset)
  request.split(task.dataset.train)  # raises if it cannot be
  return Contest(config, request, task, candidates)


def made(contest: Contest, make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
  """Where a contest came from: what the first run said that was asked for the same.

  A run that only publishes what another machine has measured says which that was; one
  that is asked for a method more has a command of its own.
  """
  asked = cli.asked(contest.config, contest.task.settings)
  return storage.kept(contest.folder, f'made-{digests.digest(asked)[:8]}', asked, make)


def choose(contest: Contest) -> Choices:
  """Every method's settings: by a search on surrogates, or as other results have them."""
  config, task = contest.config, contest.task
  if config.settings_of:
    return Choices(*_settings_of(config.settings_of, contest.candidates))
  seed = 1000 + min(config.seeds)  # a network of its own, where there is none given
  if config.search_examples:
    train = task.dataset.train.where(slice(config.search_examples))
    task = dataclasses.replace(task, dataset=task.dataset._replace(train=train))
  params = functools.cache(lambda: contest.original(seed))  # not where all is there
  folder = contest.folder and contest.folder / 'trials'
  run = {**contest.whose, 'request': contest.request, 'goal': config.goal, 'seed': seed,
         'search_examples': config.search_examples, 'surrogates': config.surrogates}
  others = [problems.of(one) for one in storage.kept(folder, 'surrogates', run, lambda: [
      vars(other) for other in problems.surrogates(contest.request, config.surrogates)
      or problems.hardest(contest.request, task.network, params(), task.dataset.validation,
                          session=task.session())])]
  return Choices(tuple(others), search_lib.search(
      contest.candidates,
      lambda: [task.problem(other, params(), task.session()) for other in others],
      _GOALS[config.goal](task.settings.recipe), jax.random.split(jax.random.key(seed))[1],
      trials=config.trials, seed=seed, kept=search_lib.Kept(folder, run)))


def rows(contest: Contest, settings: Mapping[str, Mapping[str, Any]], seed: int
         ) -> Iterator[dict[str, Any]]:
  """What every method leaves of one seed's original: `report.Row`s as JSON has them."""
  setup = functools.cache(lambda: contest.setup(seed))  # not where all rows are there
  method_key, _ = contest.keys(seed)
  config = contest.config
  states = contest.task.session(config.resume, seed).within(name(config))
  methods = _methods(contest, settings)
  for method in running.progress(methods, f'seed {seed}', len(methods)):

    def row(method=method):
      try:
        asked = dataclasses.replace(setup().problem, session=states.within(method))
        measured = evaluation.measure(setup(), methods[method](asked, method_key))
      except FloatingPointError as error:  # the others are worth having
        return {'failed': str(error)}
      return {'method': method, 'seed': seed, **dataclasses.asdict(measured)}

    made = storage.kept(
        contest.folder and contest.folder / 'rows', f'{method}-seed-{seed}', {
            **contest.whose, 'request': contest.request, 'settings': settings.get(method),
            'method': contest.candidates.get(method),
            'probe_epochs': contest.config.probe_epochs}, row)
    compilation.make_room()
    if 'failed' in made:
      print(f'{method} has no row for seed {seed}: {made["failed"]}', file=sys.stderr)
    else:
      yield made


def _methods(contest: Contest, settings: Mapping[str, Mapping[str, Any]]
             ) -> dict[str, problem_lib.Method]:
  """The original, the retrained network, a mask of logits, and all that take part."""
  controls = {'original': methods_lib.original(),
              'retrain': methods_lib.retrain(contest.task.settings.recipe)}
  if path := contest.config.reference:
    controls['retrain'] = lambda problem, key: problem_lib.Unlearned(
        problem.fn, contest.task.restore(path), {}, {})
  if contest.request.classes:
    controls['head_only'] = methods_lib.head_only()
  return {**controls, **{name: contest.candidates[name].build(chosen)
                         for name, chosen in settings.items()}}


_GOALS = {'retrained': methods_lib.retrain, 'masked': lambda recipe: methods_lib.head_only()}


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
    settings_lib.known('method', name, grids.ALL)
    if config.share and grids.ALL[name].whole_classes:
      raise ValueError(f'{name} forgets whole classes alone; drop --share.')
  return {name: grids.ALL[name] for name in config.only or grids.CANDIDATES
          if not (config.share and grids.ALL[name].whole_classes)}


def _settings_of(path: pathlib.Path, candidates: Mapping[str, grids.Candidate]) -> tuple:
  """Surrogates and trials that other results tell of, of those that take part."""
  found = json.loads(path.read_text())
  if lacking := [name for name in candidates if name not in found.get('search', {})]:
    raise ValueError(
        f'{path} has no settings of {", ".join(lacking)}; name what it has in --only.')
  others = tuple(map(problems.of, found['surrogates']))
  return others, {name: tuple(search_lib.Trial(**one) for one in found['search'][name])
                  for name in candidates}
