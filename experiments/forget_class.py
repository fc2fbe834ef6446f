"""Forgets whole classes with UNSC and compares with retraining.

  python -m experiments.forget_class
  python -m experiments.forget_class --dataset fashion_mnist --forget 6

Writes `runs/<name>/results.json` and `report.html`, and prints the table.
"""

from __future__ import annotations  # tyro reads the help of options, and no one else

import dataclasses
import pathlib
import time
from typing import Annotated, Any

import jax

from experiments import cli
from experiments import defaults
from experiments import problems
from experiments import results as results_lib
from experiments import settings as settings_lib
from unsc_jax import data
from unsc_jax import evaluation
from unsc_jax import methods as methods_lib
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import provenance
from unsc_jax import report
from unsc_jax import storage
from unsc_jax import study
from unsc_jax.command import checks
from unsc_jax.command import publish
from unsc_jax.command import running


@dataclasses.dataclass(frozen=True)
class Config(cli.Options):
  """What to forget, and of what."""
  combine: str = 'pooled'
  """How retained classes combine: pooled, merged or sequential."""
  energy: Annotated[float | None, defaults.tuned(
      lambda settings: settings.unlearning.energy)] = None
  """Share of the inputs' energy to protect in every layer: the hard cut."""
  tau: Annotated[float | None, defaults.tuned(
      lambda settings: settings.unlearning.tau, none='the hard cut')] = None
  """Of the soft filter, which damps where the hard cut ends: larger moves more."""
  learning_rate: Annotated[float | None, defaults.tuned(
      lambda settings: settings.unlearning.learning_rate)] = None
  """Of the optimiser that the null space confines."""
  steps: Annotated[int | None, defaults.tuned(
      lambda settings: settings.unlearning.steps)] = None
  """Unlearning steps at most."""
  stop_below: Annotated[float | None, defaults.tuned(
      lambda settings: settings.unlearning.stop_below)] = None
  """Probability of the forget set's labels below which unlearning stops."""
  moments_examples: Annotated[int | None, defaults.tuned(
      lambda settings: settings.unlearning.moments_examples)] = None
  """Retained examples to take the moments of; 0 for all."""
  batch_size: Annotated[int | None, defaults.tuned(
      lambda settings: settings.unlearning.batch_size)] = None
  """Forget examples a step."""
  curve: tuple[float, ...] = ()
  """Further energies to run, for the energy-against-drift curve."""
  also: tuple[str, ...] = ()
  """Further methods to compare with: random_label, hard_cut, one_class_protected."""
  references: Annotated[int | None, defaults.tuned(
      lambda settings: settings.references)] = None
  """Further networks to retrain, for the noise of a seed."""
  shadows: int = 0
  """Shadow originals to let forget, for U-LiRA, KLoM and the forgetting score."""
  checkpoint: pathlib.Path | None = None
  """Trained weights to start from instead of training: .npz or an Orbax folder."""
  reference: pathlib.Path | None = None
  """Weights of the retrained network, instead of retraining."""


def run(config: Config) -> report.Results:
  """Runs the experiment and writes its folder; returns the results."""
  start = time.perf_counter()
  settings = choose(config)
  checks.check(config)
  folder = checks.folder(config.out, config.name or '-'.join(
      [config.dataset, settings.network, 'forget', *map(str, settings.forget)]),
      config.resume)
  made = provenance.run()
  methods = _methods(config, settings)
  task = problems.task(settings, data.load(config.dataset, config.data_dir))
  # What is wrong with these should show before anything is trained.
  problems.Request(settings.forget).split(task.dataset.train)
  ready = (task.restore(config.reference),) if config.reference else ()
  runs = [study.networks(seed, problem(config, task, seed), methods, task.dataset.test,
                         retrained=ready, probe_epochs=config.probe_epochs)
          for seed in config.seeds]
  references = config.references
  results = study.results(
      runs, methods, settings.recipe, shadows=config.shadows,
      references=settings.references if references is None else references,
      experiment='forget_class', made=made, config=_asked(config, settings),
      dataset=results_lib.describe_data(task.dataset))
  results = dataclasses.replace(
      results, curve=_curve(config.curve, settings.unlearning, runs[0]),
      wall_seconds=time.perf_counter() - start)
  publish.publish(results, folder)
  return results


