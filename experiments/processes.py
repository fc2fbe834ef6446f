"""A script as one of several processes: how it joins them, and who speaks.

All processes run the same script on the same arguments, and share every batch;
the first alone prints and writes.
"""

import os
import sys

import jax

from unsc_jax import sharding


def start(distributed: bool) -> None:
  """Joins the other processes of this run; call it before any use of JAX.

  SLURM, Open MPI, Kubernetes and TPU pods tell a process what it has to know;
  elsewhere JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID do.

  Args:
    distributed: whether there are others.

  Raises:
    ValueError: nothing tells where they are.
  """
  if not distributed:
    return
  number = lambda name: int(os.environ[name]) if name in os.environ else None
  try:
    jax.distributed.initialize(
        num_processes=number('JAX_NUM_PROCESSES'),
        process_id=number('JAX_PROCESS_ID'))
  except ValueError as e:
    raise ValueError(
        f'the other processes are not known ({e}); start under SLURM, Open MPI '
        'or on a TPU pod, or set JAX_COORDINATOR_ADDRESS=HOST:PORT, '
        'JAX_NUM_PROCESSES and JAX_PROCESS_ID.') from e
  if not is_first():
    sys.stdout = open(os.devnull, 'w')  # noqa: SIM115


def is_first() -> bool:
  """Whether this process speaks for all."""
  return jax.process_index() == 0


def mesh() -> jax.sharding.Mesh | None:
  """All devices of all processes; None if there is but one."""
  return sharding.data_mesh() if jax.device_count() > 1 else None
