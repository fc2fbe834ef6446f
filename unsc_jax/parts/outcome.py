"""What a method did not do, said with the numbers: nothing ends in silence."""

from typing import Any, NamedTuple
import warnings

import jax
from jax import core
import numpy as np

from unsc_jax import paths
from unsc_jax import problem as problem_lib
from unsc_jax import programs
from unsc_jax import training

_MOST = 500  # forget examples to look at


def told(
    problem: problem_lib.Problem, unlearned: problem_lib.Unlearned, *,
    looking: Any = None, stopped: bool = False,
) -> problem_lib.Unlearned:
  """Warns of a method that moved nothing, or did not come to its stop; refuses NaN.

  Args:
    problem: what was asked for.
    unlearned: what the method gives back, which this gives back as well.
    looking: what watched it, such as `stopping.Look`; its `missed` tells.
    stopped: whether it stopped by itself before its last step.

  Raises:
    FloatingPointError: a parameter is NaN, or has become infinite.

  Warns:
    UserWarning: no parameter is another than before, or the stop was not reached.
  """
  if any(isinstance(leaf, core.Tracer) for leaf in jax.tree.leaves(unlearned.params)):
    return unlearned  # one of many members in one program
  missed = getattr(looking, 'missed', lambda params, steps: None)
  changes = _changes(problem.params, unlearned.params)
  _check_numbers(changes)
  if not any(change.moved for change in changes.values()):
    warnings.warn(_nothing(problem, unlearned), stacklevel=3)
  elif not stopped and (
      sentence := missed(unlearned.params, len(unlearned.history['loss'])
                         if 'loss' in unlearned.history else 0)):
    warnings.warn(sentence, stacklevel=3)
  return unlearned


class _Change(NamedTuple):
  """What has become of one leaf."""
  moved: bool
  was_nan: bool
  lost: bool  # no number any more


def _changes(before: Any, after: Any) -> dict[str, _Change]:
  """Of every floating leaf by its path, what has become of it."""
  old, new = (paths.leaf_paths(problem_lib.floats(params)) for params in (before, after))
  return dict(zip(new, programs.look(_compared, [*old.values()], [*new.values()])))


def _compared(before: list[jax.Array], after: list[jax.Array]) -> list[_Change]:
  def one(a, b):
    xp = a.__array_namespace__()
    # Infinite from the first a bias may be, to rule a class out.
    lost = ~xp.isfinite(b).all() & xp.isfinite(a).all()
    return _Change((a != b).any(), xp.isnan(a).any(), lost)

  return [*map(one, before, after)]


def _check_numbers(changes: dict[str, _Change]) -> None:
  for path, change in changes.items():
    if change.was_nan:
      raise FloatingPointError(
          f'the parameter {path} was NaN when it was given; give those of a trained network.')
    if change.lost:
      raise FloatingPointError(
          f'the method has made the parameter {path} NaN or infinite; lower the learning rate, '
          'or what else says how much it changes.')


def _nothing(problem: problem_lib.Problem, unlearned: problem_lib.Unlearned) -> str:
  forget = problem.forget.spread(_MOST)
  said = training.answers(problem, unlearned.params, forget.x).argmax(-1)
  why = (
      'choose a larger learning rate or share, more steps, or other trainable leaves'
      if unlearned.bases is None else
      'the retained inputs leave no layer room, so protect less of their energy, or '
      'forget by a method without a null space')
  return (
      'the method has moved no parameter, and forget examples have an accuracy of '
      f'{np.mean(said == forget.labels):.3g} as before; {why}.')
