"""What a method did not do, said with the numbers: nothing ends in silence."""

from typing import Any
import warnings

import jax
from jax import core
import numpy as np

from unsc_jax import problem as problem_lib
from unsc_jax import programs
from unsc_jax import training

_MOST = 500  # forget examples to look at


def told(
    problem: problem_lib.Problem, unlearned: problem_lib.Unlearned, *,
    looking: Any = None, stopped: bool = False,
) -> problem_lib.Unlearned:
  """Warns of a method that moved nothing, or that did not come to its stop.

  Args:
    problem: what was asked for.
    unlearned: what the method gives back, which this gives back as well.
    looking: what watched it, such as `stopping.Look`; its `missed` tells.
    stopped: whether it stopped by itself before its last step.

  Warns:
    UserWarning: no parameter is another than before, or the stop was not reached.
  """
  if any(isinstance(leaf, core.Tracer) for leaf in jax.tree.leaves(unlearned.params)):
    return unlearned  # one of many members in one program
  missed = getattr(looking, 'missed', lambda params, steps: None)
  if not _moved(problem.params, unlearned.params):
    warnings.warn(_nothing(problem, unlearned), stacklevel=3)
  elif not stopped and (
      sentence := missed(unlearned.params, len(unlearned.history['loss'])
                         if 'loss' in unlearned.history else 0)):
    warnings.warn(sentence, stacklevel=3)
  return unlearned


def _moved(before: Any, after: Any) -> bool:
  """Whether a floating leaf is another."""
  return any(programs.look(_differ, *(
      jax.tree.leaves(problem_lib.floats(params)) for params in (before, after))))


def _differ(before: list[jax.Array], after: list[jax.Array]) -> list[jax.Array]:
  return [(a != b).any() for a, b in zip(before, after)]


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
