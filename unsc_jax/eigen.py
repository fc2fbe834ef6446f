"""Eigendecompositions of symmetric matrices, dealt out over the devices at hand.

A network has dozens of them, of very different sizes. Devices that all hold the
same matrices need not all solve all of them: each solves some, and passes the
result on. `B` matrices of one size, `d` rows.
"""

from collections.abc import Callable, Iterator, Sequence
import functools
from typing import Any

import jax
from jax import core
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec
import numpy as np

from unsc_jax import sharding

Eigh = Callable[[jax.Array], tuple[jax.Array, jax.Array]]


@jax.jit
def eigh(matrices: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Eigenvalues `[B, d]`, largest first, and eigenvectors `[B, d, d]`."""
  values, vectors = jnp.linalg.eigh(matrices)
  return values[..., ::-1], vectors[..., ::-1]


def eigh_float64(matrices: jax.Array) -> tuple[jax.Array, jax.Array]:
  """As `eigh`, in float64 on the host: for tight thresholds, or on a TPU.

  Raises:
    TypeError: it is called under `jax.jit`.
  """
  if isinstance(matrices, core.Tracer):
    raise TypeError(
        'eigh_float64 runs on the host, not inside jax.jit; take bases outside, '
        'or with solver=eigh.')
  values, vectors = np.linalg.eigh(np.asarray(matrices, np.float64))
  flip = lambda x: jnp.asarray(x[..., ::-1], jnp.float32)
  return flip(values), flip(vectors)


def deal(costs: Sequence[float], hands: int) -> list[int]:
  """Deals jobs out, the longest first, each to the hand with least to do.

  Args:
    costs: of the jobs.
    hands: how many there are.

  Returns:
    The hand of every job. The last to finish takes at most `4/3 - 1/(3 hands)`
    of the shortest possible time.

  Example:
    >>> deal([1, 5, 2, 3], hands=2)
    [0, 0, 1, 1]

  Source: longest processing time first (Graham, 1969).
  """
  load = [0.] * hands
  owner = [0] * len(costs)
  for job in sorted(range(len(costs)), key=lambda job: -costs[job]):
    owner[job] = min(range(hands), key=load.__getitem__)
    load[owner[job]] += costs[job]
  return owner


def each(
    matrices: Sequence[jax.Array], solver: Eigh = eigh
) -> Iterator[tuple[jax.Array, jax.Array]]:
  """Solves matrices `[B, d, d]`, one array after the other.

  Arrays that lie on a mesh are dealt out over its devices by their `d^3`. A
  solver that works on the host does so in the process of the device.

  Args:
    matrices: symmetric; their order does not matter.
    solver: `eigh` or `eigh_float64`.

  Yields:
    What the solver returns for each array, on all devices that held it.
  """
  mesh = next((m for m in map(sharding.mesh_of, matrices) if m is not None), None)
  if mesh is None or mesh.size == 1:
    yield from map(solver, matrices)
    return
  hands = _in_turn(mesh)
  parts = [(i, part) for i, m in enumerate(matrices)
           for part in _parts(len(m), len(hands))]
  cost = lambda i, part: (part.stop - part.start) * matrices[i].shape[-1] ** 3
  owners = deal([cost(*job) for job in parts], len(hands))
  solved = {}
  everywhere = sharding.replicate(list(matrices), mesh)
  for (i, part), owner in zip(parts, owners):
    for shard in everywhere[i].addressable_shards:
      if shard.device == hands[owner]:
        values, vectors = solver(shard.data[part])
        solved[i, part.start] = jax.device_put(
            jnp.concatenate([vectors, values[:, None]], 1), shard.device)
  for i, m in enumerate(matrices):
    jobs = [(part, hands[owner]) for (at, part), owner in zip(parts, owners) if at == i]
    vectors = _share(
        [(part.stop - part.start, device, solved.get((i, part.start)))
         for part, device in jobs], m.shape[-1], mesh)
    yield vectors[:, -1], vectors[:, :-1]


def _in_turn(mesh: Mesh) -> list[Any]:
  """The mesh's devices, hosts taking turns: so hosts get even shares as well."""
  seen: dict[int, int] = {}
  turn = {}
  for device in mesh.devices.flat:
    turn[device] = seen.get(device.process_index, 0)
    seen[device.process_index] = turn[device] + 1
  return sorted(turn, key=lambda device: (turn[device], device.process_index))


def _parts(n: int, most: int) -> list[slice]:
  """So many layers in a few parts of about equal size."""
  edges = np.linspace(0, n, min(n, most) + 1).astype(int).tolist()
  return [slice(*pair) for pair in zip(edges, edges[1:])]


def _share(jobs, d: int, mesh: Mesh) -> jax.Array:
  """Gives every device the results `[b, d + 1, d]` of all, one below the other.

  Each adds what it solved to zeros: a sum is all that processes need to share.
  """
  mine = []
  for device in mesh.local_devices:
    mine.append(jnp.concatenate([
        solved if owner == device else jnp.zeros((b, d + 1, d), device=device)
        for b, owner, solved in jobs])[None])
  n = sum(b for b, *_ in jobs)
  stacked = jax.make_array_from_single_device_arrays(
      (mesh.size, n, d + 1, d),
      NamedSharding(mesh, PartitionSpec(mesh.axis_names)), mine)
  return sharding.settle(_sum(mesh)(stacked))


@functools.lru_cache(maxsize=8)
def _sum(mesh: Mesh) -> Callable[[jax.Array], jax.Array]:
  return jax.jit(lambda x: x.sum(0), out_shardings=NamedSharding(mesh, PartitionSpec()))
