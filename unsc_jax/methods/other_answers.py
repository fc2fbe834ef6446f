"""Other answers for what is to be forgotten: other labels, and other teachers."""

from typing import NamedTuple

import numpy as np
import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import objectives
from unsc_jax.parts import schedules
from unsc_jax.parts import targets


def random_label(
    optimizer: optax.GradientTransformation | None = None, *,
    retain: bool = True, steps: int = 200, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Teaches a wrong label, drawn at random, beside the retained data.

  .. math:: \min_\theta \mathrm{CE}(f_\theta(x), \tilde y), \quad
    (x, \tilde y) \in \tilde D_f \cup D_r

  For whole classes the label is one that remains. For single examples it is any
  other class, which a retrained network would not say: it answers unseen
  examples mostly correctly, so expect over-unlearning.

  Args:
    optimizer: any of Optax; Adam at 1e-4.
    retain: whether the retained data take part; UNSC's tables leave them out.
    steps: updates to make.
    batch_size: examples of both sets a step.

  Returns:
    The method. Cost: `3 * steps * batch_size` passes, over the sets in
    proportion to their sizes, or over the forget set alone.

  Example:
    >>> method = random_label(optax.adam(1e-3), steps=150)
    >>> forget_data_alone = random_label(retain=False, steps=50)

  Source: amnesiac unlearning, in its version for classes (SSD's code); exact.
  """
  schedule = schedules.mixed if retain else schedules.forget_only
  return parts.compose(
      objective=objectives.objective(
          forget=objectives.cross_entropy,
          retain=objectives.cross_entropy if retain else None,
          forget_target=targets.random_labels(), per_example=True),
      transform=optimizer or optax.adam(1e-4),
      schedule=schedule(steps, batch_size))


def boundary_shrink(
    optimizer: optax.GradientTransformation | None = None, *,
    bound: float = .1, published: bool = False, steps: int = 100,
    batch_size: int = 64,
) -> problem_lib.Method:
  r"""Teaches the class across the nearest decision boundary.

  .. math:: \min_\theta \mathrm{CE}(f_\theta(x), \hat y), \quad
    \hat y = \arg\max_{c \notin F} f_{\theta_0}(x + \epsilon \,
    \mathrm{sign} \nabla_x \mathrm{CE}(f_{\theta_0}(x), y)), \; x \in D_f

  For whole classes and for single examples.

  Args:
    optimizer: any of Optax; SGD at 1e-3, momentum .9 (published: 1e-5).
    bound: `epsilon`, in the units of the network's inputs.
    published: lets an example that the step does not carry across the boundary
      keep its label, as the code does.
    steps: updates to make.
    batch_size: forget examples a step.

  Returns:
    The method. Cost: `3 * steps * batch_size` passes over the forget set and 4
    more for the labels; retained data are not touched.

  Example:
    >>> method = boundary_shrink(optax.sgd(.001, momentum=.9), bound=.1, steps=40)

  Source: Boundary Unlearning (arXiv 2303.11570), exact from its code but for
  clipping to the range of pixels.
  """
  return parts.compose(
      objective=objectives.objective(
          forget=objectives.cross_entropy,
          forget_target=targets.boundary_labels(bound, published=published)),
      transform=optimizer or optax.sgd(1e-3, momentum=.9),
      schedule=schedules.forget_only(steps, batch_size))


def bad_teacher(
    optimizer: optax.GradientTransformation | None = None, *,
    retain_share: float = .3, published: bool = False, steps: int = 200,
    batch_size: int = 256,
) -> problem_lib.Method:
  r"""Distils a random network on forget, and the original on retain examples.

  .. math:: \min_\theta \sum_{x \in D_f} \mathrm{KL}(p_{novice}(x) \,\|\,
    p_\theta(x)) + \sum_{x \in D_r'} \mathrm{KL}(p_{\theta_0}(x) \,\|\, p_\theta(x))

  For whole classes and for single examples; a random network's answer is not
  what a retrained one would say of either.

  Args:
    optimizer: any of Optax; Adam at 1e-4.
    retain_share: the part of the retain set that is used, drawn at random.
    published: divides the loss by the number of classes too, as PyTorch's
      default reduction does; it matters to SGD, not to Adam.
    steps: updates to make.
    batch_size: examples of both sets a step.

  Returns:
    The method. Cost: `3 * steps * batch_size` passes and one over each set for
    the targets. It needs `Network.init`.

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
      objective=objectives.objective(
          forget=term, retain=term, per_example=True,
          forget_target=targets.novice_logits(),
          retain_target=targets.teacher_logits(of_retain=True)),
      transform=optimizer or optax.adam(1e-4),
      schedule=schedules.of_part(schedules.mixed(steps, batch_size), retain_share))


def delete(
    optimizer: optax.GradientTransformation | None = None, *,
    published: bool = False, steps: int = 100, batch_size: int = 128,
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
    batch_size: forget examples a step.

  Returns:
    The method. Cost: `(1 + 3 * steps * batch_size / |D_f|) |D_f|` passes over the
    forget set; retained data are not touched.

  Example:
    >>> method = delete(optax.sgd(.003, momentum=.9), steps=40)

  Source: DELETE (arXiv 2503.23751), exact from its code for one class.
  """
  return parts.compose(
      objective=objectives.objective(
          forget=objectives.distillation(),
          forget_target=targets.other_logits(published=published)),
      transform=optimizer or optax.sgd(1e-3, momentum=.9),
      schedule=schedules.forget_only(steps, batch_size))


class Taught(NamedTuple):
  """A retain example's label `[N]` and what the teacher says `[N, C]`."""
  label: np.ndarray
  logits: np.ndarray


def scrub(
    optimizer: optax.GradientTransformation | None = None, *,
    temperature: float = 4., gamma: float = .99, alpha: float = .001,
    rounds: int = 3, forget_rounds: int = 2, batch_size: int = 32,
    retain_batch_size: int = 128,
) -> problem_lib.Method:
  r"""Alternates epochs that leave the teacher and epochs that stay with it.

  .. math:: \max_\theta \mathrm{KL}_T(p_{\theta_0} \,\|\, p_\theta)_{D_f}
    \quad \text{and} \quad \min_\theta \gamma \, \mathrm{CE}_{D_r} +
    \alpha \, \mathrm{KL}_T(p_{\theta_0} \,\|\, p_\theta)_{D_r}

  with :math:`\mathrm{KL}_T = T^2 \mathrm{KL}` at temperature `T`. For whole
  classes and for single examples. Rewinding (SCRUB+R) is left to the caller.

  Args:
    optimizer: any of Optax, one for both; SGD at 5e-4, momentum .9 and weight
      decay 5e-4. Its state carries over from epoch to epoch.
    temperature: `T`.
    gamma: weight of the labels on retain batches.
    alpha: weight of the teacher on retain batches.
    rounds: epochs over the retain set.
    forget_rounds: epochs over the forget set, one before each of the first.
    batch_size: forget examples a step.
    retain_batch_size: retain examples a step.

  Returns:
    The method. Cost: `3 * rounds` passes over the retain set, `3 *
    forget_rounds` over the forget set, and one over each for the teacher, whose
    logits are kept.

  Example:
    >>> method = scrub(optax.sgd(.005, momentum=.9), rounds=6, forget_rounds=2)

  Source: SCRUB (arXiv 2302.09880), exact from code (large scale; the small one
  has Adam 5e-4, T=2, gamma 1, alpha .5, 10 and 3 epochs).
  """
  distillation = objectives.distillation(temperature)

  def taught(problem, key):
    return Taught(
        problem.retain.y, targets.teacher_logits(of_retain=True)(problem, key))

  def stay(logits, y):
    return (gamma * objectives.cross_entropy(logits, y.label)
            + alpha * distillation(logits, y.logits))

  return parts.compose(
      objective=objectives.objective(
          forget=objectives.scaled(distillation, -1.), retain=stay,
          forget_target=targets.teacher_logits(), retain_target=taught),
      transform=optimizer or optax.chain(
          optax.add_decayed_weights(5e-4), optax.sgd(5e-4, momentum=.9)),
      schedule=schedules.alternating(
          rounds, forget_rounds=forget_rounds, batch_size=batch_size,
          retain_batch_size=retain_batch_size))
