"""The AlexNet of gradient projection memory (Saha et al., ICLR 2021).

`B` batch, `H` x `W` pixels, `c` channels.
"""

from flax import linen as nn
import jax
import jax.numpy as jnp

from unsc_jax.models import image_size


class AlexNet(nn.Module):
  """Three valid convolutions and three dense layers, all without bias.

  6,526,848 parameters for ten classes and 32x32x1 images.

  A trap: each layer drops *before* it pools and before the
  next normalisation, so the running statistics of training are wrong for
  evaluation: call `batch_stats.reestimate` after training.
  """
  num_classes: int = 10
  dropout: tuple[float, ...] = (.2, .2, .5, .5, .5)

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    image_size.check(x, 19, 'AlexNet')

    def norm_relu_drop(x, i):
      x = nn.BatchNorm(use_running_average=not train, momentum=.9,
                       name=f'bn{i}')(x)
      return nn.Dropout(self.dropout[i - 1], deterministic=not train)(
          nn.relu(x))

    for i, (features, side) in enumerate(((64, 4), (128, 3), (256, 2)), 1):
      x = nn.Conv(features, (side, side), padding='VALID', use_bias=False,
                  name=f'conv{i}')(x)
      x = nn.max_pool(norm_relu_drop(x, i), (2, 2), strides=(2, 2))
    x = jnp.reshape(x, (x.shape[0], -1))  # [B, H * W * c]
    for i in (1, 2):
      x = nn.Dense(2048, use_bias=False, name=f'fc{i}')(x)
      x = norm_relu_drop(x, i + 3)
    return nn.Dense(self.num_classes, use_bias=False, name='fc3')(x)
