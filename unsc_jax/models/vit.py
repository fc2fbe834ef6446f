"""Vision transformer (Dosovitskiy et al., 2021), its blocks scanned."""

from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp


class Block(nn.Module):
  """Attention and a perceptron, each beside a shortcut and after its norm."""
  heads: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, _=None) -> tuple[jax.Array, None]:
    width = x.shape[-1]
    dense = lambda features, name: nn.Dense(
        features, dtype=self.dtype, name=name)
    norm = lambda name: nn.LayerNorm(epsilon=1e-6, dtype=self.dtype, name=name)
    h = norm('norm1')(x)
    # pyrefly: ignore[unsupported-operation]  (Flax's overloads lack the type of the result)
    x = x + nn.MultiHeadDotProductAttention(
        self.heads, dtype=self.dtype, name='attention')(h)
    h = nn.gelu(dense(4 * width, 'fc1')(norm('norm2')(x)))
    return x + dense(width, 'fc2')(h), None


class ViT(nn.Module):
  """Patches, a class token, learnt positions, `depth` blocks, one dense layer.

  ViT-L/16 by default: 304,326,632 parameters for a thousand classes and images
  of 224x224. The blocks are one scanned block, rematerialised in training, so
  that compilation does not take longer for a deeper network.
  """
  num_classes: int = 1000
  patch: int = 16
  width: int = 1024
  depth: int = 24
  heads: int = 16
  dtype: Any = jnp.float32  # of the computation; parameters are float32

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    del train
    x = nn.Conv(self.width, (self.patch,) * 2, strides=self.patch,
                padding='VALID', dtype=self.dtype, name='patches')(x)
    x = x.reshape(len(x), -1, self.width)
    token = self.param('token', nn.initializers.zeros, (1, 1, self.width))
    token = jnp.broadcast_to(token, (len(x), 1, self.width))
    x = jnp.concatenate([token.astype(x.dtype), x], 1)
    positions = self.param('positions', nn.initializers.normal(.02),
                           (1, *x.shape[1:]))
    x = x + positions.astype(x.dtype)
    blocks = nn.scan(
        nn.remat(Block), length=self.depth, variable_axes={'params': 0},
        split_rngs={'params': True})
    x, _ = blocks(self.heads, self.dtype, name='blocks')(x, None)
    x = nn.LayerNorm(epsilon=1e-6, name='norm')(x[:, 0].astype(jnp.float32))
    return nn.Dense(self.num_classes, name='head')(x)
