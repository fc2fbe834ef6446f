"""All rows of a request, and the pictures of its first networks."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any, NamedTuple

import jax

from experiments import pictures
from unsc_jax import evaluation
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.evaluation.shadows import ensembles

_RETRAIN = 'retrain'


class Run(NamedTuple):
  """The networks of one seed."""
  seed: int
  setup: evaluation.Setup
  done: Mapping[str, problem_lib.Unlearned]  # by method, `retrain` among them


class Rows(NamedTuple):
  """What the results hold of all networks."""
  rows: list[dict[str, Any]]
  pictures: dict[str, Any]


def of_seeds(
    runs: Sequence[Run], methods: Mapping[str, problem_lib.Method],
    recipe: training.Recipe, *, references: int = 0, shadows: int = 0,
) -> Rows:
  """Measures every network by the retrained ones of all seeds.

  All seeds forget the same data, so that a network retrained for one of them is a
  reference for the others.

  Args:
    runs: one a seed.
    methods: those that made the networks, for shadow originals to forget by.
    recipe: of the further retrained networks and the shadow originals.
    references: how many further networks to retrain for every seed. Each is a row
      of `retrain` with a seed of its own.
    shadows: how many shadow originals to train for every seed and let forget by
      every method, held against as many retrained networks.

  Returns:
    The rows, and pictures of the first seed.

  Raises:
    ValueError: there are too few shadows to fit anything to.
  """
  check(shadows)
  trained = [_ensembles(run, recipe, references, shadows) for run in runs]
  # Numbers that no `--seeds` has.
  further = [{1000 * (run.seed + 1) + i: one for i, one in enumerate(
      ensembles.members(run.setup.problem, found.retrained))}
             for run, found in zip(runs, trained)]
  known = {seed: evaluation.reference(run.setup, one)
           for run, more in zip(runs, further)
           for seed, one in {run.seed: run.done[_RETRAIN], **more}.items()}
  rows, drawn = [], {}
  for run, found, more in zip(runs, trained, further):
    seen = {name: run.setup.outputs(one) for name, one in run.done.items()}
    mine = {name: _measure(name, run.seed, run.setup, one, known, seen[name])
            for name, one in run.done.items()}
    if shadows:
      mine |= {name: mine[name].with_(_ensemble(name, run, found, method))
               for name, method in methods.items()}
    drawn = drawn or _pictures(run, mine, seen)
    rows += [*(row(name, run.seed, one) for name, one in mine.items()),
             *(row(_RETRAIN, seed, _measure(_RETRAIN, seed, run.setup, one, known))
               for seed, one in more.items())]
  return Rows(rows, drawn)


def check(shadows: int) -> None:
  """Raises if there are too few shadows to fit anything to."""
  if 0 < shadows < ensembles.LEAST:
    raise ValueError(
        f'{shadows} shadow networks are too few to fit a distribution to; take '
        f'{ensembles.LEAST} or more, or none.')


def _ensembles(run, recipe, references, shadows) -> ensembles.Ensembles:
  return ensembles.train(
      run.setup.problem, recipe, _keys(run)[0], originals=shadows,
      retrained=max(references, 2 * shadows))


def _keys(run):
  """For training, forgetting and drawing."""
  return jax.random.split(run.setup.key, 3)


def row(method: str, seed: int, measured: evaluation.Measured) -> dict[str, Any]:
  """What the results hold of one network."""
  return {'method': method, 'seed': seed, **dataclasses.asdict(measured)}


def _measure(name, seed, setup, unlearned, known, outputs=None) -> evaluation.Measured:
  """One network beside retrained ones, of which it may be one itself."""
  others = [one for number, one in known.items()
            if name != _RETRAIN or number != seed]
  # Retrained networks have one other less, so the last one counts for none.
  others = others[:max(1, len(known) - 1)]
  return evaluation.measure(setup, unlearned, outputs=outputs, references=others)


def _ensemble(name, run, found, method) -> dict[str, Any]:
  return ensembles.measure(run.setup.problem, found,
                           None if name == _RETRAIN else method, _keys(run)[1])


def _pictures(run, rows, seen) -> dict[str, Any]:
  bases = next((one.bases for one in run.done.values() if one.bases is not None), None)
  return pictures.draw(run.setup.problem, seen, rows, bases, _keys(run)[2])
