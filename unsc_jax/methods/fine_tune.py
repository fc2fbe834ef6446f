"""Fine-tuning on what remains, and hoping for the best."""


import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import lengths
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import schedules


def fine_tune(
    optimizer: optax.GradientTransformation | None = None, *,
    steps: int | None = None, epochs: float | None = None,
    batch_size: int = 128,
) -> problem_lib.Method:
  r"""Trains on with the retained data alone.

  .. math:: \min_\theta \mathrm{CE}(f_\theta(x), y), \quad (x, y) \in D_r

  Forgetting happens by chance: a loss that is zero already moves nothing. For
  whole classes and for single examples.

  Args:
    optimizer: any of Optax; SGD at 1e-2, momentum .9 and weight decay 5e-4.
    steps: updates to make.
    epochs: instead, over the retained data; 10 if neither is given.
    batch_size: retain examples a step.

  Returns:
    The method. Cost: `3 * epochs` passes over the retained data; the
    forget set is not touched.

  Example:
    >>> method = fine_tune(optax.sgd(.01, momentum=.9), steps=100)

  Source: FT of the field's tables, exact from SalUn's code (10 epochs) but for
  dropout and running statistics, which are at rest here.
  """
  return parts.compose(
      name='fine_tune',
      objective=objectives.objective(retain=objectives.cross_entropy),
      transform=optimizer or optimizers.sgd(),
      schedule=schedules.retain_only(
          steps, batch_size, epochs=lengths.unless(steps, epochs, 10)))
