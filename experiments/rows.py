"""All rows of one seed, and the pictures of its networks."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax

from experiments import ensembles
from experiments import measure
from experiments import pictures
from unsc_jax import problem as problem_lib
from unsc_jax import training

_RETRAIN = 'retrain'


class Rows(NamedTuple):
  """What one seed adds to the results."""
  rows: list[dict[str, Any]]
  pictures: dict[str, Any] | None


def of_seed(
    bench: measure.Bench, done: Mapping[str, problem_lib.Unlearned],
    methods: Mapping[str, problem_lib.Method], recipe: training.Recipe,
    seed: int, *, references: int = 0, shadows: int = 0, draw: bool = False,
) -> Rows:
  """Measures every network, and retrained ones besides to measure them by.

  Args:
    bench: what to measure with.
    done: what each method gave back, `retrain` among them.
    methods: the same methods, for shadow originals to forget by.
    recipe: of the further retrained networks and the shadow originals.
    seed: of the rows.
    references: how many further networks to retrain. Each is a row of `retrain`
      with a seed of its own.
    shadows: how many shadow originals to train and let forget by every method,
      held against as many retrained networks.
    draw: whether to make pictures.

  Returns:
    The rows, and the pictures or None.

  Raises:
    ValueError: there are too few shadows to fit anything to.
  """
  if 0 < shadows < ensembles.LEAST:
    raise ValueError(
        f'{shadows} shadow networks are too few to fit a distribution to; take '
        f'{ensembles.LEAST} or more, or none.')
  problem = bench.problem
  train_key, forget_key, draw_key = jax.random.split(bench.key, 3)
  found = ensembles.train(problem, recipe, train_key, originals=shadows,
                          retrained=max(references, 2 * shadows))
  further = ensembles.members(problem, found.retrained)
  seen = {name: measure.look(bench, u) for name, u in done.items()}
  retrained = [seen[_RETRAIN], *(measure.look(bench, u) for u in further)]

  def row(name, seed, unlearned, view):
    others = [other for other in retrained if other is not view]
    # Retrained networks have one other less, so the last one counts for none.
    others = others[:max(1, len(retrained) - 1)]
    return {'method': name, 'seed': seed, **measure.row(
        bench, unlearned, view=view, references=others)}

  rows = {name: row(name, seed, u, seen[name]) for name, u in done.items()}
  if shadows:
    for name, method in methods.items():
      more = measure.plain(ensembles.measure(
          problem, found, None if name == _RETRAIN else method, forget_key))
      for part, values in more.items():
        rows[name][part].update(values)
  made = pictures.draw(problem, seen, rows, _bases(done), draw_key) if draw else None
  # Numbers that no `--seeds` has.
  more = [row(_RETRAIN, 1000 * (seed + 1) + i, u, view)
          for i, (u, view) in enumerate(zip(further, retrained[1:]))]
  return Rows([*rows.values(), *more], made)


def _bases(done):
  return next((u.bases for u in done.values() if u.bases is not None), None)
