"""DELETE: the network's own opinion, with its answer ruled out."""


import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import lengths
from unsc_jax.parts import objectives
from unsc_jax.parts import schedules
from unsc_jax.parts import targets


def delete(
    optimizer: optax.GradientTransformation | None = None, *,
    published: bool = False, steps: int | None = None,
    epochs: float | None = None, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Distils what the network would say could it not say the label.

  .. math:: \min_\theta \mathrm{KL}(q(x) \,\|\, p_\theta(x)), \quad
    q = \mathrm{softmax}(f_{\theta_0}(x) \text{ with } -\infty \text{ at } F),
    \; x \in D_f

  No label is invented: mass moves to naturally similar classes. For whole
  classes; for single examples the example's own class is ruled out, which a
  retrained network would not do.

  Args:
    optimizer: any of Optax; SGD at 1e-3, momentum .9 (published: 1e-4).
    published: with several forgotten classes, rules out an example's own alone.
    steps: updates to make.
    epochs: instead, over the forget set; 20 if neither is given.
    batch_size: forget examples a step.

  Returns:
    The method. Cost: `1 + 3 * epochs` passes over the forget set; retained data are not touched.

  Example:
    >>> method = delete(optax.sgd(.003, momentum=.9), steps=40)

  Source: DELETE (arXiv 2503.23751), exact from its code for one class.
  """
  return parts.compose(
      name='delete',
      objective=objectives.objective(
          forget=objectives.distillation(),
          forget_target=targets.other_logits(published=published)),
      transform=optimizer or optax.sgd(1e-3, momentum=.9),
      schedule=schedules.forget_only(
          steps, batch_size, epochs=lengths.unless(steps, epochs, 20)))
