"""SSD: selective synaptic dampening."""


import jax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import edits
from unsc_jax.parts import masks
from unsc_jax.parts import passes
from unsc_jax.training import gradients


def ssd(
    alpha: float = 10., strength: float = 1., *, group: int = 1,
    batch_size: int = 256,
) -> problem_lib.Method:
  r"""Shrinks the weights that the forget set needs much more than the rest.

  .. math:: \theta_j \leftarrow \theta_j \min(1, \lambda F_j / F^f_j)
    \quad \text{where } F^f_j > \alpha F_j

  `F` is the mean squared gradient over all training data, `F^f` that over the
  forget set. For whole classes. On single examples the two are alike, so that
  next to nothing happens.

  Args:
    alpha: how much more a weight has to matter; 10 (ViT 5, faces 50).
    strength: `lambda`; 1 (faces .1).
    group: squares the mean gradient of so many examples; 1 is the diagonal of
      the Fisher matrix, the published code squares those of minibatches.
    batch_size: examples a step of the passes.

  Returns:
    The method. Cost: one forward and one backward pass over both sets, example
    by example; nothing is trained.

  Example:
    >>> method = ssd(alpha=4., strength=.3)

  Source: selective synaptic dampening (arXiv 2308.07707), exact from code with
  `group` its batch size.
  """
  def edit(problem, key):
    del key
    forget, retain = (
        gradients.mean_square(
            problem.fn, problem.params,
            passes.batches(problem, examples, batch_size), group=group)
        for examples in (problem.forget, problem.retain))
    share = len(problem.forget) / (len(problem.forget) + len(problem.retain))
    everything = jax.tree.map(
        lambda f, r: f * share + r * (1 - share), forget, retain)
    forget = masks.only_trainable(forget, problem.network.trainable, 0.)
    return edits.dampen(
        problem.params, everything, forget, alpha=alpha, strength=strength)
  return parts.compose(edit=edit)
