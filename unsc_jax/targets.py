"""What a forget example should say instead.

A target is a function `(problem, key) -> labels`: integers `[N]`, or the
probabilities of labels `[N, C]`, for the `N` examples of the forget set.
"""

from collections.abc import Callable
import functools

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import predict
from unsc_jax import problem as problem_lib

Target = Callable[[problem_lib.Problem, jax.Array], np.ndarray]


def pseudo_labels() -> Target:
  r"""The most likely class among those that remain.

  .. math:: \hat y(x) = \arg\max_{c \notin F} f_{\theta_0}(x)_c

  All forgotten classes are masked at once, so that with several of them no
  forget example is sent to another one. The labels are those of the original
  network and are found once, without augmentation.

  Returns:
    The target; integers.

  Raises:
    ValueError: when used: the request is not one of whole classes.

  Source: UNSC (IJCAI 2024), equation 13; `get_pseudo_label` of its code. Exact.
  """
  def target(problem, key):
    del key
    if not problem.forget_classes:
      raise ValueError(
          'pseudo-labels avoid the forgotten classes, and this request names '
          'none; set forget_classes, or use a target for single examples.')
    logits = predict.predict(
        problem.fn, problem.params, problem.forget.x, mesh=problem.mesh)
    masked = mask_classes(logits, problem.forget_classes)
    return np.asarray(masked.argmax(-1), np.int32)
  return target


def random_labels() -> Target:
  """A label drawn evenly from those that remain, fixed for every example.

  For whole classes: from the retained classes. For single examples: from all
  classes but the example's own.

  Returns:
    The target; integers.

  Source: Graves et al. (amnesiac unlearning), and UNSC's ablation. Exact.
  """
  def target(problem, key):
    n, labels = len(problem.forget), problem.forget.y
    if problem.forget_classes:
      choices = np.setdiff1d(np.arange(problem.num_classes), problem.forget_classes)
      return choices[np.asarray(jax.random.randint(key, (n,), 0, len(choices)))]
    shift = np.asarray(jax.random.randint(key, (n,), 1, problem.num_classes))
    return (labels + shift) % problem.num_classes
  return target


def mask_classes(logits: jax.Array, classes: tuple[int, ...]) -> jax.Array:
  """Logits `[N, C]` with those of some classes too low to win.

  Example:
    >>> print(mask_classes(jnp.array([[3., 1., 2.]]), (0,)).argmax())
    2
  """
  # Finite, so that no gradient or difference of it becomes NaN.
  return jnp.asarray(logits).at[:, jnp.array(classes, int)].set(-1e9)


@functools.lru_cache(maxsize=64)
def masked_fn(fn: Callable, classes: tuple[int, ...]) -> Callable:
  """A network that never says one of the classes; the same object each time."""
  return lambda params, x: mask_classes(fn(params, x), classes)
