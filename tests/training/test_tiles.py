"""The largest of every tile is what pooling makes it, and so is its gradient."""

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
from unsc_jax.training import tiles


@pytest.mark.parametrize('tile', [(1, 2, 3, 1), (1, 1, 6, 1), (2, 4, 2, 3)], ids=str)
def test_it_is_the_largest(tile):
  x = toys.normal(0, 2, 4, 6, 3)
  blocks = [x[i:i + tile[0], j:j + tile[1], k:k + tile[2], m:m + tile[3]].max()
            for i in range(0, 2, tile[0]) for j in range(0, 4, tile[1])
            for k in range(0, 6, tile[2]) for m in range(0, 3, tile[3])]
  np.testing.assert_array_equal(tiles.largest(x, tile).ravel(), blocks)


def test_its_gradient_is_that_of_pooling_and_counts_nothing():
  """That of `reduce_max` divides by how many are the largest, see `largest`."""
  x = toys.normal(0, 2, 4, 6, 3)
  ours = jax.grad(lambda x: jnp.sum(tiles.largest(x, (1, 2, 3, 1))**2))
  pooled = jax.grad(lambda x: jnp.sum(nn.max_pool(x, (2, 3), (2, 3))**2))
  plain = jax.grad(lambda x: jnp.sum(x.reshape(2, 2, 2, 2, 3, 3).max((2, 4))**2))
  np.testing.assert_allclose(jax.jit(ours)(x), jax.jit(pooled)(x), rtol=1e-6)
  counts = lambda fn: 'reduce_max' in str(jax.make_jaxpr(fn)(x))
  assert not counts(ours)
  assert counts(plain)
