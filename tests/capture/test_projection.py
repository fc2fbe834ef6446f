"""The other half: what the library projects leaves the outputs of every row."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.capture import runs
from tests.capture import table
import unsc_jax
from unsc_jax import trace


def free_update(case):
  """A random update of every parameter, projected by the library."""
  _, params, _ = runs.network(case)
  _, moments = runs.result(case)
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # of layers without room
    bases = unsc_jax.null_space_bases(
        moments, unsc_jax.threshold_rank(3e-7), solver=unsc_jax.eigh_float64)
  tx = unsc_jax.null_space_projection(bases)
  numbers = np.random.default_rng(1)
  random = lambda leaf: leaf if jnp.issubdtype(
      leaf.dtype, jax.dtypes.prng_key) else jnp.asarray(
          numbers.standard_normal(leaf.shape)).astype(leaf.dtype)
  update, _ = jax.jit(tx.update)(jax.tree.map(random, params), tx.init(params))
  return bases, update


@pytest.mark.parametrize('case', table.CASES, ids=lambda case: case.id)
def test_projected_updates_leave_outputs(case):
  _, params, args = runs.network(case)
  if not runs.result(case)[1].by_path:
    return  # all is frozen, and the library says so
  forward = runs.forward(case)
  bases, update = free_update(case)
  size = lambda tree: np.sqrt(sum((x**2).sum() for x in runs.floats(tree)))
  scale = size(params) / (size(update) or 1)
  after = jax.tree.map(lambda p, u: (p + scale * u).astype(p.dtype) if jnp.issubdtype(
      p.dtype, jnp.floating) else p, params, update)
  before = forward(params, *args)
  assert runs.change(before, forward(after, *args)) < case.tolerance
  for path, leaf in trace.leaf_paths(update).items():
    if jnp.issubdtype(leaf.dtype, jnp.floating):
      moves = path in bases and path not in case.full
      assert bool(jnp.any(leaf != 0)) == moves, path
