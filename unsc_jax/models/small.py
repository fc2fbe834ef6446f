"""Two small networks that train on a CPU in seconds.

Neither drops nor normalises, so that `train` changes nothing.
"""

from collections.abc import Sequence

from flax import linen as nn
import jax
import jax.numpy as jnp

from unsc_jax.models import image_size


class SmallCNN(nn.Module):
  """Two 3x3 convolutions that halve the image and two dense layers, for 8x8 to 32x32."""
  num_classes: int = 10
  features: Sequence[int] = (32, 64)  # of the convolutions
  hidden: int = 128
  pool: bool = True  # or strided convolutions, which CPUs train several times as fast

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    del train
    strides = 1 if self.pool else 2
    image_size.check(x, 2**len(self.features), 'SmallCNN')
    for i, features in enumerate(self.features, 1):
      x = nn.relu(nn.Conv(features, (3, 3), strides, padding=1, name=f'conv{i}')(x))
      if self.pool:
        x = nn.max_pool(x, (2, 2), strides=(2, 2))
    x = jnp.reshape(x, (x.shape[0], -1))
    x = nn.relu(nn.Dense(self.hidden, name='fc1')(x))
    return nn.Dense(self.num_classes, name='fc2')(x)


class MLP(nn.Module):
  """Dense layers with a ReLU between them, on the flattened input."""
  num_classes: int = 10
  hidden: Sequence[int] = (128, 128)

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    del train
    x = jnp.reshape(x, (x.shape[0], -1))
    for i, features in enumerate(self.hidden, 1):
      x = nn.relu(nn.Dense(features, name=f'fc{i}')(x))
    return nn.Dense(self.num_classes, name=f'fc{len(self.hidden) + 1}')(x)
