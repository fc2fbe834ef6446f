"""Methods on some of a network's layers, by the order in which they run."""

from collections.abc import Callable

import optax

from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax.parts import passes

BELOW_THE_HEAD = slice(-1)
LAST_FOUR = slice(-4, None)  # of an AllCNN's nine: from the second stride on


def on(which: slice, make: Callable[..., problem_lib.Method]) -> problem_lib.Method:
  """A method on some layers alone.

  Args:
    which: of the layers, in their order.
    make: makes the method when it is told by `select` which sites are its own.

  Returns:
    The method.
  """
  def method(problem, key):
    chosen = frozenset([*passes.sites(problem)][which])
    return make(select=lambda site: site.path in chosen)(problem, key)
  return method


def unsc_on_the_last_four(
    combine: null_space.Combine, optimizer: optax.GradientTransformation, *,
    stop_below: float = .005,
) -> problem_lib.Method:
  """UNSC where what is early in a network, and serves all classes, stays as it is.

  Args:
    combine: from the moments of the retained classes to bases or gains.
    optimizer: any of Optax.
    stop_below: as in `methods.unsc`.

  Returns:
    The method.
  """
  return on(LAST_FOUR, lambda select: methods.unsc(
      combine, optimizer, stop_below=stop_below, select=select))
