"""Gradient ascent on what is to be forgotten, alone or beside what remains."""

import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import lengths
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import schedules
from unsc_jax.parts import stopping
from unsc_jax.parts import targets


def gradient_ascent(
    optimizer: optax.GradientTransformation | None = None, *,
    steps: int | None = None, epochs: float | None = None, batch_size: int = 128,
    stop_below: float = .05,
) -> problem_lib.Method:
  r"""Climbs the loss of the forget set.

  .. math:: \max_\theta \mathrm{CE}(f_\theta(x), y), \quad (x, y) \in D_f

  The loss has no bound, so that going on breaks the network: it stops once the labels
  are hardly probable. For whole classes and for single examples.

  Args:
    optimizer: any of Optax; SGD at 1e-2 down gradients clipped to a norm of 1.
    steps: updates to make at most.
    epochs: instead, over the forget set; 100 if neither is given.
    batch_size: forget examples a step.
    stop_below: mean probability of the forget examples' labels under which to stop; of
      single examples that of held-out ones, where there are some. Negative to make all
      steps.

  Returns:
    The method. Cost: `3 * epochs` passes over the forget set;
    retained data are not touched.

  Example:
    >>> careful = optax.chain(optax.clip_by_global_norm(1.), optax.sgd(.01))
    >>> method = gradient_ascent(careful, steps=20)

  Source: GA, or NegGrad, of the field's tables; exact from SalUn's code.
  """
  return parts.compose(
      name='gradient_ascent',
      objective=objectives.objective(
          forget=objectives.scaled(objectives.cross_entropy, -1.),
          forget_target=targets.not_to_say()),
      transform=optimizer or optax.chain(
          optax.clip_by_global_norm(1.), optax.sgd(1e-2)),
      schedule=schedules.forget_only(
          steps, batch_size, epochs=lengths.unless(steps, epochs, 100)),
      watch=stopping.until_forgotten(stop_below, or_never=True))


def neggrad_plus(
    optimizer: optax.GradientTransformation | None = None, *,
    alpha: float = .95, steps: int | None = None,
    epochs: float | None = None, batch_size: int = 128, stop_below: float = .01,
) -> problem_lib.Method:
  r"""NegGrad+: descends on retain and climbs on forget batches at once.

  .. math:: \min_\theta \alpha \, \mathrm{CE}_{D_r} - (1 - \alpha) \,
    \mathrm{CE}_{D_f}

  For whole classes and for single examples.

  Args:
    optimizer: any of Optax; SGD at 1e-2, momentum .9 and weight decay 5e-4.
    alpha: weight of what remains, in [0, 1]; .95 to .9999 is published.
    steps: updates to make at most.
    epochs: instead, over the retained data; 5 if neither is given.
    batch_size: examples of each set a step.
    stop_below: as for `gradient_ascent`.

  Returns:
    The method. Cost: `3 * epochs` passes over the retained data, and as many
    over forget examples.

  Raises:
    ValueError: alpha is not in [0, 1].

  Example:
    >>> method = neggrad_plus(optax.sgd(.01, momentum=.9), alpha=.95, steps=60)

  Source: NegGrad+ of SCRUB (arXiv 2302.09880), exact from code: `zip(retain,
  cycle(forget))`.
  """
  if not 0 <= alpha <= 1:
    raise ValueError(
        f'alpha is the weight of what remains, in [0, 1], not {alpha}.')
  return parts.compose(
      name='neggrad_plus',
      objective=objectives.objective(
          forget=objectives.scaled(objectives.cross_entropy, alpha - 1),
          retain=objectives.scaled(objectives.cross_entropy, alpha),
          forget_target=targets.not_to_say()),
      transform=optimizer or optimizers.sgd(),
      schedule=schedules.paired(
          steps, batch_size, epochs=lengths.unless(steps, epochs, 5)),
      watch=stopping.until_forgotten(stop_below, or_never=True))
