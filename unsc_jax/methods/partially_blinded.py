"""Partially-Blinded Unlearning: ascent, held back where the weights matter."""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import lengths
from unsc_jax.parts import objectives
from unsc_jax.parts import passes
from unsc_jax.parts import schedules
from unsc_jax.parts import stopping
from unsc_jax.parts import targets
from unsc_jax.problem import trainable
from unsc_jax.training import gradients


def partially_blinded(
    optimizer: optax.GradientTransformation | None = None, *,
    alpha: float = 1., beta: float = .15, gamma: float = 6.,
    steps: int | None = None, epochs: float | None = None, batch_size: int = 48,
    stop_below: float = .05,
) -> problem_lib.Method:
  r"""Climbs the forget loss on a leash that the Fisher matrix shapes.

  .. math:: \min_\theta -\alpha \, \mathrm{CE}_{D_f} + \beta
    (\theta - \theta_0)^\top F_f (\theta - \theta_0)
    + \gamma \|\theta - \theta_0\|^2

  `F_f` is the diagonal Fisher matrix on the forget set, over the network's own
  labels. For whole classes and for single examples.

  Args:
    optimizer: any of Optax; Adam at 3e-5.
    alpha: weight of the ascent.
    beta: weight of the Fisher term.
    gamma: weight of the plain distance. The three are published as 631 to 721,
      90 to 100 and 4001; only their ratios matter to Adam.
    steps: updates to make at most.
    epochs: instead, over the forget set; 100 if neither is given.
    batch_size: forget examples a step.
    stop_below: mean probability of the forget examples' labels under which to stop; of
      single examples that of held-out ones, where there are some. Negative to make all
      steps.

  Returns:
    The method. Cost: one forward and `C` backward passes over the forget set
    and `3 * epochs` passes; retained data are not touched.

  Example:
    >>> method = partially_blinded(optax.adam(3e-4), gamma=1., steps=30)

  Source: Partially-Blinded Unlearning (arXiv 2403.16246), exact from code.
  """
  def given(problem, key):
    del key
    fisher = gradients.fisher(
        problem.fn, problem.params,
        passes.batches(problem, problem.forget, batch_size))
    return problem.params, fisher

  return parts.compose(
      name='partially_blinded',
      objective=objectives.Objective(
          functools.partial(_Loss, alpha=alpha, beta=beta, gamma=gamma),
          forget=targets.not_to_say(), given=given),
      transform=optimizer or optax.adam(3e-5),
      schedule=schedules.forget_only(
          steps, batch_size, epochs=lengths.unless(steps, epochs, 100)),
      watch=stopping.until_forgotten(stop_below, or_never=True))


@dataclasses.dataclass(frozen=True)
class _Loss:
  """What the leash costs, less the forget error."""
  fn: Callable
  alpha: float
  beta: float
  gamma: float

  def __call__(self, params: Any, batch: Any, key: jax.Array, original: Any, fisher: Any
               ) -> tuple[jax.Array, Any]:
    del key
    ascent = objectives.cross_entropy(self.fn(params, batch.forget.x), batch.forget.y)
    held = leash(params, original, fisher, self.beta, self.gamma)
    return held - self.alpha * ascent, params


def leash(params, original, fisher, beta: float, gamma: float) -> jax.Array:
  """The penalty of moving away from the original parameters.

  Example:
    >>> w, F = jnp.zeros(2), jnp.array([0., 1.])
    >>> print(leash(w + 2, w, F, beta=1., gamma=.5))
    8.0
  """
  pull = lambda w, w0, f: (
      jnp.sum((beta * f + gamma) * (w - w0)**2) if trainable.is_floating(w) else 0.)
  return jax.tree.reduce(jnp.add, jax.tree.map(pull, params, original, fisher))
