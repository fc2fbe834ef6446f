"""Where a network's head keeps what it knows of each class."""

from collections.abc import Callable
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import capture
from unsc_jax import paths
from unsc_jax import problem as problem_lib
from unsc_jax.parts import answers
from unsc_jax.parts import passes


def site(problem: problem_lib.Problem) -> capture.Site:
  """The head's site: of the last dense layer that runs."""
  path = capture.head_path(problem.fn, problem.params, problem.forget.spread(1).x)
  return passes.sites(problem)[path]


def inputs(problem: problem_lib.Problem) -> Callable:
  """The network's features: what the head reads, `(params, x) -> [N, d]`."""
  return capture.layer_inputs(problem.fn, site(problem).path)


def parameters(problem: problem_lib.Problem) -> tuple[str, ...]:
  """The head's parameters: its kernel, and a bias beside it."""
  kernel = site(problem).path
  beside = lambda path: path.rpartition('/')[0] == kernel.rpartition('/')[0]
  return (kernel, *(
      path for path, leaf in paths.leaf_paths(problem.params).items()
      if beside(path) and path != kernel
      and leaf.shape == (problem.num_classes,)))


def of_classes(problem: problem_lib.Problem, classes: tuple[int, ...]) -> Any:
  """Marks the head's weights and biases of some classes.

  Returns:
    A pytree of booleans like the parameters.

  Raises:
    ValueError: the last layer does not give one output a class.
  """
  where = site(problem)
  if where.folded[2] != problem.num_classes or where.folded[0] != 1:
    raise ValueError(
        f'{where.path} gives {where.folded[2]} outputs where there are '
        f'{problem.num_classes} classes; the head has to be the last dense layer.')
  chosen = np.isin(np.arange(problem.num_classes), classes)
  own = parameters(problem)

  def mark(path, leaf):
    name = paths.path_name(path)
    if name not in own:
      return np.zeros(leaf.shape, bool)
    if name == where.path:
      return where.unfold(
          jnp.broadcast_to(chosen, where.folded), leaf.shape)
    return chosen
  return jax.tree_util.tree_map_with_path(mark, problem.params)


@dataclasses.dataclass(frozen=True)
class masked_fn:
  """A network that never says one of the classes."""
  fn: Callable
  classes: tuple[int, ...]

  def __call__(self, params: Any, x: jax.Array) -> jax.Array:
    return answers.mask_classes(self.fn(params, x), self.classes)
