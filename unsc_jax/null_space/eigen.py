"""Eigendecompositions of symmetric matrices, dealt out over the devices at hand.

A network has dozens of them, of very different sizes. Devices that all hold the
same matrices need not all solve all of them: each solves some, and passes the
result on. `B` matrices of one size, `d` rows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
import functools
from typing import Any, NamedTuple

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
  """Eigenvalues and eigenvectors on the device, in float32, under `jax.jit` as well.

  XLA compiles it once for every shape: on TPUs for minutes, so that `default`
  does without it there.

  Args:
    matrices: `[B, d, d]`, symmetric.

  Returns:
    Eigenvalues `[B, d]`, largest first, and eigenvectors `[B, d, d]`, as columns
    in that order.

  Example:
    >>> values, vectors = eigh(jnp.diag(jnp.array([1., 3.]))[None])
    >>> values.tolist(), abs(vectors).tolist()
    ([[3.0, 1.0]], [[[0.0, 1.0], [1.0, 0.0]]])

  Source: `jnp.linalg.eigh`, which sorts the other way.
  """
  # In units of a power of two: not every solver keeps squares of entries in range.
  _, power = jnp.frexp(jnp.abs(matrices).max((-2, -1), initial=0, keepdims=True))
  values, vectors = jnp.linalg.eigh(jnp.ldexp(matrices, -power))
  return jnp.ldexp(values, power[..., 0])[..., ::-1], vectors[..., ::-1]


def eigh_float64(matrices: jax.Array) -> tuple[jax.Array, jax.Array]:
  """As `eigh`, in float64 on the host: for tight thresholds, or on a TPU.

  Eigenvalues under 1e-6 of the largest are rounding noise in float32, though not
  in here. Nothing is compiled.

  Args:
    matrices: `[B, d, d]`, symmetric.

  Returns:
    Eigenvalues `[B, d]`, largest first, and eigenvectors `[B, d, d]`, as columns
    in that order; rounded to float32.

  Raises:
    TypeError: it is called under `jax.jit`.

  Example:
    >>> values, _ = eigh_float64(jnp.diag(jnp.array([1e-9, 1.]))[None])
    >>> values.tolist()
    [[1.0, 9.999999717180685e-10]]

  Source: LAPACK's `syevd`, through NumPy.
  """
  if isinstance(matrices, core.Tracer):
    raise TypeError(
        'eigh_float64 runs on the host, not inside jax.jit; take bases outside, '
        'or with solver=eigh.')
  values, vectors = np.linalg.eigh(np.asarray(matrices, np.float64))
  flip = lambda x: jax.device_put(x[..., ::-1].astype(np.float32))
  return flip(values), flip(vectors)


def default(matrices: Sequence[jax.Array]) -> Eigh:
  """The solver where none is named: `eigh`, on TPUs `eigh_float64`.

  Under `jax.jit` it is `eigh` everywhere.

  Args:
    matrices: what it is to solve.

  Returns:
    The solver.
  """
  traced = any(isinstance(m, core.Tracer) for m in matrices)
  return eigh_float64 if jax.default_backend() == 'tpu' and not traced else eigh


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
  load, owner = [0.] * hands, [0] * len(costs)
  for job in sorted(range(len(costs)), key=lambda job: -costs[job]):
    owner[job] = min(range(hands), key=load.__getitem__)
    load[owner[job]] += costs[job]
  return owner


class Job(NamedTuple):
  """Some matrices of one stack, and whose they are."""
  stack: int
  part: slice
  hand: int
  cost: int


def jobs(shapes: Sequence[tuple[int, ...]], hands: int) -> list[Job]:
  """Deals stacks of matrices out, each in a few parts, by their `d^3`.

  Args:
    shapes: `(B, d, d)` of every stack.
    hands: how many there are.

  Returns:
    The jobs, by stack and in the order of its matrices.

  Example:
    >>> [(job.stack, job.hand) for job in jobs([(2, 9, 9), (1, 9, 9)], hands=2)]
    [(0, 0), (0, 1), (1, 0)]
  """
  parts = [(i, part, (part.stop - part.start) * d**3)
           for i, (b, d, _) in enumerate(shapes) for part in _parts(b, hands)]
  owners = deal([cost for *_, cost in parts], hands)
  return [Job(i, part, owner, cost) for (i, part, cost), owner in zip(parts, owners)]


def each(
    matrices: Sequence[jax.Array], solver: Eigh | None = None
) -> Iterator[tuple[jax.Array, jax.Array]]:
  """Solves matrices `[B, d, d]`, one array after the other.

  Arrays that lie on a mesh are dealt out over its devices by their `d^3`. A
  solver that works on the host does so in the process of the device.

  Args:
    matrices: symmetric; their order does not matter.
    solver: `eigh` or `eigh_float64`, by default as `default` has it.

  Yields:
    What the solver returns for each array, on all devices that held it.
  """
  solver = solver or default(matrices)
  mesh = next((m for m in map(sharding.mesh_of, matrices) if m is not None), None)
  if mesh is None or mesh.size == 1:
    yield from map(solver, matrices)
    return
  hands = in_turn(mesh.devices.flat)
  dealt = jobs([m.shape for m in matrices], len(hands))
  solved = {}
  everywhere = sharding.replicate(list(matrices), mesh)
  for job in dealt:
    for shard in everywhere[job.stack].addressable_shards:
      if shard.device == hands[job.hand]:
        solved[job.stack, job.part.start] = jax.device_put(
            _below(*solver(_of(shard.data, job.part))), shard.device)
  for i, m in enumerate(matrices):
    vectors = _share(
        [(job.part.stop - job.part.start, hands[job.hand],
          solved.get((i, job.part.start))) for job in dealt if job.stack == i],
        m.shape[-1], mesh)
    yield vectors[:, -1], vectors[:, :-1]


def _of(matrices: jax.Array, part: slice) -> jax.Array:
  return matrices if part == slice(0, len(matrices)) else matrices[part]


@jax.jit
def _below(values: jax.Array, vectors: jax.Array) -> jax.Array:
  """Eigenvalues as a last row `[b, d + 1, d]` below the eigenvectors."""
  return jnp.concatenate([vectors, values[:, None]], 1, dtype=jnp.float32)


def in_turn(devices: Iterable[Any]) -> list[Any]:
  """A mesh's devices, hosts taking turns: so hosts get even shares as well."""
  seen: dict[int, int] = {}
  turn = {}
  for device in devices:
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
  n, sizes = sum(b for b, *_ in jobs), tuple(b for b, *_ in jobs)
  mine = []
  for device in mesh.local_devices:
    own = [solved if owner == device else None for _, owner, solved in jobs]
    mine.append(jax.device_put(np.zeros((1, n, d + 1, d), np.float32), device)
                if all(part is None for part in own) else _among_zeros(own, sizes))
  stacked = jax.make_array_from_single_device_arrays(
      (mesh.size, n, d + 1, d),
      NamedSharding(mesh, PartitionSpec(mesh.axis_names)), mine)
  everywhere = NamedSharding(mesh, PartitionSpec())
  add = jax.jit(jnp.sum, static_argnames='axis', out_shardings=everywhere)
  return sharding.settle(add(stacked, axis=0))


@functools.partial(jax.jit, static_argnums=1)
def _among_zeros(own: list[jax.Array | None], sizes: tuple[int, ...]) -> jax.Array:
  """What a device solved `[1, b, d + 1, d]`, and zeros in the place of the rest."""
  d = next(part for part in own if part is not None).shape[-1]
  return jnp.concatenate([
      jnp.zeros((b, d + 1, d), jnp.float32) if part is None else part
      for b, part in zip(sizes, own)])[None]
