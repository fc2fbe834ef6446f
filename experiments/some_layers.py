"""Methods on some of a network's layers, by the order in which they run."""

from collections.abc import Callable

import optax

from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax.parts import passes

Which = Callable[[list[str]], list[str]]  # of the paths of all layers, in their order


def below_the_head(layers: list[str]) -> list[str]:
  """All but the last."""
  return layers[:-1]


def last_four(layers: list[str]) -> list[str]:
  """Of an AllCNN's nine: from the second stride on."""
  return layers[-4:]


def on(which: Which, make: Callable[..., problem_lib.Method]) -> problem_lib.Method:
  """A method on some layers alone.

  Args:
    which: picks them.
    make: makes the method when it is told by `select` which sites are its own.

  Returns:
    The method.
  """
  def method(problem, key):
    chosen = which([*passes.sites(problem)])
    return make(select=passes.Among(tuple(chosen)))(problem, key)
  return method


def unsc_on_the_last_four(
    combine: null_space.Combine, optimizer: optax.GradientTransformation, *,
    steps: int | None = None, stop_below: float = .005,
) -> problem_lib.Method:
  """UNSC where what is early in a network, and serves all classes, stays as it is.

  Args:
    combine: from the moments of the retained classes to bases or gains.
    optimizer: any of Optax.
    steps: as in `methods.unsc`.
    stop_below: as in `methods.unsc`.

  Returns:
    The method.
  """
  return on(last_four, lambda select: methods.unsc(
      combine, optimizer, steps=steps, stop_below=stop_below, select=select))
