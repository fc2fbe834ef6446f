"""SCRUB: away from the teacher on what to forget, close to it elsewhere."""

from typing import NamedTuple

import numpy as np
import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import objectives
from unsc_jax.parts import schedules
from unsc_jax.parts import targets


class Taught(NamedTuple):
  """A retain example's label `[N]` and what the teacher says `[N, C]`."""
  label: np.ndarray
  logits: np.ndarray


def scrub(
    optimizer: optax.GradientTransformation | None = None, *,
    temperature: float = 2., gamma: float = 1., alpha: float = .5,
    rounds: int = 10, forget_rounds: int = 3, batch_size: int = 32,
    retain_batch_size: int = 128,
) -> problem_lib.Method:
  r"""Alternates epochs that leave the teacher and epochs that stay with it.

  .. math:: \max_\theta \mathrm{KL}_T(p_{\theta_0} \,\|\, p_\theta)_{D_f}
    \quad \text{and} \quad \min_\theta \gamma \, \mathrm{CE}_{D_r} +
    \alpha \, \mathrm{KL}_T(p_{\theta_0} \,\|\, p_\theta)_{D_r}

  with :math:`\mathrm{KL}_T = T^2 \mathrm{KL}` at temperature `T`. For whole
  classes and for single examples. Rewinding (SCRUB+R) is left to the caller. The first
  forget epoch begins at the teacher, where the divergence has no slope: it moves
  little or nothing, and those after it forget.

  Args:
    optimizer: any of Optax, one for both; Adam at 5e-4. Its state carries over from
      epoch to epoch.
    temperature: `T`.
    gamma: weight of the labels on retain batches.
    alpha: weight of the teacher on retain batches.
    rounds: epochs over the retain set.
    forget_rounds: epochs over the forget set, one before each of the first; two at
      least.
    batch_size: forget examples a step.
    retain_batch_size: retain examples a step.

  Returns:
    The method. Cost: `3 * rounds` passes over the retain set, `3 *
    forget_rounds` over the forget set, and one over each for the teacher, whose
    logits are kept.

  Raises:
    ValueError: there is one forget round, which alone forgets nothing.

  Example:
    >>> method = scrub(optax.sgd(.005, momentum=.9), rounds=6, forget_rounds=2)

  Source: SCRUB (arXiv 2302.09880), exact from code, with its settings for small
  networks but for their weight decay of .1; `docs/methods.md` has those for large ones.
  """
  if min(rounds, forget_rounds) == 1:
    raise ValueError(
        'a single forget round begins at the teacher, where the divergence has no '
        'slope, and forgets nothing; take two rounds or more, or forget_rounds=0 for '
        'none.')
  distillation = objectives.distillation(temperature)

  def taught(problem, key):
    return Taught(
        problem.retain.y, targets.teacher_logits(of_retain=True)(problem, key))

  def stay(logits, y):
    return (gamma * objectives.cross_entropy(logits, y.label)
            + alpha * distillation(logits, y.logits))

  return parts.compose(
      name='scrub',
      objective=objectives.objective(
          forget=objectives.scaled(distillation, -1.), retain=stay,
          forget_target=targets.teacher_logits(), retain_target=taught),
      transform=optimizer or optax.adam(5e-4),
      schedule=schedules.alternating(
          rounds, forget_rounds=forget_rounds, batch_size=batch_size,
          retain_batch_size=retain_batch_size))
