"""SSD: selective synaptic dampening."""

import jax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import edits
from unsc_jax.parts import masks
from unsc_jax.parts import passes
from unsc_jax.training import gradients


def ssd(
    alpha: float = 10., strength: float = 1., *, group: int = 64,
    batch_size: int = 256,
) -> problem_lib.Method:
  r"""Shrinks the weights that the forget set needs much more than the rest.

  .. math:: \theta_j \leftarrow \theta_j \min(1, \lambda F^D_j / F^f_j)
    \quad \text{where } F^f_j > \alpha F^D_j, \quad
    F^S = \underset{B \subset S}{\mathrm{mean}} \,
    \Bigl( \underset{i \in B}{\mathrm{mean}} \nabla_\theta
    \mathrm{CE}(f_\theta(x_i), y_i) \Bigr)^2

  `D` are all training data, `f` the forget set, both cut into minibatches at random.
  Gradients of different classes cancel in the batches of `D` and those of one class do
  not in its own, which is what makes weights stand out: with single examples in place
  of batches no ratio is above `|D| / |f|`, so that of ten equal classes none passes
  `alpha` of 10. For whole classes. On single examples the two are alike, so that next
  to nothing happens.

  Args:
    alpha: how much more a weight has to matter; 10 (ViT 5, faces 50).
    strength: `lambda`; 1 (faces .1).
    group: examples a minibatch, whose mean gradient is squared. With 1 `F` is the
      diagonal of the empirical Fisher matrix, and `alpha` has to be smaller.
    batch_size: examples a step of the passes, in whole minibatches.

  Returns:
    The method. Cost: one forward and one backward pass over all data, and one more
    over the forget set; nothing is trained.

  Example:
    >>> method = ssd(alpha=4., strength=.3)

  Source: selective synaptic dampening (arXiv 2308.07707), exact from code.
  """
  size = group * max(1, batch_size // group)

  def edit(problem, key):
    def importance(key, *sets):
      return gradients.mean_square(
          problem.fn, problem.params, passes.shuffled(problem, sets, size, key),
          group=group)

    all_key, forget_key = jax.random.split(key)
    everything = importance(all_key, problem.retain, problem.forget)
    forget = masks.only_trainable(
        importance(forget_key, problem.forget), problem.trainable, 0.)
    return edits.dampen(
        problem.params, everything, forget, alpha=alpha, strength=strength)
  return parts.compose(edit=edit, name='ssd')
