"""Pooled networks are those that Flax's own pooling makes, also of odd sides."""

from flax import linen as nn
import jax
import numpy as np
import pytest

from unsc_jax import models


class Pooled(nn.Module):
  """SmallCNN by `nn.max_pool`."""

  @nn.compact
  def __call__(self, x):
    for i, features in enumerate((5, 3), 1):
      x = nn.relu(nn.Conv(features, (3, 3), padding=1, name=f'conv{i}')(x))
      x = nn.max_pool(x, (2, 2), strides=(2, 2))
    x = nn.relu(nn.Dense(4, name='fc1')(x.reshape(len(x), -1)))
    return nn.Dense(3, name='fc2')(x)


@pytest.mark.parametrize('side', [(8, 8), (9, 11)], ids=str)
def test_outputs_and_gradients_are_those_of_flax(side):
  x = np.random.default_rng(0).normal(size=(7, *side, 2)).astype(np.float32)
  ours, flax = models.SmallCNN(3, features=(5, 3), hidden=4), Pooled()
  params = jax.jit(flax.init)(jax.random.key(0), x)

  def of(network):
    def squares(params):
      y = network.apply(params, x)
      return (y**2).sum(), y
    return jax.jit(jax.grad(squares, has_aux=True))(params)

  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5),
               of(ours), of(flax))
