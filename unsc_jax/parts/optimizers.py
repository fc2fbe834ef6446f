"""What confines a method's optimiser: the null space, or a saliency mask."""

import optax

from unsc_jax.null_space import combining
from unsc_jax.null_space import projection
from unsc_jax.parts import composition
from unsc_jax.parts import masks
from unsc_jax.parts import passes
from unsc_jax.parts import retained
from unsc_jax.training import gradients


def null_space(
    optimizer: optax.GradientTransformation, combine: combining.Combine, *,
    batch_size: int = 256, examples: int | None = None,
) -> composition.Transform:
  """Confines an optimiser to what the retained inputs leave free.

  Args:
    optimizer: any of Optax.
    combine: from the moments of the retained classes to bases.
    batch_size: retained examples a step of the pass for the moments.
    examples: about how many of them to take, evenly spread over every class, in
      whole batches; by default all.

  Returns:
    The transform of `compose`. With a checkpoint in the problem's session a run that goes on takes
    the bases that it made. They are refused if the network's shapes, the retained
    labels or the numbers in `combine` have changed; what else it may do cannot be
    seen, so a folder is of one method and one key. Cost: a forward pass over the
    retain set, an eigendecomposition of every layer's moments as often as `combine`
    asks for one, and two projections of the update in every step.

  Example:
    >>> transform = null_space(optax.adam(1e-3), combining.merged(.97))
  """
  def transform(problem, params, key):
    del params, key
    bases, moments = retained.bases(problem, combine, batch_size, examples)
    return composition.Confined(
        projection.project_updates(optimizer, bases), moments, bases)
  return transform


def saliency(
    optimizer: optax.GradientTransformation, share: float
) -> composition.Transform:
  r"""Confines an optimiser to the weights with the largest forget gradients.

  .. math:: m_j = 1 \iff \Bigl|\sum_{D_f} \nabla_j \mathrm{CE}\Bigr|
    \text{ is among the largest } \alpha P

  Args:
    optimizer: any of Optax, weight decay and all.
    share: `alpha`, of all weights, in [0, 1].

  Returns:
    The transform of `compose`. Cost: 3 passes over the forget set.

  Example:
    >>> transform = saliency(optax.sgd(.01, momentum=.9), share=.5)

  Source: SalUn (arXiv 2310.12508), exact from code; see `masks.confine`.
  """
  def transform(problem, params, key):
    del key
    gradient = gradients.total(
        problem.fn, params, passes.batches(problem, problem.forget))
    scores = masks.only_trainable(
        masks.absolute(gradient), problem.network.trainable)
    mask = masks.top(scores, share)
    return composition.Confined(masks.confine(optimizer, mask))
  return transform
