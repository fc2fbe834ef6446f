"""The ridge of every layer of a network, in one program.

`B` layers that share a parameter, `d` fan-in.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import moments as moments_lib
from unsc_jax.null_space import cholesky
from unsc_jax.null_space import precision


class Ridge(NamedTuple):
  """What a layer's updates are multiplied by, and what tells whether it is sound."""
  matrix: jax.Array  # [B, d, d]
  used: jax.Array  # [B, d] mean squares of the inputs, the diagonal of their moment
  largest: jax.Array  # [B] the largest eigenvalue of `matrix`, 1 at most


def ridges(moments: Sequence[moments_lib.Moment], taus: Sequence[float],
           solver: cholesky.Inverse | None = None) -> list[Ridge]:
  r"""Damping by a share `tau` of each layer's mean square input.

  .. math:: P = \tau \Bigl(\frac{M}{\mathrm{tr} M} + \tau I\Bigr)^{-1}

  Args:
    moments: none of a table that is read by index.
    taus: one for each.
    solver: `cholesky.inverse_float64` or another; by default `cholesky.inverse`.

  Returns:
    One for each of the moments.
  """
  moments, taus = tuple(moments), tuple(taus)
  if solver in (None, cholesky.inverse):
    return _compiled(moments, taus)
  # Some solvers work on the host, between two programs.
  systems = _begun(moments, taus)
  return _finished([(solver(system), used) for system, used in systems])


@jax.jit
def _compiled(moments, taus) -> list[Ridge]:
  systems = _begun(moments, taus)
  return _finished([(cholesky.inverse(system), used) for system, used in systems])


@jax.jit
def _begun(moments, taus) -> list[tuple[jax.Array, jax.Array]]:
  return [_system(moment, tau) for moment, tau in zip(moments, taus)]


@jax.jit
def _finished(solved) -> list[Ridge]:
  return [Ridge(matrix, used, _largest(matrix)) for matrix, used in solved]


def _system(moment: moments_lib.Moment, tau: jax.Array) -> tuple[jax.Array, jax.Array]:
  """What is to be inverted, and the mean squares of the inputs."""
  share = relative(moment)
  used = jnp.diagonal(moment.mean_square, axis1=1, axis2=2)
  total = used.sum(-1)
  unsure = precision.doubt(moment, used) / jnp.where(total > 0, total, 1)
  one = jnp.eye(share.shape[-1], dtype=share.dtype)[None]
  # Divided first, so that an infinite tau gives the identity.
  return share / tau + (1 + unsure / tau)[:, None, None] * one, used


def relative(moment: moments_lib.Moment) -> jax.Array:
  """A second moment relative to its trace; zero for a layer that reads nothing."""
  second = moment.second / jnp.maximum(
      jnp.abs(moment.second).max(), jnp.finfo(moment.second.dtype).tiny)
  if moment.site.kind == 'lookup':
    total = second.sum(-1)[:, None]
  else:
    total = jnp.trace(second, axis1=-2, axis2=-1)[:, None, None]
  return jnp.where(total > 0, second / jnp.where(total > 0, total, 1), 0)


def _largest(matrices: jax.Array) -> jax.Array:
  """The largest eigenvalues `[B]` of positive matrices, by power iteration."""
  # Drawn on the host: a generator would be most of the program.
  start = np.random.default_rng(0).normal(size=(1, matrices.shape[-1], 1))
  start = jnp.broadcast_to(jnp.asarray(start, matrices.dtype), (*matrices.shape[:-1], 1))

  def step(x, _):
    x = matrices @ (x / jnp.linalg.norm(x, axis=1, keepdims=True))
    return x, None

  x, _ = jax.lax.scan(step, start, length=50)
  return jnp.linalg.norm(x, axis=(1, 2))
