"""Bad Teacher: a novice teaches what to forget, the original what to keep."""


import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import lengths
from unsc_jax.parts import objectives
from unsc_jax.parts import schedules
from unsc_jax.parts import targets


def bad_teacher(
    optimizer: optax.GradientTransformation | None = None, *,
    retain_share: float = .3, published: bool = False, steps: int | None = None,
    epochs: float | None = None, batch_size: int = 256,
) -> problem_lib.Method:
  r"""Distils a random network on forget, and the original on retain examples.

  .. math:: \min_\theta \sum_{x \in D_f} \mathrm{KL}(p_{novice}(x) \,\|\,
    p_\theta(x)) + \sum_{x \in D_r'} \mathrm{KL}(p_{\theta_0}(x) \,\|\, p_\theta(x))

  For whole classes and for single examples; a random network's answer is not
  what a retrained one would say of either.

  Args:
    optimizer: any of Optax; Adam at 1e-3 (published: 1e-4, for one epoch).
    retain_share: the part of the retain set that is used, drawn at random.
    published: divides the loss by the number of classes too, as PyTorch's
      default reduction does; it matters to SGD, not to Adam.
    steps: updates to make.
    epochs: instead, over the part and the forget set; 10 if neither is given.
    batch_size: examples of both sets a step.

  Returns:
    The method. Cost: `3 * epochs` passes over the part and the forget set, and one
    over both for the targets. It needs `Network.init`.

  Raises:
    ValueError: the share is not in (0, 1].

  Example:
    >>> method = bad_teacher(optax.adam(1e-4), retain_share=.3, steps=100)

  Source: Chundawat et al. (arXiv 2205.08096), exact from code at temperature 1.
  """
  if not 0 < retain_share <= 1:
    raise ValueError(
        f'retain_share is a part of the retain set in (0, 1], not {retain_share}.')

  def term(logits, y):
    value = objectives.distillation()(logits, y)
    return value / logits.shape[-1] if published else value

  return parts.compose(
      name='bad_teacher',
      objective=objectives.objective(
          forget=term, retain=term, per_example=True,
          forget_target=targets.novice_logits(),
          retain_target=targets.teacher_logits(of_retain=True)),
      transform=optimizer or optax.adam(1e-3),
      schedule=schedules.of_part(schedules.mixed(
          steps, batch_size, epochs=lengths.unless(steps, epochs, 10)), retain_share))
