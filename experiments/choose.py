"""Chooses how UNSC runs, on validation data and never on test data.

  python -m experiments.choose --dataset fashion_mnist

Runs a small grid until the forget set is no longer known, and prints what that
costs: of the settings that forget, the one with the least drift is the choice.
"""

import dataclasses
import itertools
import pathlib
from typing import Any

import jax
import numpy as np
import optax
import tyro

from experiments import bars
from experiments import forget_class
from experiments import runs
from experiments import settings as settings_lib
from unsc_jax import bases as bases_lib
from unsc_jax import data as data_lib
from unsc_jax import methods
from unsc_jax import overview
from unsc_jax import predict
from unsc_jax import problem as problem_lib
from unsc_jax.evaluation import preservation
from unsc_jax.methods import retained


@dataclasses.dataclass(frozen=True)
class Config:
  """What to choose for."""
  dataset: str = 'digits'
  """digits, or a tfds name."""
  forget: tuple[int, ...] = ()
  """Classes to forget: name others than those you will ask for, or the same."""
  energies: tuple[float, ...] = (.97, .99)
  """Shares of energy to try."""
  adam: tuple[float, ...] = (1e-4, 3e-4, 1e-3)
  """Learning rates of Adam to try."""
  momentum: tuple[float, ...] = (.02, .05, .1)
  """Learning rates of SGD with momentum .9 to try."""
  seed: int = 0
  """Of the original network and of the runs."""
  checkpoint: pathlib.Path | None = None
  """Trained weights to start from."""
  data_dir: pathlib.Path | None = None
  """Where tfds keeps its data."""
  out: pathlib.Path | None = None
  """A .json to write the table to."""


def run(config: Config) -> list[dict[str, Any]]:
  """Runs the grid; returns its rows, the choice first."""
  chosen = settings_lib.SETTINGS[config.dataset]
  chosen = chosen._replace(forget=config.forget or chosen.forget)
  dataset = data_lib.load(config.dataset, config.data_dir)
  network = forget_class.build(chosen, dataset)
  keys = jax.random.split(jax.random.key(config.seed))
  problem = forget_class.pose(chosen, dataset, network, keys[0], config.checkpoint)
  total: list = []
  for _ in retained.adding_up(retained.moments_by_class(problem, 256), total):
    pass
  optimizers = [('adam', rate, optax.adam(rate)) for rate in config.adam]
  optimizers += [('momentum', rate, optax.sgd(rate, momentum=.9))
                 for rate in config.momentum]
  grid = list(itertools.product(config.energies, optimizers))
  rows = []
  for energy, (name, rate, optimizer) in bars.progress(grid, 'grid', len(grid)):
    bases = bases_lib.null_space_bases(total[0], energy)
    how = chosen.unlearning
    unlearned = methods.unsc(
        lambda classes, bases=bases: bases, optimizer, steps=how.steps,
        batch_size=how.batch_size, stop_below=how.stop_below)(problem, keys[1])
    rows.append({'energy': energy, 'optimizer': name, 'learning_rate': rate,
                 **_validate(problem, unlearned)})
  rows.sort(key=lambda row: (row['forget'] > .01, row['drift']))
  if config.out:
    runs.write_json(config.out, {**runs.describe_run(), 'rows': rows})
  return rows


def _validate(problem: problem_lib.Problem, unlearned) -> dict[str, float]:
  """Accuracies and drift on validation data."""
  remaining, gone = problem_lib.split_classes(
      problem.held_out, problem.forget_classes)
  logits = lambda params, examples: predict.predict(
      problem.fn, params, examples.x, mesh=problem.mesh)
  before, after = (logits(params, remaining)
                   for params in (problem.params, unlearned.params))
  right = lambda z, examples: float(np.mean(z.argmax(-1) == examples.y))
  return {
      'steps': len(unlearned.history['loss']),
      'forget': right(logits(unlearned.params, gone), gone),
      'retain': right(after, remaining),
      'drift': float(preservation.logit_drift(
          before, after, problem.retain_classes)),
  }


def main() -> None:
  rows = run(tyro.cli(Config, description=__doc__))
  cells = lambda row: tuple(
      f'{v:.4g}' if isinstance(v, float) else str(v) for v in row.values())
  print(overview.table([tuple(rows[0]), *map(cells, rows)]))


if __name__ == '__main__':
  main()
