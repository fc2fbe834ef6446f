"""UAM: descends what remains from where the forget set is forgotten."""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import leaves as leaves_lib
from unsc_jax.parts import lengths
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import schedules
from unsc_jax.parts import targets


def uam(
    optimizer: optax.GradientTransformation | None = None, *,
    radius: float = 2., fading: bool = True, steps: int | None = None,
    epochs: float | None = None, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Unlearning-aware minimisation.

  .. math:: \min_\theta \mathrm{CE}_{D_r}(\theta + \epsilon), \quad
    \epsilon = \arg\max_{\|\epsilon\| \le \rho} \mathrm{CE}_{D_f}(\theta + \epsilon)
    \approx \rho \, \frac{\nabla \mathrm{CE}_{B_f}(\theta)}{\|\nabla
    \mathrm{CE}_{B_f}(\theta)\|}

  A step goes from `\theta` along the retained gradient at :math:`\theta + \epsilon`, in
  which `\epsilon` is held. Nothing drives the forget set away: on small networks it goes
  as in fine-tuning, but sooner. For whole classes and for single examples.

  Args:
    optimizer: any of Optax; SGD at .05, momentum .9 and weight decay 5e-4.
    radius: `\rho`.
    fading: takes it down to zero along a cosine, step by step.
    steps: updates to make.
    epochs: instead, over the retained data; 40 if neither is given.
    batch_size: examples of each set a step.

  Returns:
    The method. Cost: `3 * epochs` passes over the retained data and over as many
    forget examples.

  Raises:
    ValueError: the radius is not positive.

  Example:
    >>> method = uam(optax.sgd(.01, momentum=.9), radius=.5, epochs=5)

  Source: Unlearning-Aware Minimization (NeurIPS 2025), exact from the authors' code
  (`torchunlearn`), whose option `gamma` has no effect there.
  """
  if radius <= 0:
    raise ValueError(f'radius is how far to look, a positive number, not {radius}.')
  schedule = schedules.paired(
      steps, batch_size, epochs=lengths.unless(steps, epochs, 40))

  def given(problem, key):
    del key
    length = max(1, schedule.length(problem.forget, problem.retain))
    return training.Scheduled(
        optax.cosine_decay_schedule(radius, length) if fading
        else optax.constant_schedule(radius))

  def method(problem, key):
    return parts.compose(
        objective=objectives.Objective(
            functools.partial(_Loss, trainable=problem.trainable),
            forget=targets.not_to_say(), given=given),
        transform=optimizer or optimizers.sgd(.05), schedule=schedule)(problem, key)
  return method


@dataclasses.dataclass(frozen=True)
class _Loss:
  """The retained error, seen from where the forget batch is forgotten."""
  fn: Callable
  trainable: Callable[[str], bool]

  def __call__(self, params: Any, batch: Any, key: jax.Array, radius: jax.Array
               ) -> tuple[jax.Array, Any]:
    del key
    forget, retain = batch
    leaves = leaves_lib.of(params, self.trainable)
    error = lambda leaves, examples: objectives.cross_entropy(
        self.fn(leaves_lib.put(params, leaves), examples.x), examples.y)
    slope = jax.grad(error)(lax.stop_gradient(leaves), forget)
    length = jnp.sqrt(leaves_lib.dot(slope, slope))
    step = radius / jnp.where(length > 0, length, 1)
    away = jax.tree.map(
        lambda leaf, g: leaf + lax.stop_gradient(step * g).astype(leaf.dtype), leaves, slope)
    return error(away, retain), params
