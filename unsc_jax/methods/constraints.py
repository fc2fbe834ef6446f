"""What confines a method's optimiser: the null space, or a saliency mask."""

import jax
import optax

from unsc_jax import gradients
from unsc_jax import masks
from unsc_jax import moments as moments_lib
from unsc_jax import projection
from unsc_jax import spaces
from unsc_jax.methods import frame
from unsc_jax.methods import passes
from unsc_jax.methods import retained


def null_space(
    optimizer: optax.GradientTransformation, combine: spaces.Combine, *,
    batch_size: int = 256,
) -> frame.Transform:
  """Confines an optimiser to what the retained inputs leave free.

  Args:
    optimizer: any of Optax.
    combine: from the moments of the retained classes to bases.
    batch_size: retained examples a step of the pass for the moments.

  Returns:
    The transform of `compose`.
  """
  def transform(problem, params, key):
    del params, key
    total: list[moments_lib.Moments] = []
    classes = retained.moments_by_class(problem, batch_size)
    bases = jax.block_until_ready(combine(retained.adding_up(classes, total)))
    return frame.Confined(
        projection.project_updates(optimizer, bases),
        total[0] if total else None, bases)
  return transform


def saliency(
    optimizer: optax.GradientTransformation, share: float
) -> frame.Transform:
  """Confines an optimiser to the weights with the largest forget gradients.

  Args:
    optimizer: any of Optax, weight decay and all.
    share: of all weights, in [0, 1].

  Returns:
    The transform of `compose`. Cost: 3 passes over the forget set.
  """
  def transform(problem, params, key):
    del key
    gradient = gradients.total(
        problem.fn, params, passes.batches(problem, problem.forget))
    scores = masks.only_trainable(
        masks.absolute(gradient), problem.network.trainable)
    mask = masks.top(scores, share)
    return frame.Confined(masks.confine(optimizer, mask))
  return transform
