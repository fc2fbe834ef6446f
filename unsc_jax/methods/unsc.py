"""UNSC: unlearning in the null space of what remains."""

import jax
import optax

from unsc_jax import objectives
from unsc_jax import problem as problem_lib
from unsc_jax import schedules
from unsc_jax import spaces
from unsc_jax import targets
from unsc_jax.methods import constraints
from unsc_jax.methods import frame
from unsc_jax.methods import pace


def unsc(
    combine: spaces.Combine | None = None,
    optimizer: optax.GradientTransformation | None = None,
    *,
    target: targets.Target | None = None,
    steps: int = 200,
    batch_size: int = 128,
    stop_below: float = .005,
    moments_batch_size: int = 256,
) -> problem_lib.Method:
  r"""Machine unlearning via null space calibration.

  .. math::
    \Delta W = P\, \mathrm{opt}(P\, \nabla_W L), \quad
    P = I - Q Q^\top, \quad
    L = \mathrm{CE}(f_\theta(x), \hat y(x)), \; x \in D_f

  For every layer, `Q` spans what its inputs carry on the retained data, so that
  what remains is answered as before. Of whole classes, forget examples learn their
  most likely remaining class; single examples learn to be answered as unseen ones
  of their label are, not wrongly. Biases, scales and running statistics are frozen, and
  dropout is off.

  Args:
    combine: from the moments of the retained classes to bases:
      `spaces.pooled()`, `merged()` or `sequential()`.
    optimizer: any of Optax; it is confined by `project_updates`. The default is
      Adam at 1e-3, which keeps its pace when little is free.
    target: what forget examples should say; `targets.pseudo_labels()` of whole
      classes, `targets.unseen_answers()` of single examples.
    steps: updates to make at most.
    batch_size: forget examples a step.
    stop_below: mean probability of the forget examples' labels under which to
      stop; going on would only move what should stay. Of single examples, it
      stops at what unseen ones have. Negative to make all steps.
    moments_batch_size: retained examples a step of the pass for the moments.

  Returns:
    The method. Cost: one pass over the retained data and `3 * steps *
    batch_size` passes; the retained data are not touched again.

  Source: UNSC (Chen et al., IJCAI 2024), algorithms 1 and 2. Differs from the
  published code where that has flaws: it uses the patches that a convolution
  sees, all retained data, a rank that reaches its energy, no dropout, and stops
  by itself. Forgetting single examples is ours.
  """
  return frame.compose(
      objective=objectives.objective(
          forget=objectives.cross_entropy,
          forget_target=target or _target),
      transform=constraints.null_space(
          optimizer or optax.adam(1e-3), combine or spaces.pooled(),
          batch_size=moments_batch_size),
      schedule=schedules.forget_only(steps, batch_size),
      watch=pace.until_forgotten(stop_below))


def _target(problem: problem_lib.Problem, key: jax.Array):
  """What suits the request."""
  if problem.forget_classes:
    return targets.pseudo_labels()(problem, key)
  return targets.unseen_answers()(problem, key)
