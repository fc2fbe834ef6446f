"""Dealing changes who solves what, and nothing else."""

import collections
import itertools

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
import unsc_jax
from unsc_jax import null_space
from unsc_jax import sharding
from unsc_jax.null_space import eigen

COMBINE = null_space.pooled(.9), null_space.merged(.9, .9), null_space.sequential(.9)
# Of two hands five jobs are the worst case: 3, 3, 2, 2, 2.
costs = st.lists(st.integers(1, 50), min_size=1, max_size=5)


def _finish(costs, owners, hands):
  return max(sum(c for c, o in zip(costs, owners) if o == h) for h in range(hands))


@settings(max_examples=50, deadline=None)
@given(costs, st.integers(1, 3))
def test_dealing_is_nearly_the_best(costs, hands):
  best = min(_finish(costs, owners, hands) for owners in
             itertools.product(range(hands), repeat=len(costs)))
  owners = eigen.deal(costs, hands)
  assert _finish(costs, owners, hands) <= (4 / 3 - 1 / (3 * hands)) * best + 1e-9


def _matrices(shapes):
  rows = (toys.normal(i, b, 2 * d, d) * np.geomspace(1, .1, d)
          for i, (b, d) in enumerate(shapes))
  return [jnp.asarray(np.einsum('bni,bnj->bij', x, x), jnp.float32) for x in rows]


@pytest.mark.parametrize('solver', [null_space.eigh, null_space.eigh_float64])
def test_every_device_gets_every_result(solver):
  """Of one matrix, of fewer than devices and of more."""
  devices = 3
  mesh = sharding.data_mesh(devices)
  matrices = _matrices(((1, 12), (2, 12), (4, 6), (1, 6)))
  dealt = list(eigen.each(sharding.replicate(matrices, mesh), solver))
  assert len(dealt) == len(matrices)
  for (values, vectors), m in zip(dealt, matrices):
    assert values.sharding.is_fully_replicated
    assert vectors.sharding.mesh.size == devices
    want = np.linalg.eigvalsh(np.asarray(m, np.float64))[..., ::-1]
    np.testing.assert_allclose(values, want, rtol=1e-4, atol=1e-5)
    values, vectors = np.asarray(values), np.asarray(vectors)
    again = vectors * values[:, None] @ vectors.mT
    np.testing.assert_allclose(again, m, atol=1e-4 * np.abs(m).max())


def test_each_matrix_is_solved_once_and_loads_are_even():
  load, solved = collections.Counter(), []

  def solver(matrices):
    device, = matrices.devices()
    load[device] += len(matrices) * matrices.shape[-1] ** 3
    solved.extend([matrices.shape[-1]] * len(matrices))
    return null_space.eigh_float64(matrices)

  shapes = ((1, 20), (1, 20), (16, 20), (1, 10), (1, 10))
  matrices = sharding.replicate(_matrices(shapes), sharding.data_mesh(8))
  list(eigen.each(matrices, solver))
  assert sorted(solved) == sorted(d for b, d in shapes for _ in range(b))
  assert len(load) == 8
  assert max(load.values()) <= 1.4 * sum(load.values()) / 8


def test_hosts_take_turns():
  device = collections.namedtuple('Device', 'id process_index')
  devices = [device(i, i // 2) for i in range(4)]
  assert [d.process_index for d in eigen.in_turn(devices)] == [0, 1, 0, 1]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 40)), min_size=1, max_size=6),
       st.integers(1, 8))
def test_jobs_are_all_matrices_once(stacks, hands):
  found = collections.Counter()
  for job in eigen.jobs([(b, d, d) for b, d in stacks], hands):
    assert 0 <= job.hand < hands
    assert job.cost == len(range(job.part.start, job.part.stop)) * stacks[job.stack][1]**3
    found.update((job.stack, i) for i in range(job.part.start, job.part.stop))
  assert found == {(i, j): 1 for i, (b, _) in enumerate(stacks) for j in range(b)}


def test_on_a_tpu_nothing_is_compiled_where_no_solver_is_named(monkeypatch):
  matrices = _matrices(((1, 6),))
  assert eigen.default(matrices) is null_space.eigh
  monkeypatch.setattr(jax, 'default_backend', lambda: 'tpu')
  assert eigen.default(matrices) is null_space.eigh_float64
  used = []
  monkeypatch.setattr(eigen, 'eigh_float64', lambda m: used.append(m) or null_space.eigh_float64(m))
  moments = toys.moments_of(
      lambda params, x: x @ params['w'], {'w': np.ones((6, 2), np.float32)},
      np.eye(6, dtype=np.float32)[:3])
  for combine in COMBINE:
    del used[:]
    combine([moments])
    assert used
  del used[:]
  jax.jit(unsc_jax.null_space_bases)(moments)  # there it must be compiled
  assert not used


@pytest.mark.parametrize('combine', [  # merged deals as sequential does
    COMBINE[0], pytest.param(COMBINE[1], marks=pytest.mark.slow), COMBINE[2]])
def test_bases_are_those_of_one_device(combine):
  fn = lambda p, x: jnp.tanh(x @ p['a']) @ p['b']
  params = {'a': toys.normal(0, 6, 9), 'b': toys.normal(1, 9, 3)}
  x = toys.normal(2, 2, 16, 6) * np.float32([1, 1, 1, .1, .1, .1])
  classes = [toys.moments_of(fn, params, part) for part in x]
  there = [sharding.replicate(m, sharding.data_mesh(2)) for m in classes]
  for one, many in zip(combine(classes), combine(there)):
    assert one.free == many.free
    update = toys.normal(3, *one.site.shape)
    np.testing.assert_allclose(
        toys.project(many, update), toys.project(one, update), atol=1e-5)
