"""The ridge of every layer of a network, in one program or on the host.

`B` layers that share a parameter, `d` fan-in.
"""

from collections.abc import Sequence
import dataclasses
import itertools
from typing import Any, NamedTuple

import jax
from jax import core
from jax import lax
import jax.numpy as jnp
import numpy as np

from unsc_jax import moments as moments_lib
from unsc_jax.null_space import cholesky
from unsc_jax.null_space import precision

_LARGEST = 1.1  # eigenvalue of a sound ridge, which has none beyond 1 but by rounding


class Ridge(NamedTuple):
  """What a layer's updates are multiplied by, and what tells whether it is sound."""
  matrix: jax.Array  # [B, d, d]
  used: jax.Array | np.ndarray  # [B, d] mean squares of the inputs, the diagonal of their moment
  sound: jax.Array | np.ndarray  # [B] whether no eigenvalue of `matrix` is beyond `_LARGEST`


def ridges(moments: Sequence[moments_lib.Moment], taus: Sequence[float],
           solver: cholesky.Inverse | None = None) -> list[Ridge]:
  r"""Damping by a share `tau` of each layer's mean square input.

  .. math:: P = \tau \Bigl(\frac{M}{\mathrm{tr} M} + \tau I\Bigr)^{-1}

  Args:
    moments: none of a table that is read by index.
    taus: one for each.
    solver: `cholesky.inverse_float64` or another; by default `cholesky.inverse`, and for
      moments on CPUs and TPUs LAPACK itself on the host, with nothing to compile.

  Returns:
    One for each of the moments.

  Raises:
    TypeError: the solver gives something else than inverses.
  """
  moments, taus = tuple(moments), tuple(taus)
  if solver is None and all(map(_is_for_lapack, moments)):
    return [_on_host(moment, tau) for moment, tau in zip(moments, taus)]
  if solver is None or solver == cholesky.inverse:
    return _compiled(moments, taus)
  # Some solvers work on the host, between two programs.
  systems = _begun(moments, taus)
  return [Ridge(_solved(solver, system), used, sound) for system, used, sound in systems]


def _solved(solver: Any, system: jax.Array) -> jax.Array:
  made: Any = solver(system) if callable(solver) else None
  if getattr(made, 'shape', None) != system.shape:
    raise TypeError(
        'a ridge is solved by what gives the inverses of matrices, and this is '
        f'{getattr(solver, "__name__", repr(solver))}; take solver=null_space.inverse or '
        'inverse_float64.')
  return made


_HOSTS = {'cpu', 'tpu'}  # for a TPU a large factorisation takes most of a minute to compile


def _is_for_lapack(moment: moments_lib.Moment) -> bool:
  """Whether it is best solved on the host, which has all of it."""
  second = moment.second
  if isinstance(second, core.Tracer | np.ndarray):
    return isinstance(second, np.ndarray)
  return (all(device.platform in _HOSTS for device in second.devices())
          and (second.is_fully_addressable or second.is_fully_replicated))


def _on_host(moment: moments_lib.Moment, tau: float) -> Ridge:
  system, used, least = _system(jax.tree.map(np.asarray, moment), tau)
  made = np.stack([*map(cholesky.of_lapack, system)])
  sound = np.array([cholesky.is_positive(one) for one in least])
  # What nobody has placed stays so: programs are compiled anew for what is placed.
  placed = getattr(moment.second, 'committed', False)
  matrix = jax.device_put(made, moment.second.sharding) if placed else jnp.asarray(made)
  return Ridge(matrix, used, sound)


@jax.jit
def _compiled(moments, taus) -> list[Ridge]:
  made: dict[int, Ridge] = {}
  kind = lambda i: (moments[i].second.shape[-1], str(moments[i].second.dtype))
  for _, group in itertools.groupby(sorted(range(len(moments)), key=kind), key=kind):
    same = [*group]
    made |= zip(same, _of_one_size([moments[i] for i in same], [taus[i] for i in same]))
  return [made[i] for i in range(len(moments))]


def _of_one_size(moments, taus) -> list[Ridge]:
  """One layer after the other: at once they need the memory of all.

  A factorisation is then compiled once a size. Neither sites nor first moments are read.
  """
  layers = np.array([len(moment.count) for moment in moments])
  sums = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *(
      dataclasses.replace(moment, site=moments[0].site, first=moment.count, fixed=None)
      for moment in moments))

  def one(layer):
    moment, tau = layer
    system, used, least = _system(jax.tree.map(lambda leaf: leaf[None], moment), tau)
    made = Ridge(cholesky.inverse(system), used, cholesky.are_positive(least))
    return jax.tree.map(lambda leaf: leaf[0], made)

  made = lax.map(one, (sums, jnp.repeat(jnp.stack(taus), layers)))
  ends = np.cumsum(layers)[:-1]
  return [*map(Ridge, *(jnp.split(leaf, ends) for leaf in made))]


@jax.jit
def _begun(moments, taus) -> list[tuple[jax.Array, jax.Array, jax.Array]]:
  systems = [_system(moment, tau) for moment, tau in zip(moments, taus)]
  return [(system, used, cholesky.are_positive(least)) for system, used, least in systems]


def _system(moment: moments_lib.Moment, tau: Any) -> tuple[Any, Any, Any]:
  """What is to be inverted, the mean squares, and what is positive if it is sound."""
  xp = moment.second.__array_namespace__()
  share = relative(moment)
  used = xp.diagonal(moment.second, axis1=1, axis2=2) / xp.maximum(
      moment.count, 1)[:, None]
  total = used.sum(-1)
  unsure = precision.doubt(moment, used) / xp.where(total > 0, total, 1)
  one = xp.eye(share.shape[-1], dtype=share.dtype)[None]
  # Divided first, so that an infinite tau gives the identity.
  system = share / tau + (1 + unsure / tau)[:, None, None] * one
  return system, used, system - one / _LARGEST


def relative(moment: moments_lib.Moment) -> Any:
  """A second moment relative to its trace; zero for a layer that reads nothing."""
  xp, second = moment.second.__array_namespace__(), moment.second
  # Each layer in its own units: beside a loud one a quiet one would be zero.
  second = second / xp.maximum(
      xp.abs(second).max(tuple(range(1, second.ndim)), keepdims=True),
      xp.finfo(second.dtype).tiny)
  if moment.site.kind == 'lookup':
    total = second.sum(-1)[:, None]
  else:
    total = xp.trace(second, axis1=-2, axis2=-1)[:, None, None]
  nothing = total <= 0  # but NaN stays what it is
  return xp.where(nothing, 0, second / xp.where(nothing, 1, total))
