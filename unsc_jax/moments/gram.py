"""Products of inputs with themselves, computed above the diagonal only.

`B` layers, `n` rows, `d` columns, cut into blocks of columns. As `X^T X` is
symmetric, a third of the work is saved, and of what devices have to sum.
"""

from collections.abc import Sequence
import math
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from unsc_jax.capture import layers
from unsc_jax.moments import patches

Upper = tuple[tuple[jax.Array, ...], ...]  # [i][j - i] for blocks i <= j


def block_count(d: int) -> int:
  """Into how many blocks it pays to cut `d` columns.

  Each should be wide enough for the matrix unit; beyond four there is little
  left to save (3/4, 2/3, 5/8 of the work for two, three, four).
  """
  return min(4, max(1, d // 128))


def split(x: jax.Array) -> list[jax.Array]:
  """Cuts the columns of `[B, n, d]` into that many blocks."""
  return jnp.array_split(x, block_count(x.shape[-1]), -1)


def split_patches(conv: layers.Conv) -> list[jax.Array]:
  """A convolution's patches in blocks of columns: of the window, if it is one."""
  entries = math.prod(conv.window)
  blocks = block_count(entries * conv.x.shape[-1] // conv.groups)
  if blocks <= entries:
    return patches.extract(conv, blocks)
  return split(*patches.extract(conv))


def sum_type(x: jax.Array) -> Any:
  """In what inputs are summed: in float32, complex ones in two of these."""
  is_complex = jnp.issubdtype(x.dtype, jnp.complexfloating)
  return jnp.complex64 if is_complex else jnp.float32


def upper(blocks: Sequence[jax.Array]) -> Upper:
  """All products `Re(x_i^H x_j)` `[B, d_i, d_j]` of blocks `i <= j`, in float32.

  Inputs of 16 bits are left so: products of two of them are exact in float32,
  and the matrix unit of a TPU takes one pass for them, six for float32. Complex
  inputs meet a real weight as twice as many real ones.
  """
  blocks = [*map(_real, blocks)]
  product = lambda x, y: jnp.einsum(
      'bni,bnj->bij', x, y, precision=lax.Precision.HIGHEST,
      preferred_element_type=jnp.float32)
  return tuple(tuple(product(x, y) for y in blocks[i:])
               for i, x in enumerate(blocks))


def _real(x: jax.Array) -> jax.Array:
  """Rows `[B, n, d]` of a real type that products can be taken of."""
  if jnp.issubdtype(x.dtype, jnp.complexfloating):
    x = jnp.concatenate([x.real, x.imag], 1)
  return x if x.dtype in (jnp.bfloat16, jnp.float16) else x.astype(jnp.float32)


def full(rows: Upper) -> jax.Array:
  """The whole symmetric matrix `[B, d, d]`.

  A product on the diagonal is symmetric but for the order in which the two halves
  were summed, which differs where threads share the work; its mean with its own
  transpose is so to the last bit.
  """
  def mirrored(i, j):
    if i == j:
      return (rows[i][0] + rows[i][0].mT) / 2
    return rows[i][j - i] if i < j else rows[j][i - j].mT

  indices = range(len(rows))
  return jnp.concatenate(
      [jnp.concatenate([mirrored(i, j) for j in indices], 2) for i in indices], 1)
