"""What the library says of a row, computed once, and how outputs are compared."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests import toys
from tests.capture import case as case_lib
from tests.capture import oracle
import unsc_jax
from unsc_jax import paths


@functools.cache
def network(case: case_lib.Case) -> case_lib.Network:
  # Of the same parameters where 64 bits are on, which some libraries' layers then have.
  with jax.enable_x64(False):
    fn, params, args = toys.of_a_stranger(case.network)()
    params = jax.tree.map(jnp.asarray, params)
  return case_lib.Network(toys.of_a_stranger(fn), params, jax.tree.map(jnp.asarray, args))


@functools.cache
def with_moments(case: case_lib.Case):
  return jax.jit(unsc_jax.input_moments(network(case).fn))


@functools.cache
def result(case: case_lib.Case) -> tuple[Any, unsc_jax.Moments]:
  """The output and the moments, compiled."""
  _, params, args = network(case)
  return with_moments(case)(params, *args)


@functools.cache
def forward(case: case_lib.Case):
  return jax.jit(network(case).fn)


def floats(tree: Any) -> list[np.ndarray]:
  of_type = lambda kind: [leaf for leaf in jax.tree.leaves(tree)
                          if jnp.issubdtype(leaf.dtype, kind)]
  return [*(np.asarray(leaf, np.float64) for leaf in of_type(jnp.floating)),
          *(np.asarray(leaf, np.complex128) for leaf in of_type(jnp.complexfloating))]


def change(before: Any, after: Any) -> float:
  """The largest change of an output, relative to the largest output."""
  before, after = floats(before), floats(after)
  scale = max((np.abs(x).max(initial=0) for x in before), default=0) or 1
  return max((np.abs(a - b).max(initial=0) for a, b in zip(before, after)),
             default=0) / scale


def replace(params: Any, changes: dict[str, np.ndarray]) -> Any:
  """Parameters with some of them changed by so much."""
  def add(path, leaf):
    delta = changes.get(paths.path_name(path))
    if delta is None:
      return leaf
    return (np.asarray(leaf, np.float32) + delta).astype(leaf.dtype)
  return jax.tree_util.tree_map_with_path(add, params)


def changes(case: case_lib.Case, moments: unsc_jax.Moments, relative: float = 3e-7
            ) -> tuple[dict, dict]:
  """Random changes of the captured parameters: in the null space, and not.

  Both have the size of the parameter, so that the two can be compared. What is null is
  as `oracle.into_null_space` has it.
  """
  _, params, _ = network(case)
  leaves = paths.leaf_paths(params)
  inside, outside = {}, {}
  for seed, (path, found) in enumerate(moments.by_path.items()):
    leaf = np.asarray(leaves[path], np.float64)
    draw = np.random.default_rng(seed).standard_normal(leaf.shape)
    free = draw
    for moment in found:
      free = oracle.into_null_space(moment.site, moment.second, free, relative)
    size = np.linalg.norm(leaf) or 1
    fit = lambda x, size=size: x * (size / (np.linalg.norm(x) or 1))
    inside[path], outside[path] = fit(free), fit(draw)
  return inside, outside

