"""Many rows of the specification at a time: one program of thirty networks is made in
half the time of thirty programs."""

import functools
from typing import Any
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from tests.capture import case as case_lib
from tests.capture import runs
from tests.capture import table
import unsc_jax
from unsc_jax import paths

AT_ONCE = 32
Rows = tuple[case_lib.Case, ...]


def _beside(case: case_lib.Case) -> Rows:
  """The rows that go through with a row: as quick as it is."""
  alike = [other for other in table.CASES if table.is_quick(other) == table.is_quick(case)]
  first = alike.index(case) // AT_ONCE * AT_ONCE
  return tuple(alike[first:first + AT_ONCE])


def result(case: case_lib.Case) -> tuple[Any, unsc_jax.Moments]:
  """As `runs.result`."""
  return _results(_beside(case))[case]


def free_update(case: case_lib.Case) -> dict[str, tuple[np.ndarray, bool]]:
  """A random update of every parameter, projected by the library; whether it had a basis."""
  return _free_updates(_beside(case))[case]


@functools.cache
def _results(rows: Rows) -> dict:
  networks = [runs.network(case) for case in rows]
  with_moments = [unsc_jax.input_moments(network.fn) for network in networks]
  run = jax.jit(lambda given: [fn(params, *args) for fn, (params, args) in zip(
      with_moments, given, strict=True)])
  found = run([(network.params, network.args) for network in networks])
  return dict(zip(rows, found, strict=True))


def _inside(row: int, path: str) -> str:
  """The path of a row's parameter among those of all; of a row that is one array, none."""
  return f'{row}/{path}' if path else str(row)


@functools.cache
def _free_updates(rows: Rows) -> dict:
  """As if the networks were the layers of one."""
  numbers = np.random.default_rng(1)
  random = lambda leaf: leaf if jnp.issubdtype(
      leaf.dtype, jax.dtypes.prng_key) else numbers.standard_normal(
          leaf.shape).astype(leaf.dtype)
  updates = {str(i): jax.tree.map(random, runs.network(case).params)
             for i, case in enumerate(rows)}
  moments = unsc_jax.Moments({
      _inside(i, path): uses for i, case in enumerate(rows)
      for path, uses in jax.device_get(result(case)[1]).by_path.items()})
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # of layers without room
    bases = unsc_jax.null_space_bases(
        moments, unsc_jax.threshold_rank(3e-7), solver=unsc_jax.eigh_float64)
  tx = unsc_jax.null_space_projection(bases)
  projected, _ = jax.jit(tx.update)(updates, tx.init(updates))
  return {case: {
      path: (np.asarray(leaf), _inside(i, path) in bases)
      for path, leaf in paths.leaf_paths(projected[str(i)]).items()
      if jnp.issubdtype(leaf.dtype, jnp.floating)} for i, case in enumerate(rows)}
