"""OrthoGrad: climbs where no retained example of the batch feels it."""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import leaves as leaves_lib
from unsc_jax.parts import lengths
from unsc_jax.parts import objectives
from unsc_jax.parts import orthogonal
from unsc_jax.parts import schedules
from unsc_jax.parts import stopping
from unsc_jax.parts import targets


def orthograd(
    optimizer: optax.GradientTransformation | None = None, *,
    alpha: float = .5, published: bool = False, steps: int | None = None,
    epochs: float | None = None, batch_size: int = 32, retain_batch_size: int = 32,
    stop_below: float = .01,
) -> problem_lib.Method:
  r"""Per-sample gradient orthogonalisation.

  .. math:: g = \alpha \, \bar g_r - (1 - \alpha) (g_f - Q Q^\top g_f), \quad
    \mathrm{span}\, Q = \mathrm{span} \{ \nabla \mathrm{CE}(f_\theta(x_i), y_i) :
    i \in B_r \}

  In every step the forget batch's gradient is freed of what lies in the span of the
  gradients of single retained examples, `\bar g_r` their mean; then it climbs along what
  is left. UNSC does so with inputs of layers, of all retained examples, and once. For
  whole classes and for single examples.

  Args:
    optimizer: any of Optax; SGD at .05 down gradients clipped to a norm of 1, which
      keeps right angles, as an adaptive one does not.
    alpha: weight of what remains, in [0, 1].
    published: right angles parameter by parameter, as the code has them: what has no
      more entries than there are retained examples, such as a bias, then hardly moves.
    steps: updates to make at most.
    epochs: instead, over the forget set; 30 if neither is given.
    batch_size: forget examples a step.
    retain_batch_size: retained examples a step, whose gradients are held in memory.
    stop_below: mean probability of the forget examples' labels under which to stop; of
      single examples that of held-out ones, where there are some. Negative to make all
      steps.

  Returns:
    The method. Cost: `3 * epochs` passes over the forget set and over the retained
    batches, example by example, and a Gram-Schmidt of `retain_batch_size` gradients a step.

  Raises:
    ValueError: alpha is not in [0, 1].

  Example:
    >>> method = orthograd(optax.sgd(.05), alpha=.5, retain_batch_size=16)

  Source: OrthoGrad (arXiv 2503.02312), exact from code with `published`, without its
  variant that turns gradients into Adam's steps first; the default is its equation.
  """
  if not 0 <= alpha <= 1:
    raise ValueError(f'alpha is the weight of what remains, in [0, 1], not {alpha}.')

  def method(problem, key):
    return parts.compose(
        objective=objectives.Objective(
            functools.partial(_Loss, trainable=problem.trainable, alpha=alpha,
                              by_leaf=published), forget=targets.not_to_say()),
        transform=optimizer or _clipped(),
        schedule=schedules.beside_forget(
            steps, batch_size, retain_batch_size,
            epochs=lengths.unless(steps, epochs, 30)),
        watch=stopping.until_forgotten(stop_below, or_never=True))(problem, key)
  return method


def _clipped() -> optax.GradientTransformation:
  return optax.chain(optax.clip_by_global_norm(1.), optax.sgd(.05))


@dataclasses.dataclass(frozen=True)
class _Loss:
  """The weighted difference of both errors, with the gradient of the equation."""
  fn: Callable
  trainable: Callable[[str], bool]
  alpha: float
  by_leaf: bool

  def __call__(self, params: Any, batch: Any, key: jax.Array) -> tuple[jax.Array, Any]:
    del key
    forget, retain = batch
    leaves, alpha = leaves_lib.of(params, self.trainable), self.alpha
    here = jax.lax.stop_gradient(leaves)
    error = lambda leaves, examples: objectives.cross_entropy(
        self.fn(leaves_lib.put(params, leaves), examples.x), examples.y)
    climbed, slope = jax.value_and_grad(error)(here, forget)
    rows = orthogonal.gradients(error, here, retain)
    free = orthogonal.to_rows(slope, rows, by_leaf=self.by_leaf)
    gradient = jax.tree.map(
        lambda row, g: alpha * row.mean(0, dtype=jnp.float32) - (1 - alpha) * g, rows, free)
    value = alpha * error(here, retain) - (1 - alpha) * climbed
    return leaves_lib.having(value, leaves, gradient), params
