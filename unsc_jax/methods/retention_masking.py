"""Retention-Based Masking: keep what the retained data use, drop the rest."""

import jax
import jax.numpy as jnp
import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import edits
from unsc_jax.parts import lengths
from unsc_jax.parts import masks
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import passes
from unsc_jax.parts import schedules


def retention_masking(
    optimizer: optax.GradientTransformation | None = None, *,
    share: float = .5, steps: int | None = None,
    epochs: float | None = None, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Drops the weights that the retained data do not call for, and fine-tunes.

  .. math:: \theta \leftarrow m \odot \theta_0, \quad
    m_j = 1 \iff \Bigl|\sum_{D_r} \nabla_j \mathrm{CE}\Bigr| \text{ is among
    the largest } q P

  then cross-entropy on retained data, all weights free again. Fine-tuning alone
  keeps what the original knew; dropping first is what lets it go. For whole
  classes and for single examples.

  Args:
    optimizer: any of Optax; SGD at .03, momentum .9 and weight decay 5e-4.
    share: `q`, of all weights that are kept.
    steps: updates to make.
    epochs: instead, over the retained data; 10 if neither is given.
    batch_size: retain examples a step.

  Returns:
    The method. Cost: `3 * epochs` passes over the retained data, 3 for the mask and
    one for running statistics after it; the forget set is not touched.

  Example:
    >>> method = retention_masking(optax.sgd(.05, momentum=.9), share=.5)

  Source: **a reconstruction** after the abstract of Retention-Based Masking (arXiv
  2410.03833): that the mask comes of the retained data is theirs; its score, share,
  and zero as what dropped weights become are ours.
  """
  def edit(problem, key):
    del key
    gradient = passes.gradient(problem, problem.params, problem.retain)
    trainable = problem.trainable
    kept = masks.top(
        masks.only_trainable(masks.absolute(gradient), trainable), share)
    dropped = masks.only_trainable(
        jax.tree.map(jnp.logical_not, kept), trainable, False)
    return problem.network.finish(
        edits.prune(problem.params, dropped), problem.retain.x)

  return parts.compose(
      name='retention_masking',
      edit=edit,
      objective=objectives.objective(retain=objectives.cross_entropy),
      transform=optimizer or optimizers.sgd(.03),
      schedule=schedules.retain_only(
          steps, batch_size, epochs=lengths.unless(steps, epochs, 10)))