def choose(config: Config) -> settings_lib.Settings:
  """The data set's settings with what the command line changes.

  Raises:
    ValueError: something that is asked for does not exist, or two things that
      are do not go together.
  """
  settings = settings_lib.choose(
      config.dataset, config.model, config.forget, config.epochs)
  settings_lib.known('way to combine classes', config.combine, settings_lib.COMBINE)
  for name in config.also:
    settings_lib.known('further method', name, _ALSO)
  if config.curve and config.combine != 'pooled':
    raise ValueError(
        f'the curve is that of pooled classes, and --combine is {config.combine}; '
        'drop one of them.')
  for energy in config.curve:
    null_space.pooled(energy)  # raises if it is no share
  study.check_shadows(config.shadows)
  if (config.checkpoint or config.reference) and len(config.seeds) > 1:
    raise ValueError(
        'a checkpoint is one network, so it goes with one seed; drop --seeds.')
  given = {field: getattr(config, field)
           for field in ('energy', 'tau', 'learning_rate', 'steps', 'batch_size',
                         'stop_below') if getattr(config, field) is not None}
  hard = config.combine != 'pooled' or config.curve or config.energy is not None
  if hard and config.tau is not None:
    raise ValueError(
        '--tau is of the soft filter, and --energy, --curve and other ways to combine '
        'classes are of the hard cut; drop one of them.')
  if hard:
    given['tau'] = None
  if config.moments_examples is not None:
    if config.moments_examples < 0:
      raise ValueError(
          f'the moments of {config.moments_examples} examples cannot be taken; take '
          'some, or 0 for all.')
    given['moments_examples'] = config.moments_examples or None
  return dataclasses.replace(
      settings, unlearning=dataclasses.replace(settings.unlearning, **given))


_ALSO = ('random_label', 'hard_cut', 'one_class_protected')


def _methods(config: Config, settings: settings_lib.Settings
             ) -> dict[str, problem_lib.Method]:
  """Every method by its name in the results."""
  unlearning = settings.unlearning
  combine = (null_space.pooled(unlearning.filter) if config.combine == 'pooled'
             else settings_lib.COMBINE[config.combine](unlearning.energy))
  also = {
      'random_label': settings.random_label.method(),
      'hard_cut': unlearning.method(null_space.pooled(unlearning.energy)),
      # Almost no constraint, to show what the null space buys.
      'one_class_protected': unlearning.method(settings_lib.first_class(combine))}
  return {
      'original': methods_lib.original(),
      'retrain': methods_lib.retrain(settings.recipe),
      'head_only': methods_lib.head_only(), 'unsc': unlearning.method(combine),
      **{name: also[name] for name in config.also}}


def problem(config: Config, task: problems.Task, seed: int) -> problem_lib.Problem:
  """What is to be forgotten by the original of one seed, which is trained."""
  train_key, *_ = jax.random.split(jax.random.key(seed), 3)
  session = task.session(config.resume, seed)
  params = (task.restore(config.checkpoint) if config.checkpoint
            else task.train(train_key, session))
  session = session.within('-'.join(['forget', *map(str, task.settings.forget)]))
  asked = {**_asked(config, task.settings), 'seeds': seed}
  storage.kept(session.checkpoint and session.checkpoint.folder, 'asked', asked, dict)
  return task.problem(problems.Request(task.settings.forget), params, session)


def _curve(energies: tuple[float, ...], unlearning: settings_lib.Unlearning,
           run: study.Run) -> tuple[report.CurvePoint, ...]:
  """UNSC at several energies: what protection costs and buys."""
  setup, points = run.setup, []
  _, key, _ = jax.random.split(jax.random.key(run.seed), 3)
  for energy in sorted({*energies, unlearning.energy}) if energies else ():
    # The moments are there already; only the bases change.
    method = unlearning.method(null_space.null_space_bases(setup.moments, energy))
    measured = evaluation.measure(setup, method(setup.problem, key))
    points.append(report.CurvePoint(energy=energy, metrics=measured.metrics))
  return tuple(points)


def _asked(config: Config, settings: settings_lib.Settings) -> dict[str, Any]:
  return cli.asked(config, settings, **vars(settings.unlearning),
                   random_label=settings.random_label)


if __name__ == '__main__':
  running.main(run, Config, __doc__)
