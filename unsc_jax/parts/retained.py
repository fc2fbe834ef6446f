"""The moments and bases of what is to be retained, as methods take them."""

from collections.abc import Callable, Iterator
import dataclasses
import pathlib
from typing import Any
import warnings

import jax
from jax.experimental import multihost_utils
import numpy as np

from unsc_jax import batching
from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import sharding
from unsc_jax import storage
from unsc_jax.parts import passes
from unsc_jax.problem import trainable
from unsc_jax.storage import digests
from unsc_jax.storage import moments as stored


def moments_by_class(
    problem: problem_lib.Problem, batch_size: int, examples: int | None = None,
    select: moments_lib.Select = moments_lib.all_of_them,
) -> Iterator[moments_lib.Moments]:
  """The moments of the retained inputs, one retained class after the other.

  Of `examples` of them, about, classes keep their shares, and each has one at least.
  """
  classes = [problem.retain.where(rows) for rows in _rows(problem, batch_size, examples)]
  size = batching.common([*map(len, classes)], batch_size)
  for of_class in classes:
    yield passes.moments(problem, of_class.x, size, select=select)


def moments(
    problem: problem_lib.Problem, batch_size: int, examples: int | None = None,
    select: moments_lib.Select = moments_lib.all_of_them,
) -> moments_lib.Moments:
  """Those of all classes together, in one pass with full batches.

  The sum of what `moments_by_class` yields, in little more than half the time for ten
  classes of a few hundred: what is added up are `[d, d]` matrices, once a batch.
  """
  retain = problem.retain
  if examples is not None:
    retain = retain.where(np.concatenate(_rows(problem, batch_size, examples)))
  return passes.moments(
      problem, retain.x, batching.common([len(retain)], batch_size), select=select)


def _rows(problem: problem_lib.Problem, batch_size: int, examples: int | None
          ) -> list[np.ndarray]:
  """Which examples of every retained class to take, evenly spread over it."""
  labels = problem.retain.labels
  classes = [np.flatnonzero(labels == c) for c in problem.retain_classes]
  if examples is None:
    return classes
  return [_part(rows, len(labels), examples, batch_size) for rows in classes]


def _part(rows: np.ndarray, of: int, examples: int, batch_size: int) -> np.ndarray:
  """A class's share of so many examples."""
  count = max(1, round(examples * len(rows) / of))
  if count > batch_size:  # a batch that is hardly filled takes as long as a full one
    count -= count % batch_size
  return rows[batching.evenly(len(rows), count)]


def bases(
    problem: problem_lib.Problem, combine: null_space.Combine | null_space.Confinement,
    batch_size: int, examples: int | None = None,
    select: moments_lib.Select = moments_lib.all_of_them,
) -> tuple[null_space.Confinement, moments_lib.Moments | None]:
  """The bases or gains of the retained classes, and the sum of their moments.

  With a checkpoint in the problem's session they are made once: a run that goes on
  finds them there. Made anew they need not be the same, as sums that other devices
  take in another order can shift a rank by one; no stored optimiser would fit it.

  Args:
    problem: what is to be retained.
    combine: from the moments of the retained classes to bases, a frozen dataclass
      where there is a checkpoint; or the bases or gains.
    batch_size: retained examples a step of the pass.
    examples: how many of them to take, by default all.
    select: which layers to take moments of; the others are frozen.

  Returns:
    Bases and moments; None for these if the bases were given.

  Raises:
    ValueError: there are to be no examples, or the checkpoint holds those of
      another run: of other data, parameters or choices.
  """
  if examples is not None and examples < 1:
    raise ValueError(
        f'the moments of {examples} examples protect nothing; take some, or None '
        'for all that are retained.')
  if isinstance(combine, null_space.Confinement):
    return combine, None
  where = problem.session.within('constraint').checkpoint
  if where is None:
    return _made(problem, combine, batch_size, examples, select)
  folder = pathlib.Path(where.folder)
  one = jax.tree.map(lambda leaf: leaf[:1], problem.retain.x)
  whose = {**problem.identity(), 'combine': combine, 'examples': examples, 'select': select,
           'network': storage.program(_read(problem, combine), problem.params, one)}
  moments_at, bases_at = folder / 'moments.npz', folder / 'bases.npz'
  # The bases are written last. What the first process sees holds for all.
  if multihost_utils.broadcast_one_to_all(np.array(bases_at.exists())):
    try:
      kept, total = (_everywhere(problem, stored.load(path, whose))
                     for path in (bases_at, moments_at))
      return kept, total
    except digests.Damaged as error:
      warnings.warn(f'{error.args[0]} They are made again.', stacklevel=2)
  made, total = _made(problem, combine, batch_size, examples, select)
  stored.save(moments_at, _everywhere(problem, total), whose)
  stored.save(bases_at, _everywhere(problem, made), whose)
  return made, total


def outputs(
    problem: problem_lib.Problem, batch_size: int, examples: int | None = None,
    select: moments_lib.Select = moments_lib.all_of_them,
) -> moments_lib.Moments:
  """What the retained classes' logits read of every layer's outputs, on retained inputs."""
  retain = problem.retain if examples is None else problem.retain.spread(examples)
  return moments_lib.accumulate_outputs(
      moments_lib.output_moments(_answers(problem.fn, problem.retain_classes), select=select),
      jax.random.key(0), problem.params, passes.unfilled(problem, retain.x, batch_size))


@dataclasses.dataclass(frozen=True)
class _answers:
  """The logits of some classes."""
  fn: Callable
  classes: tuple[int, ...]

  def __call__(self, params: Any, x: Any) -> jax.Array:
    return self.fn(params, x)[:, np.array(self.classes)]


def _made(problem, combine, batch_size, examples, select):
  if isinstance(combine, null_space.pooled):  # of the sum, whatever the classes
    state = total = moments(problem, batch_size, examples, select)
  else:
    state = total = None
    for of_class in moments_by_class(problem, batch_size, examples, select):
      state = combine.add(state, of_class)
      total = of_class if total is None else total + of_class
  if not _on_both_sides(combine):
    return jax.block_until_ready(combine.bases(state)), total
  return jax.block_until_ready(combine.filter(
      total, outputs(problem, batch_size, examples, select))), total


def _read(problem: problem_lib.Problem, combine: null_space.Combine) -> Callable:
  """What is read of the network: its answers, and on both sides their gradients as well."""
  if not _on_both_sides(combine):
    return problem.fn
  return trainable.value_and_grad(lambda params, x: problem.fn(params, x).sum())


def _on_both_sides(combine: null_space.Combine) -> bool:
  return isinstance(getattr(combine, 'filter', None), null_space.BothSides)


def _everywhere(problem: problem_lib.Problem, tree: Any) -> Any:
  mesh = problem.session.mesh
  return tree if mesh is None else sharding.replicate(tree, mesh)
