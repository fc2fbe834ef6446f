"""UNSC with its projection where Optax users would put it first: before the optimiser."""

import dataclasses

import optax

from unsc_jax import null_space
from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import objectives
from unsc_jax.parts import retained
from unsc_jax.parts import schedules
from unsc_jax.parts import stopping
from unsc_jax.parts import targets


@dataclasses.dataclass(frozen=True)
class _Gradients:
  """Projects gradients; what the optimiser makes of them may leave the null space."""
  optimizer: optax.GradientTransformation
  combine: null_space.Combine

  def __call__(self, problem, params, key) -> parts.Confined:
    del params, key
    bases, moments = retained.bases(problem, self.combine, 256)
    return parts.Confined(
        optax.chain(null_space.null_space_projection(bases), self.optimizer), moments, bases)


def unsc_projects_gradients(
    combine: null_space.Combine, optimizer: optax.GradientTransformation, *,
    stop_below: float = .005,
) -> problem_lib.Method:
  """UNSC but for the projection after the optimiser's step.

  Args:
    combine: from the moments of the retained classes to bases or gains.
    optimizer: of projected gradients; one that scales parameters apart, Adam say, leaves
      the null space.
    stop_below: as in `methods.unsc`.

  Returns:
    The method.
  """
  return parts.compose(
      name='unsc_projects_gradients',
      objective=objectives.objective(
          forget=objectives.cross_entropy, forget_target=targets.pseudo_labels()),
      transform=_Gradients(optimizer, combine), schedule=schedules.forget_only(200, 128),
      watch=stopping.until_forgotten(stop_below, short=.1))
