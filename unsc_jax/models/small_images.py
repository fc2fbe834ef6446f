"""Networks for small images: three of the paper's, and two that train on a CPU in seconds.

AlexNet is that of gradient projection memory (Saha et al., ICLR 2021); AllCNN the
all-convolutional network (Springenberg et al., 2015) and VGG11 VGG-11 (Simonyan and
Zisserman, 2015), both with BatchNorm. SmallCNN and MLP neither drop nor normalise,
so that `train` changes nothing. `B` batch, `H` x `W` pixels, `c` channels.
"""

from collections.abc import Sequence

from flax import linen as nn
import jax
import jax.numpy as jnp

from unsc_jax.training import tiles


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
    _check(x, 2**len(self.features), 'SmallCNN')
    for i, features in enumerate(self.features, 1):
      x = nn.relu(nn.Conv(features, (3, 3), strides, padding=1, name=f'conv{i}')(x))
      if self.pool:
        x = _halved(x)
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


class AlexNet(nn.Module):
  """Three valid convolutions and three dense layers, all without bias.

  6,526,848 parameters for ten classes and 32x32x1 images.

  A trap: each layer drops *before* it pools and before the
  next normalisation, so the running statistics of training are wrong for
  evaluation: call `linen.reestimate` after training.
  """
  num_classes: int = 10
  dropout: tuple[float, ...] = (.2, .2, .5, .5, .5)

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    _check(x, 19, 'AlexNet')

    def norm_relu_drop(x, i):
      x = nn.BatchNorm(use_running_average=not train, momentum=.9,
                       name=f'bn{i}')(x)
      return nn.Dropout(self.dropout[i - 1], deterministic=not train)(
          nn.relu(x))

    for i, (features, side) in enumerate(((64, 4), (128, 3), (256, 2)), 1):
      x = nn.Conv(features, (side, side), padding='VALID', use_bias=False,
                  name=f'conv{i}')(x)
      x = _halved(norm_relu_drop(x, i))
    x = jnp.reshape(x, (x.shape[0], -1))  # [B, H * W * c]
    for i in (1, 2):
      x = nn.Dense(2048, use_bias=False, name=f'fc{i}')(x)
      x = norm_relu_drop(x, i + 3)
    return nn.Dense(self.num_classes, use_bias=False, name='fc3')(x)


_ALL_CNN = (  # channels at full width, side of the kernel, stride
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
  last: int = len(_ALL_CNN)  # which the mean and the dense layer follow

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    for i in range(self.first, self.last + 1):
      channels, side, stride = _ALL_CNN[i - 1]
      x = nn.Conv(max(1, int(channels * self.width)), (side, side),
                  strides=stride, padding=side // 2, use_bias=False,
                  name=f'conv{i}')(x)
      x = nn.BatchNorm(use_running_average=not train, momentum=.9,
                       name=f'bn{i}')(x)
      x = nn.relu(x)
    if self.last < len(_ALL_CNN):
      return x
    return nn.Dense(self.num_classes, name='fc')(jnp.mean(x, axis=(1, 2)))


_VGG = ((64,), (128,), (256, 256), (512, 512), (512, 512))


class VGG11(nn.Module):
  """Eight convolutions in five pooled stages, three dense layers, all biased.

  28,149,514 parameters for ten classes and 32x32 colour images.
  """
  num_classes: int = 10
  dropout: float = .5

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    _check(x, 32, 'VGG11')
    i = 0
    for stage in _VGG:
      for features in stage:
        i += 1
        x = nn.Conv(features, (3, 3), padding=1, name=f'conv{i}')(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=.9,
                         name=f'bn{i}')(x)
        x = nn.relu(x)
      x = _halved(x)
    x = jnp.reshape(x, (x.shape[0], -1))
    for name in ('fc1', 'fc2'):
      x = nn.relu(nn.Dense(4096, name=name)(x))
      x = nn.Dropout(self.dropout, deterministic=not train)(x)
    return nn.Dense(self.num_classes, name='fc3')(x)


def _halved(x: jax.Array) -> jax.Array:
  """The largest of every 2x2 pixels; of an odd side the last is left out."""
  height, width = x.shape[1:3]
  return tiles.largest(x[:, :height // 2 * 2, :width // 2 * 2], (1, 2, 2, 1))


def _check(x: jax.Array, side: int, network: str) -> None:
  """Refuses images that a network would pool away: H and W have to be >= side."""
  if x.ndim != 4 or min(x.shape[1:3]) < side:
    raise ValueError(
        f'{network} takes images [B, H, W, channels] of at least {side}x{side} '
        f'pixels, not {x.shape}: choose a smaller network or enlarge them.')
