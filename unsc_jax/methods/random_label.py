"""Other labels for what is to be forgotten: at random, or across the boundary."""


import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import lengths
from unsc_jax.parts import objectives
from unsc_jax.parts import schedules
from unsc_jax.parts import targets


def random_label(
    optimizer: optax.GradientTransformation | None = None, *,
    retain: bool = True, steps: int | None = None,
    epochs: float | None = None, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Teaches a wrong label, drawn at random, beside the retained data.

  .. math:: \min_\theta \mathrm{CE}(f_\theta(x), \tilde y), \quad
    (x, \tilde y) \in \tilde D_f \cup D_r

  For whole classes the label is one that remains. For single examples it is any
  other class, which a retrained network would not say: it answers unseen
  examples mostly correctly, so expect over-unlearning.

  Args:
    optimizer: any of Optax; Adam at 1e-3 (published: 1e-4, for three epochs).
    retain: whether the retained data take part; UNSC's tables leave them out.
    steps: updates to make.
    epochs: instead, over both sets or the forget set alone; 10 if neither is given.
    batch_size: examples of both sets a step.

  Returns:
    The method. Cost: `3 * epochs` passes over both sets, or over the forget set
    alone.

  Example:
    >>> method = random_label(optax.adam(1e-3), steps=150)
    >>> forget_data_alone = random_label(retain=False, steps=50)

  Source: amnesiac unlearning, in its version for classes (SSD's code); exact.
  """
  schedule = schedules.mixed if retain else schedules.forget_only
  return parts.compose(
      name='random_label',
      objective=objectives.objective(
          forget=objectives.cross_entropy,
          retain=objectives.cross_entropy if retain else None,
          forget_target=targets.random_labels(), per_example=True),
      transform=optimizer or optax.adam(1e-3),
      schedule=schedule(steps, batch_size, epochs=lengths.unless(steps, epochs, 10)))


def boundary_shrink(
    optimizer: optax.GradientTransformation | None = None, *,
    bound: float = .1, published: bool = False, steps: int | None = None,
    epochs: float | None = None, batch_size: int = 64,
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
    epochs: instead, over the forget set; 10 if neither is given.
    batch_size: forget examples a step.

  Returns:
    The method. Cost: `3 * epochs` passes over the forget set and 4
    more for the labels; retained data are not touched.

  Example:
    >>> method = boundary_shrink(optax.sgd(.001, momentum=.9), bound=.1, steps=40)

  Source: Boundary Unlearning (arXiv 2303.11570), exact from its code but for
  clipping to the range of pixels.
  """
  return parts.compose(
      name='boundary_shrink',
      objective=objectives.objective(
          forget=objectives.cross_entropy,
          forget_target=targets.boundary_labels(bound, published=published)),
      transform=optimizer or optax.sgd(1e-3, momentum=.9),
      schedule=schedules.forget_only(
          steps, batch_size, epochs=lengths.unless(steps, epochs, 10)))
