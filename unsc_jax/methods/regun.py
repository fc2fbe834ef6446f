"""ReGUn: the forgotten are answered as held-out examples of their labels are."""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import lengths
from unsc_jax.parts import objectives
from unsc_jax.parts import references
from unsc_jax.parts import schedules


def regun(
    optimizer: optax.GradientTransformation | None = None, *,
    retain_weight: float = .5, matched: bool = True, steps: int | None = None,
    epochs: float | None = None, batch_size: int = 32,
) -> problem_lib.Method:
  r"""Reference-guided unlearning: a forget batch learns the mean answer of the unseen.

  .. math:: L = (1 - \lambda) \, \mathrm{KL}(q(B_f) \,\|\, p_\theta)_{B_f}
    + \lambda \, \mathrm{CE}_{B_r}, \quad
    q(B_f) = \frac{1}{|B_f|} \sum_{(x, y) \in B_f} p_{\theta_0}(\cdot \mid u), \;
    u \sim H_y

  In every step a held-out example `u` of its label is drawn for every forget example,
  and all of the batch learn the mean of what the original network says of those. For
  single examples, whose method it is. Of whole classes held-out examples are known as
  such, so that these are ruled out of the answers, which is ours.

  Args:
    optimizer: any of Optax; SGD at 1e-2 with momentum .9.
    retain_weight: `lambda`, in [0, 1].
    matched: whether `u` has the label of its forget example; otherwise it is any of
      the held-out ones.
    steps: updates to make.
    epochs: instead, over the forget set; 30 if neither is given.
    batch_size: examples of each set a step.

  Returns:
    The method. Cost: `3 * epochs` passes over the forget set and over as many retained
    examples, and one over `problem.held_out`.

  Raises:
    ValueError: the weight is not in [0, 1]; when used: there are no held-out examples,
      or none of a label.

  Example:
    >>> method = regun(optax.sgd(.01, momentum=.9), epochs=10, batch_size=128)

  Source: ReGUn (arXiv 2603.11210), exact from code, whose loss is this one but for the
  entropy of `q`, which has no slope; its variants by nearest features and by mean logits
  are left out.
  """
  if not 0 <= retain_weight <= 1:
    raise ValueError(
        f'retain_weight is the weight of what remains, in [0, 1], not {retain_weight}.')
  return parts.compose(
      name='regun',
      objective=objectives.Objective(
          functools.partial(_Loss, retain_weight=retain_weight, matched=matched),
          given=_given),
      transform=optimizer or optax.sgd(1e-2, momentum=.9),
      schedule=schedules.beside_forget(
          steps, batch_size, epochs=lengths.unless(steps, epochs, 30)))


def _given(problem: problem_lib.Problem, key: jax.Array) -> tuple[references.Reference]:
  del key
  return (references.of(problem),)


@dataclasses.dataclass(frozen=True)
class _Loss:
  """The weighted sum of both terms."""
  fn: Callable
  retain_weight: float
  matched: bool

  def __call__(self, params: Any, batch: Any, key: jax.Array, reference: references.Reference
               ) -> tuple[jax.Array, Any]:
    forget, retain = batch
    labels = forget.y if forget.y.ndim == 1 else forget.y.argmax(-1)
    target = references.drawn(reference, labels, key, matched=self.matched)
    logits = self.fn(params, forget.x)
    unseen = objectives.cross_entropy(logits, jnp.broadcast_to(target, logits.shape))
    stay = objectives.cross_entropy(self.fn(params, retain.x), retain.y)
    weight = self.retain_weight
    return (1 - weight) * unseen + weight * stay, params
