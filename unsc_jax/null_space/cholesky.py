"""Inverses of positive matrices, as soft filters need them: no eigendecomposition.

`B` matrices of one size, `d` rows.
"""

from collections.abc import Callable

import jax
from jax import core
from jax import lax
import jax.numpy as jnp
import numpy as np
from scipy import linalg

Inverse = Callable[[jax.Array], jax.Array]

_potrf, _potri = linalg.get_lapack_funcs(('potrf', 'potri'), dtype=np.float32)


@jax.jit
def inverse(matrices: jax.Array) -> jax.Array:
  """The inverses of positive matrices in float32, on the device.

  One Cholesky factorisation `L L^T`, which compiles everywhere, under `jax.jit` and
  `jax.vmap` as well; the product `L^-T L^-1` is symmetric and positive whatever the
  rounding. Its relative error is about 1e-7 times the largest eigenvalue over the
  smallest.

  Args:
    matrices: `[B, d, d]`, symmetric.

  Returns:
    `[B, d, d]`; NaN where a matrix is not positive.

  Example:
    >>> inverse(jnp.array([[[4., 0.], [0., 16.]]])).round(4).tolist()
    [[[0.25, 0.0], [0.0, 0.0625]]]

  Source: `jnp.linalg.cholesky`.
  """
  low = lax.linalg.cholesky(matrices, symmetrize_input=False)
  one = jnp.broadcast_to(jnp.eye(matrices.shape[-1], dtype=low.dtype), low.shape)
  root = lax.linalg.triangular_solve(low, one, left_side=True, lower=True)
  out = jnp.einsum('bki,bkj->bij', root, root, precision=lax.Precision.HIGHEST)
  return (out + out.mT) / 2


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
  low = lax.linalg.cholesky(matrices, symmetrize_input=False)
  return jnp.isfinite(low[:, -1, -1])
