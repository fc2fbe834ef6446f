"""The test of truth: a change that meets no input changes no output."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.capture import oracle
from tests.capture import runs
from tests.capture import table
from tests.capture import together
import unsc_jax
from unsc_jax import paths

# What a library's module does is, as a program, what a row written by hand does: but for
# a few of each kind they are for long runs.
rows = pytest.mark.parametrize('case', [
    pytest.param(case, id=case.id, marks=() if table.is_quick(case) else pytest.mark.slow)
    for case in table.CASES])


@rows
def test_what_is_captured(case):
  """All parameters but those listed, and those for the reasons listed."""
  fn, params, args = runs.network(case)
  found = unsc_jax.sites(fn, params, *args)
  assert set(found.uncaptured) == set(case.uncaptured), str(found)
  for path, reason in case.uncaptured.items():
    assert reason in found.uncaptured[path]
  assert {site.path for site in found.uses} == (
      set(paths.leaf_paths(params)) - set(case.uncaptured))


@rows
def test_output_is_the_functions_own(case):
  out, _ = together.result(case)
  fn, params, args = runs.network(case)
  assert runs.change(runs.forward(case)(params, *args), out) < case.tolerance / 10


@rows
def test_null_space_leaves_outputs_and_random_does_not(case):
  _, params, args = runs.network(case)
  forward = runs.forward(case)
  before = forward(params, *args)
  inside, outside = runs.changes(case, together.result(case)[1])
  for path, change in inside.items():
    assert bool(np.any(change)) == (path not in case.full), path
  moved = runs.change(before, forward(runs.replace(params, inside), *args))
  assert moved < case.tolerance
  for path, change in outside.items():  # every parameter by itself matters
    after = forward(runs.replace(params, {path: change}), *args)
    far = max(1e-2, 10 * case.tolerance)
    assert (runs.change(before, after) > far) == (path not in case.idle), path


@rows
def test_projected_updates_leave_outputs(case):
  """The other half: what the library projects, to the last parameter."""
  _, params, args = runs.network(case)
  if not together.result(case)[1].by_path:
    return  # all is frozen, and the library says so
  forward = runs.forward(case)
  update = together.free_update(case)
  size = lambda tree: np.sqrt(sum((abs(x)**2).sum() for x in runs.floats(tree)))
  free = {path: leaf for path, (leaf, _) in update.items()}
  scale = np.float32(size(params) / (size(free) or 1))
  after = runs.replace(params, {path: scale * leaf for path, leaf in free.items()})
  assert runs.change(forward(params, *args), forward(after, *args)) < case.tolerance
  for path, (leaf, has_basis) in update.items():
    assert np.any(leaf) == (has_basis and path not in case.full), path


@pytest.mark.parametrize('case', [
    pytest.param(case, id=case.id, marks=() if table.is_quick(case) else pytest.mark.slow)
    for case in table.CASES if case.rows])
def test_moments_are_the_closed_form(case):
  """Against sums of outer products in float64, to 1e-5."""
  _, params, args = runs.network(case)
  _, moments = together.result(case)
  numpy = lambda x: np.asarray(x, np.float64) if jnp.issubdtype(
      x.dtype, jnp.floating) else np.asarray(x)
  wide = lambda met: np.asarray(met, np.result_type(met, np.float64))
  params = {path: numpy(x) for path, x in paths.leaf_paths(params).items()}
  expected = case.met(params, *jax.tree.map(numpy, args))
  assert set(expected) == set(moments.by_path)
  for path, ways in expected.items():
    ways = ways if isinstance(ways, list) else [ways]
    found = moments.by_path[path]
    assert len(found) == len(ways)
    for moment, met in zip(found, ways, strict=True):
      met = wide(met)
      if moment.site.kind == 'lookup':
        second = first = met.reshape(moment.second.shape)
        count = second.sum(-1)
      else:
        met = met.reshape(-1, *met.shape[-2:])
        second, first = oracle.second_moment(met), met.sum(1)
        count = met.shape[1] * met.any((1, 2))  # 0 for a layer that never ran
      scale = np.abs(second).max()
      np.testing.assert_allclose(moment.second, second, rtol=0, atol=1e-5 * scale)
      np.testing.assert_allclose(
          moment.first, first, rtol=0, atol=1e-5 * max(1, np.abs(met).sum()))
      np.testing.assert_array_equal(moment.count, count)
