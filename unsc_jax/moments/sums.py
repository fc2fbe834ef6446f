"""The sums that make up a layer's moments, of all its inputs or of some positions.

`B` layers that share a parameter, `n` rows of inputs (patches of a convolution,
tokens of a sequence), `d` fan-in.
"""

from typing import Any

import jax
import jax.numpy as jnp

from unsc_jax import sharding
from unsc_jax.capture import layers
from unsc_jax.moments import gram
from unsc_jax.moments import patches


def sums(inputs: layers.Inputs, chunk_bytes: int) -> tuple[jax.Array, ...]:
  """`(second, first, count)` of a layer's inputs, in the layer's own order."""
  if isinstance(inputs, layers.Lookup):
    return inputs.counts, inputs.counts, inputs.counts.sum(-1)
  dtype = gram.sum_type(inputs.x)
  if isinstance(inputs, layers.Conv):
    rows = patches.sum_over_patches(
        lambda conv: gram.upper(gram.split_patches(conv)), inputs, chunk_bytes)
    first, count = patches.total(inputs, dtype), patches.count(inputs)
  else:
    rows = gram.upper(gram.split(inputs.x))
    first, count = inputs.x.sum(1, dtype=dtype), inputs.x.shape[1]
  return gram.full(rows), first, jnp.full(len(first), count, jnp.float32)


def room(
    chunk_bytes: int | None, axis_name: str | tuple[str, ...] | None = None,
    inputs: Any = (),
) -> int:
  """How much memory patches may take at once: by default 8 MiB on each device.

  Under `jit` a batch is that of all devices of its mesh, under an axis that of one.
  """
  if chunk_bytes is not None:
    return chunk_bytes
  return 8 * 2**20 * (1 if axis_name else sharding.devices_of(inputs))
