"""Inverses of positive matrices, as soft filters need them: no eigendecomposition.

`B` matrices of one size, `d` rows.
"""

from collections.abc import Callable
import functools

import jax
from jax import core
from jax import lax
import jax.numpy as jnp
import numpy as np
from scipy import linalg

Inverse = Callable[[jax.Array], jax.Array]

_potrf, _potri = linalg.get_lapack_funcs(('potrf', 'potri'), dtype=np.float32)


def inverse(matrices: jax.Array) -> jax.Array:
  """The inverses of positive matrices in float32, on the device.

  One Cholesky factorisation `L L^T`, which compiles everywhere, under `jax.jit` and
  `jax.vmap` as well, for a TPU within a minute whatever the size; the product `L^-T L^-1`
  is symmetric and positive whatever the rounding. Its relative error is about 1e-7 times
  the largest eigenvalue over the smallest.

  Args:
    matrices: `[B, d, d]`, symmetric.

  Returns:
    `[B, d, d]`; NaN where a matrix is not positive.

  Example:
    >>> inverse(jnp.array([[[4., 0.], [0., 16.]]])).round(4).tolist()
    [[[0.25, 0.0], [0.0, 0.0625]]]

  Source: `jnp.linalg.cholesky`.
  """
  return _of_root(matrices)  # itself no program, which could not be pickled


@jax.jit
def _of_root(matrices: jax.Array) -> jax.Array:
  root = _but_for_tpus(_inverse_root, matrices)
  out = _product(root.mT, root)
  return (out + out.mT) / 2


_BLOCK = 128  # rows at most, a TPU's tile
_cholesky = functools.partial(lax.linalg.cholesky, symmetrize_input=False)


def _but_for_tpus(factor: Inverse, matrices: jax.Array) -> jax.Array:
  return lax.platform_dependent(matrices, tpu=inverse_root_by_blocks, default=factor)


def _inverse_root(matrices: jax.Array) -> jax.Array:
  """`L^-1` of the Cholesky factors `L`, `[B, d, d]`; NaN to the last if not positive."""
  low = _cholesky(matrices)
  one = jnp.broadcast_to(jnp.eye(matrices.shape[-1], dtype=low.dtype), low.shape)
  return lax.linalg.triangular_solve(low, one, left_side=True, lower=True)


def inverse_root_by_blocks(matrices: jax.Array) -> jax.Array:
  r"""`R = L^-1` of the Cholesky factors `L`, `[B, d, d]`; NaN to the last if not positive.

  With the rows `R` above them, a block of rows `A` of a matrix has

  .. math:: B = A R^\top, \quad L_k L_k^\top = A_k - B B^\top, \quad
    R_k = L_k^{-1} (E_k - B R)

  A loop, so that but one block is factored in the program: XLA unrolls the blocks of a
  factor, and takes minutes for a TPU where there are thousands of rows.
  """
  d = matrices.shape[-1]
  blocks = -(-d // _BLOCK)
  rows = -(-d // blocks)
  one = jnp.eye(rows * blocks, dtype=matrices.dtype)
  of_block = jnp.broadcast_to(one[:rows, :rows], (len(matrices), rows, rows))
  unused = rows * blocks - d  # at the end, as of an identity
  whole = jnp.pad(matrices, [(0, 0), (0, unused), (0, unused)]) + one.at[:d].set(0)[None]

  def add(k, root):
    cut = lambda of, axis: lax.dynamic_slice_in_dim(of, k * rows, rows, axis)
    block = cut(whole, 1)
    left = _product(block, root.mT)  # of the factor; zero from the diagonal on
    own = _cholesky(cut(block, 2) - _product(left, left.mT))
    own_root = lax.linalg.triangular_solve(own, of_block, left_side=True, lower=True)
    new = _product(own_root, cut(one, 0)[None] - _product(left, root))
    return lax.dynamic_update_slice_in_dim(root, new, k * rows, 1)

  return lax.fori_loop(0, blocks, add, jnp.zeros_like(whole))[:, :d, :d]


def _product(a: jax.Array, b: jax.Array) -> jax.Array:
  return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)


def inverse_float64(matrices: jax.Array) -> jax.Array:
  """As `inverse`, in float64 on the host: for ratios of eigenvalues beyond 1e6.

  Args:
    matrices: `[B, d, d]`, symmetric.

  Returns:
    `[B, d, d]`, rounded to float32; NaN where a matrix is not positive.

  Raises:
    TypeError: it is called under `jax.jit`.

  Example:
    >>> inverse_float64(jnp.array([[[2., 0.], [0., 4.]]])).tolist()
    [[[0.5, 0.0], [0.0, 0.25]]]

  Source: LAPACK, through NumPy.
  """
  if isinstance(matrices, core.Tracer):
    raise TypeError(
        'inverse_float64 runs on the host, not inside jax.jit; apply the filter '
        'outside, or with solver=inverse.')
  return jnp.asarray(np.stack([*map(_inverse, np.asarray(matrices, np.float64))]),
                     jnp.float32)


def _inverse(matrix: np.ndarray) -> np.ndarray:
  try:
    np.linalg.cholesky(matrix)  # raises unless it is positive
  except np.linalg.LinAlgError:
    return np.full(matrix.shape, np.nan)
  out = np.linalg.inv(matrix)
  return (out + out.T) / 2


def of_lapack(matrix: np.ndarray) -> np.ndarray:
  """As `inverse`, of one matrix `[d, d]` of NumPy: a third of its products."""
  low, failed = _potrf(matrix, lower=1)
  if failed:
    return np.full(matrix.shape, np.nan, np.float32)
  below, _ = _potri(low, lower=1)
  below = np.tril(below)
  return below + np.tril(below, -1).T


def is_positive(matrix: np.ndarray) -> bool:
  """Whether a symmetric matrix of NumPy has positive eigenvalues alone."""
  return not _potrf(matrix, lower=1)[1]


def are_positive(matrices: jax.Array) -> jax.Array:
  """The same of matrices `[B, d, d]` on the device; what was not is NaN to the last."""
  return jnp.isfinite(_but_for_tpus(_cholesky, matrices)[:, -1, -1])
