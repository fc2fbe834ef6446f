"""VGG-11 (Simonyan and Zisserman, 2015) with BatchNorm, for 32x32 images."""

from flax import linen as nn
import jax
import jax.numpy as jnp

from unsc_jax.models import image_size

_STAGES = ((64,), (128,), (256, 256), (512, 512), (512, 512))


class VGG11(nn.Module):
  """Eight convolutions in five pooled stages, three dense layers, all biased.

  28,149,514 parameters for ten classes and 32x32 colour images.
  """
  num_classes: int = 10
  dropout: float = .5

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    image_size.check(x, 32, 'VGG11')
    i = 0
    for stage in _STAGES:
      for features in stage:
        i += 1
        x = nn.Conv(features, (3, 3), padding=1, name=f'conv{i}')(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=.9,
                         name=f'bn{i}')(x)
        x = nn.relu(x)
      x = nn.max_pool(x, (2, 2), strides=(2, 2))
    x = jnp.reshape(x, (x.shape[0], -1))
    for name in ('fc1', 'fc2'):
      x = nn.relu(nn.Dense(4096, name=name)(x))
      x = nn.Dropout(self.dropout, deterministic=not train)(x)
    return nn.Dense(self.num_classes, name='fc3')(x)
