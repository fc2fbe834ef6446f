"""What a network says where some classes are ruled out.

An answer is a row of logits or probabilities `[N, C]`. A class is ruled out that is
to be forgotten, that an earlier request took, or that never had an example: of such
an answer `argmax` and `softmax` find the best and the shares of the rest.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.training import losses

# Finite, so that no gradient or difference of it becomes NaN.
_NEVER = -1e9


def mask_classes(logits: jax.typing.ArrayLike, classes: tuple[int, ...]) -> Any:
  """Logits `[N, C]` with those of some classes too low to win.

  Example:
    >>> print(mask_classes(jnp.array([[3., 1., 2.]]), (0,)).argmax())
    2
  """
  xp = np if isinstance(logits, np.ndarray) else jnp  # on the host nothing is compiled
  logits = xp.asarray(logits)
  never = np.asarray(max(_NEVER, float(jnp.finfo(logits.dtype).min) / 2), logits.dtype)
  return xp.where(np.isin(np.arange(logits.shape[-1]), classes)[None], never, logits)


def ruled_out(problem: problem_lib.Problem) -> tuple[int, ...]:
  """The classes that no forget example may be told to say."""
  return tuple(sorted({*range(problem.num_classes)} - {*problem.answers}))


def without_own(
    problem: problem_lib.Problem, logits: np.ndarray, *, alone: bool = False
) -> np.ndarray:
  """The forget examples' logits `[N, C]`, with what they are to forget ruled out.

  Args:
    problem: whose classes to forget are ruled out; for single examples the
      example's own class is.
    logits: of the forget set.
    alone: rules out an example's own class where whole classes go, too.

  Raises:
    ValueError: there is no other class.
  """
  if problem.forget_classes and not alone:
    return np.asarray(mask_classes(logits, ruled_out(problem)))
  check_another(problem)
  own = np.arange(logits.shape[-1]) == problem.forget.labels[:, None]
  return np.where(own, _NEVER, np.asarray(mask_classes(logits, problem.gone)))


def check_another(problem: problem_lib.Problem) -> None:
  """Raises if all examples are of one class, so that no other can be said."""
  if len(problem.classes) < 2:
    raise ValueError(
        'a wrong label needs another class, and all examples are of one; choose a '
        'method that names no label.')


def answers_of(problem: problem_lib.Problem, params: Any, x: Any) -> np.ndarray:
  """The probabilities `[N, C]` that the network gives with some parameters."""
  return softmax(training.answers(problem, params, x))


def of_present(problem: problem_lib.Problem, params: Any, x: Any) -> np.ndarray:
  """The same, shared out among the classes that have examples."""
  return softmax(mask_classes(training.answers(problem, params, x), problem.gone))


def softmax(logits: np.ndarray) -> np.ndarray:
  """The probabilities `[N, C]` that logits in host memory stand for.

  Example:
    >>> softmax(np.zeros((1, 2))).tolist()
    [[0.5, 0.5]]
  """
  from scipy import special  # takes half a second to import

  return special.softmax(logits.astype(np.result_type(logits, np.float32)), -1)


def held_out_of(problem: problem_lib.Problem) -> problem_lib.Examples:
  """The held-out examples, of every label that is to be forgotten.

  Raises:
    ValueError: there are none, or a label has none.
  """
  if problem.held_out is None:
    raise ValueError(
        'to forget single examples one must know how the network speaks of '
        'examples that it never saw; give the Problem some as held_out.')
  missing = np.setdiff1d(problem.forget.labels, problem.held_out.labels)
  if missing.size:
    raise ValueError(
        f'no held-out example has label {missing[0]}, which is among those to '
        'forget; add some to held_out.')
  return problem.held_out


@dataclasses.dataclass(frozen=True)
class AfterStep:
  """What a network says of examples that are moved up the slope of their loss."""
  fn: Callable
  bound: float

  def __call__(self, params: Any, batch: tuple[Any, jax.Array]) -> jax.Array:
    x, y = batch
    def step(x, slope):
      move = is_floating(x)
      return x + (self.bound * jnp.sign(slope)).astype(x.dtype) if move else x
    loss = lambda x: losses.cross_entropies(self.fn(params, x), y).sum()
    return self.fn(params, jax.tree.map(step, x, jax.grad(loss, allow_int=True)(x)))


def is_floating(leaf: Any) -> bool:
  return jnp.issubdtype(leaf.dtype, jnp.floating)


def means_of_shares(answers: np.ndarray, count: int) -> np.ndarray:
  """The means of `count` equal shares of sorted answers `[N, C]`.

  Where a share's end cuts an answer in two, it counts in both by its parts, so that the
  mean of all is kept.

  Example:
    >>> means_of_shares(np.array([[0.], [1.], [2.]]), 2).ravel().round(3).tolist()
    [0.333, 1.667]
  """
  sums = np.concatenate([
      np.zeros((1, answers.shape[1])), answers.cumsum(0, dtype=np.float64)])
  ends = np.linspace(0, len(answers), count + 1)
  at = np.minimum(ends.astype(int), len(answers) - 1)
  sums = sums[at] + (ends - at)[:, None] * answers[at]
  return (np.diff(sums, axis=0) * (count / len(answers))).astype(answers.dtype)
