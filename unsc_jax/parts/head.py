"""Where a network's head keeps what it knows of each class."""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import capture
from unsc_jax import paths
from unsc_jax import problem as problem_lib
from unsc_jax import programs
from unsc_jax.parts import answers
from unsc_jax.parts import passes
from unsc_jax.problem import trainable as trainable_lib


def site(problem: problem_lib.Problem) -> capture.Site:
  """The head's site: of the last dense layer that runs."""
  path = capture.head_path(problem.fn, problem.params, problem.forget.spread(1).x)
  return passes.sites(problem)[path]


def inputs(problem: problem_lib.Problem) -> Callable:
  """The network's features: what the head reads, `(params, x) -> [N, d]`."""
  return capture.layer_inputs(problem.fn, site(problem).path)


def parameters(problem: problem_lib.Problem) -> tuple[str, ...]:
  """The head's parameters: its kernel, and a bias beside it.

  Beside it can lie other leaves of one number a class, such as a hidden layer's bias in
  a flat dictionary. The head's own is told by its effect: see `_added`.
  """
  kernel = site(problem).path
  parent = kernel.rpartition('/')[0]
  beside = tuple(
      path for path, leaf in paths.leaf_paths(problem.params).items()
      if path.rpartition('/')[0] == parent and path != kernel
      and np.shape(leaf) == (problem.num_classes,) and trainable_lib.is_floating(leaf))
  return (kernel, *(_added(problem, kernel, beside) if beside else ()))


def _added(problem: problem_lib.Problem, kernel: str, beside: tuple[str, ...]
           ) -> tuple[str, ...]:
  r"""Those of some leaves `[C]` that are added to the logits as they are.

  .. math:: \frac{\partial f}{\partial b} = \frac{1}{T} I + \mathbf{1} a^\top
    \quad \text{whatever the kernel is}

  What all logits share says nothing: so it is also where the network gives the
  logarithms of probabilities, or divides by a temperature `T`. One backward pass of a
  combination whose weights sum to zero tells it, at a kernel whose numbers are made up:
  by the network's own a hidden bias could pass, as by the identity.
  """
  weights = np.sin(np.arange(1., 1 + problem.num_classes))
  weights -= weights.mean()
  found = jax.device_get(_pulled(
      programs.hashable(problem.fn), kernel, beside, problem.params,
      problem.forget.spread(1).x, weights.astype(np.float32)))
  weights /= np.linalg.norm(weights)

  def along(gradient):
    gradient = np.asarray(gradient, np.complex64)
    size = np.linalg.norm(gradient)
    return 0 < size < np.inf and np.abs(gradient / size - weights).max() < .01

  return tuple(path for path in beside if along(found[path]))


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _pulled(fn: Callable, kernel: str, beside: tuple[str, ...], params: Any, x: Any,
            weights: jax.Array) -> dict[str, jax.Array]:
  """The gradients of weighted logits by some leaves, with another kernel in the head."""
  def weighted(own):
    put = lambda path, leaf: own.get(paths.path_name(path), leaf)
    logits = fn(jax.tree_util.tree_map_with_path(put, params), x)
    return jnp.sum(logits.astype(jnp.float32) @ weights)

  leaves = paths.leaf_paths(params)
  made_up = _made_up(leaves[kernel])
  return jax.grad(lambda own: weighted({**own, kernel: made_up}))(
      {path: leaves[path] for path in beside})


def _made_up(kernel: jax.Array) -> jax.Array:
  """Numbers of no pattern in a kernel's place, about as large as fresh ones."""
  numbers = jnp.sin(jnp.arange(kernel.size, dtype=jnp.float32) ** 2)
  return (numbers * len(kernel) ** -.5).reshape(kernel.shape).astype(kernel.dtype)


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
      return np.zeros(np.shape(leaf), bool)
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
