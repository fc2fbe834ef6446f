"""ResNet-18 (He et al., 2016) with the small stem for 32x32 images."""

import functools

from flax import linen as nn
import jax
import jax.numpy as jnp

_STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))  # channels, first stride
_BLOCKS = 2  # a stage


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
    for s, (features, stride) in enumerate(_STAGES, 1):
      for b in range(_BLOCKS):
        x = BasicBlock(features, stride if b == 0 else 1,
                       name=f'stage{s}_block{b + 1}')(x, train)
    return nn.Dense(self.num_classes, name='fc')(jnp.mean(x, axis=(1, 2)))
