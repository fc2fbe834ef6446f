"""Where arrays live: data parallelism at the edge, none of it in the maths.

The library's functions contain no collectives. Put a batch on a mesh with
`shard_batch`, jit, and XLA adds the all-reduce that a sum over it needs.
"""

from typing import Any

import jax
from jax.sharding import AxisType
from jax.sharding import Mesh
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec
import numpy as np


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
      (count,), ('data',), axis_types=(AxisType.Auto,),
      devices=jax.devices()[:count])


def replicate(tree: Any, mesh: Mesh) -> Any:
  """Puts a copy of every leaf on every device."""
  return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def shard_batch(batch: Any, mesh: Mesh) -> Any:
  """Splits the leading axis of every leaf over the mesh.

  A batch that does not divide evenly, the last of an epoch say, is replicated:
  the result is the same, only slower.

  In a run of several processes every process passes its own part, of one size.
  """
  processes = jax.process_count()

  def put(leaf):
    leaf = np.asarray(leaf)
    even = leaf.ndim and len(leaf) * processes % mesh.size == 0
    spec = PartitionSpec('data') if even or processes > 1 else PartitionSpec()
    return jax.make_array_from_process_local_data(
        NamedSharding(mesh, spec), leaf)

  return jax.tree.map(put, batch)


def settle(tree: Any) -> Any:
  """Waits for a step's results on the CPU, where XLA needs it.

  With several virtual CPU devices, programs with collectives that overlap
  starve each other's threads and abort; accelerators run ahead as they should.
  """
  if jax.default_backend() == 'cpu':
    jax.block_until_ready(tree)
  return tree
