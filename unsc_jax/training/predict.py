"""A function over many examples, in batches of one shape."""

from collections.abc import Callable
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import batching
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import sharding


def predict(
    fn: Callable, params: Any, x: Any, *, batch_size: int = 500,
    session: session_lib.Session = session_lib.DEFAULT, label: str = 'evaluating',
) -> np.ndarray:
  """Evaluates `fn(params, x)` for any number of examples.

  Args:
    fn: maps `(params, x)` to an array `[B, ...]`, row by row.
    params: pytree of arrays.
    x: inputs in host memory, a pytree of `[N, ...]`.
    batch_size: how many at once; on a mesh, the next multiple of its devices.
      The last batch is filled up, and a small set to the next power of two, so that
      one program serves all.
    session: whose devices every batch is split over, and whose bar is shown.
    label: what the bar says.

  Returns:
    `[N, ...]` in host memory, in every process.

  Example:
    >>> double = lambda params, x: params * x
    >>> predict(double, 2., np.arange(3.), batch_size=2).tolist()
    [0.0, 2.0, 4.0]
  """
  mesh, n = session.mesh, batching.count(x)
  devices = 1 if mesh is None else mesh.size
  size = -(-batching.power_of_two(n, batch_size) // devices) * devices
  out = []
  for batch in session.progress(batching.filled(x, size), label, -(-n // size)):
    z = _evaluate(fn, mesh, params, sharding.shard_batch(batch.data, mesh))
    out.append(np.asarray(z)[:int(batch.weights.sum())])
  return np.concatenate(out)


def answers(problem: problem_lib.Problem, params: Any, x: Any, *,
            fn: Callable | None = None) -> np.ndarray:
  """Evaluates a problem's network in its session.

  Args:
    problem: whose session is used.
    params: pytree of arrays.
    x: inputs in host memory, a pytree of `[N, ...]`.
    fn: another function than the problem's own.

  Returns:
    `[N, ...]` in host memory, in every process; floating ones in float32 at least.
  """
  found = predict(fn or problem.fn, params, x, session=problem.session)
  if not jnp.issubdtype(found.dtype, jnp.floating):
    return found
  return found.astype(np.promote_types(found.dtype, np.float32))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _evaluate(fn: Callable, mesh: jax.sharding.Mesh | None, params, batch) -> jax.Array:
  if mesh is None:
    return fn(params, batch)
  # All of it on every device: a process can read no other's.
  whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
  return jax.lax.with_sharding_constraint(fn(params, batch), whole)
