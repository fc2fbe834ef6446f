"""ResNets (He et al., 2016): 18 with the small stem for 32x32 images, 50 for ImageNet.

The stride of a ResNet-50's block is on its 3x3 convolution, as in torchvision ("v1.5").
"""

import functools
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp

_STAGES_18 = ((64, 1), (128, 2), (256, 2), (512, 2))  # channels, first stride
_BLOCKS = 2  # a stage
_STAGES_50 = ((64, 3), (128, 4), (256, 6), (512, 3))  # channels inside, blocks


class BasicBlock(nn.Module):
  """Two 3x3 convolutions beside a shortcut, 1x1 where the shape changes."""
  features: int
  stride: int = 1

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    norm = functools.partial(
        nn.BatchNorm, use_running_average=not train, momentum=.9)
    conv = functools.partial(nn.Conv, self.features, use_bias=False)
    y = conv((3, 3), strides=self.stride, padding=1, name='conv1')(x)
    y = nn.relu(norm(name='bn1')(y))
    y = conv((3, 3), padding=1, name='conv2')(y)
    y = norm(name='bn2')(y)
    if x.shape != y.shape:
      x = conv((1, 1), strides=self.stride, padding=0, name='shortcut')(x)
      x = norm(name='bn_shortcut')(x)
    return nn.relu(x + y)


class ResNet18(nn.Module):
  """A 3x3 stem, eight basic blocks, a mean over all pixels, one dense layer.

  11,220,132 parameters for a hundred classes and colour images.
  """
  num_classes: int = 100

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    x = nn.Conv(64, (3, 3), padding=1, use_bias=False, name='conv')(x)
    x = nn.BatchNorm(use_running_average=not train, momentum=.9, name='bn')(x)
    x = nn.relu(x)
    for s, (features, stride) in enumerate(_STAGES_18, 1):
      for b in range(_BLOCKS):
        x = BasicBlock(features, stride if b == 0 else 1,
                       name=f'stage{s}_block{b + 1}')(x, train)
    return nn.Dense(self.num_classes, name='fc')(jnp.mean(x, axis=(1, 2)))


class Bottleneck(nn.Module):
  """Convolutions 1x1, 3x3 and 1x1 to four times the channels, and a shortcut."""
  features: int
  stride: int = 1
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    norm = functools.partial(nn.BatchNorm, use_running_average=not train,
                             momentum=.9, dtype=self.dtype)
    conv = functools.partial(nn.Conv, use_bias=False, dtype=self.dtype)
    y = nn.relu(norm(name='bn1')(conv(self.features, (1, 1), name='conv1')(x)))
    y = conv(self.features, (3, 3), strides=self.stride, padding=1,
             name='conv2')(y)
    y = conv(4 * self.features, (1, 1), name='conv3')(nn.relu(norm(name='bn2')(y)))
    y = norm(name='bn3')(y)
    if x.shape != y.shape:
      x = conv(4 * self.features, (1, 1), strides=self.stride, name='shortcut')(x)
      x = norm(name='bn_shortcut')(x)
    return nn.relu(x + y)


class ResNet50(nn.Module):
  """A 7x7 stem with pooling, sixteen bottlenecks, a mean, one dense layer.

  25,557,032 parameters for a thousand classes and colour images.
  """
  num_classes: int = 1000
  dtype: Any = jnp.float32  # of the computation; parameters are float32

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    x = nn.Conv(64, (7, 7), strides=2, padding=3, use_bias=False,
                dtype=self.dtype, name='conv')(x)
    x = nn.BatchNorm(use_running_average=not train, momentum=.9,
                     dtype=self.dtype, name='bn')(x)
    x = nn.max_pool(nn.relu(x), (3, 3), strides=(2, 2),
                    padding=((1, 1), (1, 1)))
    for s, (features, blocks) in enumerate(_STAGES_50, 1):
      for b in range(blocks):
        stride = 2 if s > 1 and b == 0 else 1
        x = Bottleneck(features, stride, self.dtype,
                       name=f'stage{s}_block{b + 1}')(x, train)
    x = jnp.mean(x.astype(jnp.float32), axis=(1, 2))
    return nn.Dense(self.num_classes, name='fc')(x)
