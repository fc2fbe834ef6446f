"""Which leaves can be trained: floating ones, that the network does not withhold.

Counters, indices, quantised weights and random keys have no gradient. They stay in the
parameters, where a network finds them, and an optimiser is given the others alone.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from unsc_jax import paths


def is_floating(leaf: Any) -> bool:
  """Whether a leaf holds real or complex numbers, so that it has a gradient."""
  dtype = leaf.dtype if hasattr(leaf, 'dtype') else jnp.result_type(leaf)
  return jnp.issubdtype(dtype, jnp.inexact)


def floats(params: Any) -> Any:
  """The floating leaves, with None in the place of the others.

  Example:
    >>> print(floats({'w': jnp.ones(1), 'steps': jnp.arange(1)}))
    {'steps': None, 'w': Array([1.], dtype=float32)}
  """
  return jax.tree.map(lambda leaf: leaf if is_floating(leaf) else None, params)


def merged(floating: Any, params: Any) -> Any:
  """Parameters with other floating leaves: what `floats` takes apart put together.

  Example:
    >>> params = {'w': jnp.ones(1), 'steps': jnp.arange(1)}
    >>> print(merged({'w': 2., 'steps': None}, params)['w'])
    2.0
  """
  return jax.tree.map(
      lambda leaf, new: new if is_floating(leaf) else leaf, params, floating)


def value_and_grad(loss: Callable, has_aux: bool = False) -> Callable:
  """As `jax.value_and_grad`, with the gradient of the floating leaves alone.

  Example:
    >>> loss = lambda params: params['w'] * params['steps']
    >>> value_and_grad(loss)({'w': 2., 'steps': 3})[1]
    {'steps': None, 'w': Array(3., dtype=float32, weak_type=True)}
  """
  def differentiated(params, *args):
    of_floats = lambda floating: loss(merged(floating, params), *args)
    return jax.value_and_grad(of_floats, has_aux=has_aux)(floats(params))
  return differentiated


@dataclasses.dataclass(frozen=True)
class Among:
  """Whether a path is one of these."""
  names: frozenset[str]

  def __call__(self, path: str) -> bool:
    return path in self.names


def of(trainable: Callable[[str], bool], params: Any) -> Among:
  """The floating leaves whose path is trainable.

  Example:
    >>> params = {'w': jnp.ones(1), 'mean': jnp.ones(1), 'steps': jnp.arange(1)}
    >>> may = of(lambda path: path != 'mean', params)
    >>> [path for path in params if may(path)]
    ['w']
  """
  return Among(frozenset(
      path for path, leaf in paths.leaf_paths(params).items()
      if is_floating(leaf) and trainable(path)))
