"""Where arrays live: parallelism at the edge, none of it in the maths.

The library's functions contain no collectives. Put a batch on a mesh with
`shard_batch`, jit, and XLA adds the all-reduce that a sum over it needs.
Parameters are replicated or, with `shard_params`, split over the same devices;
what is made from them follows.

All processes of a run call these functions alike, with the same host arrays.
"""

import math
from typing import Any

import jax
from jax import core
import jax.numpy as jnp
from jax.sharding import AxisType
from jax.sharding import Mesh
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec
import numpy as np

from unsc_jax import batching

_AXIS = 'data'


def data_mesh(devices: int | None = None) -> Mesh:
  """A one-axis mesh named `data` over all devices, or over the first few.

  Its axis is of type Auto: the partitioner may insert collectives.

  Raises:
    ValueError: there are not that many devices.
  """
  count = jax.device_count() if devices is None else devices
  if not 1 <= count <= jax.device_count():
    raise ValueError(
        f'a mesh of {count} devices was asked for where there are '
        f'{jax.device_count()}; leave the number out to take all.')
  return jax.make_mesh(
      (count,), (_AXIS,), axis_types=(AxisType.Auto,),
      devices=jax.devices()[:count])


def replicate(tree: Any, mesh: Mesh) -> Any:
  """Puts a copy of every leaf on every device."""
  return _put(tree, NamedSharding(mesh, PartitionSpec()))


def place(tree: Any, mesh: Mesh) -> Any:
  """Brings a tree to a mesh: what is there stays, the rest is replicated."""
  return jax.tree.map(
      lambda leaf: leaf if mesh_of(leaf) == mesh else replicate(leaf, mesh), tree)


def mesh_of(leaf: Any) -> Mesh | None:
  """The mesh that an array lies on; None for any other leaf."""
  if not isinstance(leaf, jax.Array) or isinstance(leaf, core.Tracer):
    return None
  mesh = getattr(leaf.sharding, 'mesh', None)
  return mesh if isinstance(mesh, Mesh) else None


def devices_of(tree: Any) -> int:
  """Over how many devices arrays may be split: those of the mesh they lie on.

  Under `jax.jit` as well. Axes that `jax.shard_map` has taken do not count, as an
  array is that of one device there. Without a mesh: all devices that there are.
  """
  for leaf in jax.tree.leaves(tree):
    mesh = jax.typeof(leaf).sharding.mesh
    if not mesh.empty:
      return math.prod(size for size, kind in zip(mesh.axis_sizes, mesh.axis_types)
                       if kind != AxisType.Manual)
  return jax.device_count()


def shard_params(params: Any, mesh: Mesh, *, smallest: int = 2**14) -> Any:
  """Splits parameters over a mesh: a device holds a part and borrows the rest.

  Each leaf is split along its largest axis that the mesh divides, the last one
  of several. What an optimiser and `projection` make of them is split alike.

  Args:
    params: pytree of arrays.
    mesh: with an axis `data`.
    smallest: leaves of fewer entries are replicated, as those that no axis of
      fits: to gather them would take longer than to keep them.

  Returns:
    The same values, sharded.

  Example:
    >>> mesh = data_mesh(1)
    >>> params = shard_params({'w': np.ones((3, 4))}, mesh, smallest=1)
    >>> params['w'].sharding.spec
    P(None, 'data')

  Source: the stored shards of ZeRO-3 and FSDP; XLA does the gathering.
  """
  def put(leaf):
    count = mesh.shape[_AXIS]
    fitting = [(n, i) for i, n in enumerate(leaf.shape) if n % count == 0]
    if not fitting or leaf.size < smallest:
      return replicate(leaf, mesh)
    _, axis = max(fitting)
    spec = PartitionSpec(*(None,) * axis, _AXIS)
    return _put(leaf, NamedSharding(mesh, spec))

  return jax.tree.map(put, params)


def shard_batch(batch: Any, mesh: Mesh | None) -> Any:
  """Splits the leading axis of every leaf over the mesh.

  A batch that does not divide evenly, the last of an epoch say, is replicated:
  the result is the same, only slower. Arrays that lie on the mesh stay as they
  are: an input pipeline of one's own may have put them there.

  In a run of several processes all pass the same batch, of which each reads
  only the rows of its own devices (see `batching.Rows`).

  Args:
    batch: pytree of host arrays `[B, ...]`.
    mesh: with an axis `data` to split it over; None is the default device.

  Returns:
    The batch on the mesh; without one as it was, but for `Rows`, which are read.

  Raises:
    ValueError: the mesh has no axis `data`.
  """
  if mesh is not None and _AXIS not in mesh.shape:
    raise ValueError(
        f'the mesh has no axis {_AXIS!r} to split a batch over, only '
        f'{", ".join(mesh.axis_names)}; give one of its axes that name.')

  def put(leaf):
    rows = isinstance(leaf, batching.Rows)
    if mesh is None:
      return np.asarray(leaf) if rows else leaf
    if mesh_of(leaf) == mesh:
      return leaf
    leaf = leaf if rows else np.asarray(leaf)
    even = len(leaf.shape) and leaf.shape[0] % mesh.shape[_AXIS] == 0
    spec = PartitionSpec(_AXIS) if even else PartitionSpec()
    return jax.make_array_from_callback(
        leaf.shape, NamedSharding(mesh, spec), lambda index: np.asarray(leaf[index]))

  return jax.tree.map(put, batch)


def settle(tree: Any) -> Any:
  """Waits for a step's results on the CPU, where XLA needs it.

  With several virtual CPU devices, programs with collectives that overlap
  starve each other's threads and abort; accelerators run ahead as they should.
  """
  if jax.default_backend() == 'cpu':
    jax.block_until_ready(tree)
  return tree


def is_key(leaf: Any) -> bool:
  """Whether a leaf is an array of JAX's random keys."""
  return isinstance(leaf, jax.Array) and jnp.issubdtype(
      leaf.dtype, jax.dtypes.prng_key)


def _put(tree: Any, where: NamedSharding) -> Any:
  """As `jax.device_put`, also for random keys."""
  def put(leaf):
    if is_key(leaf):  # JAX 0.10 puts no keys there
      data = jax.device_put(jax.random.key_data(leaf), where)
      return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
    return jax.device_put(leaf, where)
  return jax.tree.map(put, tree)
