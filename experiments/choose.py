"""Chooses how UNSC runs, on validation data and never on test data.

  python -m experiments.choose --dataset digits --forget 0 1 2 4 6 7 9

Every class named is one request. Of the settings after which unseen images of
these classes keep less than a hundredth of their label's probability, in the
mean, the one that moved the rest least is the choice.
"""

import dataclasses
import functools
import itertools
import operator
import pathlib
from typing import Any

import jax
import numpy as np
import optax
import tyro

from experiments import bars
from experiments import problems as problems_lib
from experiments import processes
from experiments import results as results_lib
from experiments import settings as settings_lib
from unsc_jax import data as data_lib
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import text
from unsc_jax import training
from unsc_jax.evaluation.metrics import preservation
from unsc_jax.parts import retained


@dataclasses.dataclass(frozen=True)
class Config:
  """What to choose for."""
  dataset: str = 'digits'
  """digits, or a tfds name."""
  forget: tuple[int, ...] = ()
  """Classes, each forgotten alone: best others than those you will ask for."""
  energies: tuple[float, ...] = (.97, .99)
  """Shares of energy to try."""
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
  """Where tfds keeps its data."""
  out: pathlib.Path | None = None
  """A .json to write the table to."""
  distributed: bool = False
  """Whether this is one of several processes, see docs/distributed.md."""


def run(config: Config) -> list[dict[str, Any]]:
  """Runs the grid; returns its rows, the choice first."""
  chosen = settings_lib.SETTINGS[config.dataset]
  chosen = chosen._replace(forget=config.forget or chosen.forget[:1])
  dataset = data_lib.load(config.dataset, config.data_dir)
  network = problems_lib.build(chosen, dataset)
  train_key, key = jax.random.split(jax.random.key(config.seed))
  first = problems_lib.pose(
      chosen._replace(forget=chosen.forget[:1]), dataset, network, train_key,
      config.checkpoint)
  found: dict[tuple, list[dict[str, float]]] = {}
  for forgotten in chosen.forget:
    retain, forget = problem_lib.split_classes(dataset.train, [forgotten])
    problem = dataclasses.replace(
        first, retain=retain, forget=forget, forget_classes=(forgotten,))
    for setting, row in _grid(config, chosen.unlearning, problem, key):
      found.setdefault(setting, []).append(row)
  rows = [{**dict(zip(_SETTING, setting)), **_over_requests(measured)}
          for setting, measured in found.items()]
  rows.sort(key=lambda row: (row['probability'] > .01, row['drift']))
  if config.out and processes.is_first():
    results_lib.write_json(config.out, {
        **results_lib.describe_run(), 'dataset': config.dataset,
        'moments_examples': chosen.unlearning.moments_examples,
        'forget': list(chosen.forget), 'rows': rows})
  return rows


_SETTING = ('energy', 'optimizer', 'learning_rate', 'stop_below', 'batch_size')


def _over_requests(rows: list[dict[str, float]]) -> dict[str, float]:
  return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _grid(config, how, problem, key):
  """Every setting and what it does to one request."""
  moments = functools.reduce(operator.add, retained.moments_by_class(
      problem, 256, how.moments_examples))
  bases = {energy: null_space.null_space_bases(moments, energy)
           for energy in config.energies}
  optimizers = {('adam', rate): optax.adam(rate) for rate in config.adam}
  optimizers |= {('momentum', rate): optax.sgd(rate, momentum=.9)
                 for rate in config.momentum}
  sizes = config.batch_sizes or (how.batch_size,)
  grid = list(itertools.product(bases, optimizers, config.stops, sizes))
  for energy, name, stop, size in bars.progress(grid, 'grid', len(grid)):
    unlearned = methods.unsc(
        bases[energy], optimizers[name], steps=how.steps, batch_size=size,
        stop_below=stop)(problem, key)
    yield (energy, *name, stop, size), _validate(problem, unlearned)


def _validate(problem: problem_lib.Problem, unlearned) -> dict[str, float]:
  """Accuracies and drift on validation data."""
  remaining, gone = problem_lib.split_classes(
      problem.held_out, problem.forget_classes)
  logits = lambda params, examples: training.answers(problem, params, examples.x)
  before, after = (logits(params, remaining)
                   for params in (problem.params, unlearned.params))
  right = lambda z, examples: float(np.mean(z.argmax(-1) == examples.y))
  known = np.asarray(jax.nn.softmax(logits(unlearned.params, gone)))
  return {
      'steps': len(unlearned.history['loss']),
      'forget': float(np.mean(known.argmax(-1) == gone.y)),
      'probability': float(np.mean(known[np.arange(len(gone)), gone.y])),
      'retain': right(after, remaining),
      'drift': float(preservation.logit_drift(
          before, after, problem.retain_classes).value),
  }


def main() -> None:
  config = tyro.cli(Config, description=__doc__)
  processes.start(config.distributed)
  rows = run(config)
  cells = lambda row: tuple(
      f'{v:.4g}' if isinstance(v, float) else str(v) for v in row.values())
  print(text.table([tuple(rows[0]), *map(cells, rows)]))


if __name__ == '__main__':
  main()
