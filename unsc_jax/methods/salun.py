"""SalUn: random labels for what to forget, in the weights it touches most."""

import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import schedules
from unsc_jax.parts import targets


def salun(
    optimizer: optax.GradientTransformation | None = None, *,
    share: float = .5, rounds: int = 10, published: bool = False,
    batch_size: int = 128,
) -> problem_lib.Method:
  r"""Saliency unlearning, with random labels.

  .. math:: \Delta\theta = m \odot \mathrm{opt}(m \odot g), \quad
    m_j = 1 \iff \Bigl|\sum_{D_f} \nabla_j \mathrm{CE}\Bigr|
    \text{ is among the largest } \alpha P

  Every round is an epoch over the relabelled forget set, then one over the
  retain set. For whole classes and for single examples, see `random_label`.

  Args:
    optimizer: any of Optax; SGD at 1e-2, momentum .9 and weight decay 5e-4.
    share: `alpha`, of all weights.
    rounds: epochs over both sets.
    published: labels from all classes that have examples, the true one included,
      drawn anew every round.
    batch_size: examples a step.

  Returns:
    The method. Cost: `3 * rounds` passes over both sets, and 3 over the forget
    set for the mask.

  Example:
    >>> method = salun(optax.sgd(.02, momentum=.9), share=.5, rounds=5)

  Source: SalUn (arXiv 2310.12508), exact from code with its later fix, by which
  momentum and weight decay leave masked weights alone. By default labels are
  drawn once.
  """
  once = schedules.alternating(rounds, batch_size=batch_size)

  def method(problem, key):
    return parts.compose(
        objective=objectives.objective(
            forget=objectives.cross_entropy, retain=objectives.cross_entropy,
            forget_target=None if published else targets.random_labels()),
        transform=optimizers.saliency(optimizer or optimizers.sgd(), share),
        schedule=schedules.drawing_labels(once, problem.classes)
        if published else once)(problem, key)
  return method
