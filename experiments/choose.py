"""Chooses how UNSC runs, on validation data and never on test data.

  python -m experiments.choose --dataset digits --forget 0 1 2 4 6 7 9

Every class named is one request. Of the settings that leave every layer some room,
half a direction at least, and after which unseen images of these classes keep less than
a hundredth of their label's probability, in the mean, the one that moved the rest least
is the choice.
"""

from collections.abc import Iterator
import dataclasses
import itertools
import operator
import pathlib
from typing import Any

import jax
import numpy as np

from experiments import problems
from experiments import settings as settings_lib
from unsc_jax import data
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import provenance
from unsc_jax import report
from unsc_jax import text
from unsc_jax import training
from unsc_jax.command import checks
from unsc_jax.command import running
from unsc_jax.evaluation.metrics import preservation
from unsc_jax.parts import retained


@dataclasses.dataclass(frozen=True)
class Config:
  """What to choose for."""
  dataset: str = 'digits'
  """digits, fashion_mnist, cifar10, cifar100, svhn_cropped, or mnist."""
  forget: tuple[int, ...] = ()
  """Classes, each forgotten alone: best others than those you will ask for."""
  energies: tuple[float, ...] = (.97, .99)
  """Shares of energy to try, for the hard cut."""
  taus: tuple[float, ...] = ()
  """Of the soft filter, to try."""
  adam: tuple[float, ...] = (1e-4, 3e-4, 1e-3)
  """Learning rates of Adam to try."""
  momentum: tuple[float, ...] = (.02, .05, .1)
  """Learning rates of SGD with momentum .9 to try."""
  stops: tuple[float, ...] = (.005, .02)
  """Probabilities of the forget set's labels to stop below, to try."""
  batch_sizes: tuple[int, ...] = ()
  """Forget examples a step to try; by default the data set's."""
  seed: int = 0
  """Of the original network and of the runs."""
  checkpoint: pathlib.Path | None = None
  """Trained weights to start from."""
  data_dir: pathlib.Path | None = None
  """Where images are, as published or as tfds keeps them; else they are fetched."""
  out: pathlib.Path | None = None
  """A .json to write the table to."""
  distributed: bool = False
  """Whether this is one of several processes, see docs/distributed.md."""


def run(config: Config) -> list[dict[str, Any]]:
  """Runs the grid; prints and returns its rows, the choice first."""
  settings = settings_lib.choose(config.dataset)
  checks.check(config)
  if config.out:
    checks.file(config.out, '--out')
  classes = config.forget or settings.forget[:1]
  task = problems.task(settings, data.load(config.dataset, config.data_dir))
  train_key, key = jax.random.split(jax.random.key(config.seed))
  params = (task.restore(config.checkpoint) if config.checkpoint
            else task.train(train_key, task.session()))
  measured: dict[settings_lib.Unlearning, list[dict[str, float]]] = {}
  for forgotten in classes:
    problem = task.problem(problems.Request((forgotten,)), params, task.session())
    for unlearning, row in _grid(config, settings.unlearning, problem, key):
      measured.setdefault(unlearning, []).append(row)
  rows = [{**{name: getattr(unlearning, name) for name in _SETTING},
           **_over_requests(of_requests)}
          for unlearning, of_requests in measured.items()]
  rows.sort(key=lambda row: (
      row['room'] < .5, row['probability'] > .01, row['drift']))
  cell = lambda value: f'{value:.4g}' if isinstance(value, float) else str(value)
  print(text.table([tuple(rows[0]), *(tuple(map(cell, row.values())) for row in rows)]))
  if config.out and running.is_first():
    config.out.parent.mkdir(parents=True, exist_ok=True)
    report.write(config.out, {
        **provenance.run(), 'dataset': config.dataset,
        'moments_examples': settings.unlearning.moments_examples,
        'forget': list(classes), 'rows': rows})
  return rows


_SETTING = ('energy', 'tau', 'optimizer', 'learning_rate', 'stop_below', 'batch_size')


def _over_requests(rows: list[dict[str, float]]) -> dict[str, float]:
  return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _grid(config: Config, unlearning: settings_lib.Unlearning,
          problem: problem_lib.Problem, key: jax.Array,
          ) -> Iterator[tuple[settings_lib.Unlearning, dict[str, float]]]:
  """Every setting and what it does to one request."""
  moments = retained.moments(problem, 256, unlearning.moments_examples)
  filters = [*({'energy': energy} for energy in config.energies),
             *({'tau': tau} for tau in config.taus)]
  optimizers = [*(('adam', rate) for rate in config.adam),
                *(('momentum', rate) for rate in config.momentum)]
  grid = list(itertools.product(optimizers, config.stops,
                                config.batch_sizes or (unlearning.batch_size,)))
  all_of_them = running.progress(
      itertools.product(filters, grid), 'grid', len(filters) * len(grid))
  for of_filter, points in itertools.groupby(all_of_them, operator.itemgetter(0)):
    filtered = dataclasses.replace(unlearning, **{'tau': None, **of_filter})
    confined = filtered.filter(moments)
    room = min(float(room.free) for rooms in null_space.capacity(confined).rooms.values()
               for room in rooms)
    for _, ((optimizer, rate), stop, size) in points:
      setting = dataclasses.replace(
          filtered, optimizer=optimizer, learning_rate=rate, stop_below=stop,
          batch_size=size)
      unlearned = setting.method(confined)(problem, key)
      yield setting, {'room': room, **_validate(problem, unlearned)}


def _validate(problem: problem_lib.Problem, unlearned: problem_lib.Unlearned
              ) -> dict[str, float]:
  """Accuracies and drift on validation data."""
  remaining, gone = problem_lib.split_classes(
      problem.held_out, problem.forget_classes)
  logits = lambda params, examples: training.answers(problem, params, examples.x)
  before, after = (logits(params, remaining)
                   for params in (problem.params, unlearned.params))
  known = np.asarray(jax.nn.softmax(logits(unlearned.params, gone)))
  return {
      'steps': len(unlearned.history['loss']),
      'forget': float(np.mean(known.argmax(-1) == gone.y)),
      'probability': float(np.mean(known[np.arange(len(gone)), gone.y])),
      'retain': float(np.mean(after.argmax(-1) == remaining.y)),
      'drift': float(preservation.logit_drift(
          before, after, problem.retain_classes).value),
  }


if __name__ == '__main__':
  running.main(run, Config, __doc__)
