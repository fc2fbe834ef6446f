"""The leaves that may move, apart from those that may not.

A loss that looks at its own gradients needs them alone: what no optimiser touches,
such as running statistics, has a gradient as well, and would have a say in norms and
in what is orthogonal to what.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from unsc_jax import paths


def of(params: Any, trainable: Callable[[str], bool]) -> dict[str, jax.Array]:
  """Path to leaf, of those that may move; see `Problem.trainable`."""
  return {path: leaf for path, leaf in paths.leaf_paths(params).items()
          if trainable(path)}


def put(params: Any, leaves: Mapping[str, jax.Array]) -> Any:
  """The parameters with other leaves at some paths.

  Example:
    >>> params = {'mean': jnp.zeros(1), 'w': jnp.ones(1)}
    >>> some = of(params, lambda path: path == 'w')
    >>> print(put(params, {path: 2 * leaf for path, leaf in some.items()}))
    {'mean': Array([0.], dtype=float32), 'w': Array([2.], dtype=float32)}
  """
  return jax.tree_util.tree_map_with_path(
      lambda path, leaf: leaves.get(paths.path_name(path), leaf), params)


def having(value: jax.Array, leaves: Any, gradient: Any) -> jax.Array:
  """A loss with a value and a gradient that one chooses.

  It is written as a loss, since a training loop takes the gradient before any optimiser
  sees it: linear in the leaves, with that slope, and zero besides the value.

  Args:
    value: scalar, of which no gradient is taken.
    leaves: pytree of arrays, of which the gradient is to be.
    gradient: like it.

  Example:
    >>> loss = lambda w: having(jnp.float32(7.), w, jnp.array([1., 2.]))
    >>> print(*jax.value_and_grad(loss)(jnp.zeros(2)))
    7.0 [1. 2.]
  """
  moved = jax.tree.map(lambda w: w - jax.lax.stop_gradient(w), leaves)
  slope = jax.lax.stop_gradient(jax.tree.map(
      lambda w, g: g.astype(w.dtype), leaves, gradient))
  return jax.lax.stop_gradient(value) + dot(slope, moved)


def dot(a: Any, b: Any) -> jax.Array:
  """The inner product of two pytrees, float32 at least.

  Example:
    >>> print(dot({'w': jnp.ones(2), 'b': jnp.ones(1)}, {'w': jnp.ones(2), 'b': jnp.ones(1)}))
    3.0
  """
  return jax.tree.reduce(jnp.add, jax.tree.map(
      lambda x, y: jnp.vdot(x, y, precision=jax.lax.Precision.HIGHEST,
                            preferred_element_type=jnp.float32), a, b))
