"""The largest entry of every tile of an array."""

from collections.abc import Sequence
import functools

import jax
import jax.numpy as jnp


def largest(x: jax.Array, tile: Sequence[int]) -> jax.Array:
  """The largest entries of tiles that lie side by side and cover everything.

  One `jnp.maximum` after the other. The gradient of `x.max(axes)` divides by how many
  entries are equal to the largest, and XLA may compute `x` anew for that, rounded
  otherwise: then none is, and 0 / 0 ends a training. That of `nn.max_pool` takes a CPU
  five times as long.

  Args:
    x: array.
    tile: size of a tile along every axis, a divisor of the array's.

  Returns:
    An array with one entry for each tile. Of two equal entries each has half of the
    gradient.

  Example:
    >>> largest(jnp.arange(12).reshape(2, 6), (2, 3)).tolist()
    [[8, 11]]
  """
  x = x.reshape([n for size, of in zip(x.shape, tile, strict=True) for n in (size // of, of)])
  for axis in reversed(range(len(tile))):
    x = functools.reduce(jnp.maximum, jnp.unstack(x, axis=2 * axis + 1))
  return x
