"""The patches that a convolution sees, a bounded number at a time.

`N` images, `B` groups, `d` entries of a patch (window by channels of a group).
"""

from collections.abc import Callable
import itertools
import math
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from unsc_jax import layers
from unsc_jax import varying


def extract(conv: layers.Conv) -> jax.Array:
  """Cuts out every patch: `[B, N * positions, d]`, ordered (window, channels).

  These are the rows of the matrix product that the convolution is: zero-padded,
  strided and dilated as it does itself. One shifted slice of the images for
  every entry of the window, so the channels stay contiguous.
  """
  x = lax.pad(
      conv.x, jnp.zeros((), conv.x.dtype),
      [(0, 0, 0),
       *((lo, hi, dilation - 1) for (lo, hi), dilation in zip(
           conv.padding, conv.input_dilation, strict=True)),
       (0, 0, 0)])
  reach = [(w - 1) * k for w, k in zip(conv.window, conv.kernel_dilation)]
  n, *space, channels = x.shape
  positions = [max(0, (s - r - 1) // stride + 1)
               for s, r, stride in zip(space, reach, conv.strides)]

  rows, width = n * math.prod(positions), channels // conv.groups
  if rows == 0:
    return jnp.zeros(
        (conv.groups, 0, math.prod(conv.window) * width), x.dtype)

  def shifted(offset):
    lo = [o * k for o, k in zip(offset, conv.kernel_dilation)]
    hi = [a + (p - 1) * s + 1 for a, p, s in zip(lo, positions, conv.strides)]
    return lax.slice(x, (0, *lo, 0), (n, *hi, channels), (1, *conv.strides, 1))

  offsets = itertools.product(*map(range, conv.window))
  stacked = jnp.stack([shifted(offset) for offset in offsets], axis=-2)
  stacked = stacked.reshape(rows, math.prod(conv.window), conv.groups, width)
  return stacked.transpose(2, 0, 1, 3).reshape(
      conv.groups, rows, math.prod(conv.window) * width)


def sum_over_patches(
    statistic: Callable[[jax.Array], Any], conv: layers.Conv, max_bytes: int
) -> Any:
  """Sums `statistic(patches)` over chunks of images that fit in memory.

  Args:
    statistic: maps patches `[B, n, d]` to a pytree of arrays, additive in `n`.
    conv: a convolution's inputs.
    max_bytes: how much memory the patches of one chunk may take in float32.

  Returns:
    The pytree for all patches.
  """
  patches = jax.eval_shape(lambda x: extract(conv._replace(x=x)), conv.x)
  count = _divisor(len(conv.x), math.prod(patches.shape) * 4, max_bytes)
  if count == 1:
    return statistic(extract(conv))
  # Every chunk takes some images of each device: cut along the inner axis. The
  # other way round would gather a sharded batch on every device.
  chunks = conv.x.reshape(-1, count, *conv.x.shape[1:]).swapaxes(0, 1)
  chunk_sum = lambda x: statistic(extract(conv._replace(x=x)))
  shapes = jax.eval_shape(chunk_sum, chunks[0])
  zeros = varying.zeros(shapes)
  add = lambda total, x: (jax.tree.map(jnp.add, total, chunk_sum(x)), None)
  return lax.scan(add, zeros, chunks)[0]


def _divisor(images: int, all_bytes: int, max_bytes: int) -> int:
  """The smallest number of equal chunks whose patches fit in memory."""
  enough = max(1, min(images, math.ceil(all_bytes / max_bytes)))
  return next((c for c in range(enough, images + 1) if images % c == 0), 1)
