"""The all-convolutional network (Springenberg et al., 2015) with BatchNorm."""

from flax import linen as nn
import jax
import jax.numpy as jnp

_LAYERS = (  # channels at full width, side of the kernel, stride
    (96, 3, 1), (96, 3, 1), (192, 3, 2),
    (192, 3, 1), (192, 3, 1), (192, 3, 2),
    (192, 3, 1), (192, 1, 1))


class AllCNN(nn.Module):
  """Eight convolutions without bias, a mean over all pixels, one dense layer.

  406,810 parameters for ten classes and colour images at the paper's width
  of one half; a narrower one trains on a CPU.
  """
  num_classes: int = 10
  width: float = .5  # scales the channels of every layer
  first: int = 1  # of the convolutions, where only a part of the network is wanted
  last: int = len(_LAYERS)  # which the mean and the dense layer follow

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    for i in range(self.first, self.last + 1):
      channels, side, stride = _LAYERS[i - 1]
      x = nn.Conv(max(1, int(channels * self.width)), (side, side),
                  strides=stride, padding=side // 2, use_bias=False,
                  name=f'conv{i}')(x)
      x = nn.BatchNorm(use_running_average=not train, momentum=.9,
                       name=f'bn{i}')(x)
      x = nn.relu(x)
    if self.last < len(_LAYERS):
      return x
    return nn.Dense(self.num_classes, name='fc')(jnp.mean(x, axis=(1, 2)))
