"""Parameters split over devices: the same weights, and each where it was."""

import logging
import re

import chex
import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P
import numpy as np
import optax
import pytest

from tests import toys
import unsc_jax
from unsc_jax import batching
from unsc_jax import null_space
from unsc_jax import problem
from unsc_jax import session as session_lib
from unsc_jax import sharding
from unsc_jax import training

MESH = sharding.data_mesh(8)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6, 6, 2)).astype(np.float32)
Y = RNG.integers(0, 5, 64).astype(np.int32)
PARAMS = {
    'conv': RNG.normal(size=(3, 3, 2, 16)).astype(np.float32) / 4,  # split by output
    'tall': RNG.normal(size=(576, 24)).astype(np.float32) / 24,  # split by fan-in
    'odd': RNG.normal(size=(24, 5)).astype(np.float32) / 5,  # split by fan-in
    'bias': np.zeros(5, np.float32)}  # nothing fits


def fn(params, x):
  h = jnp.tanh(toys.convolve(x, params['conv']))
  h = jnp.tanh(h.reshape(len(x), -1) @ params['tall'])
  return h @ params['odd'] + params['bias']


@pytest.fixture(scope='module')
def split():
  return sharding.shard_params(PARAMS, MESH, smallest=1)


@pytest.fixture(scope='module')
def moments():
  return toys.moments_of(fn, PARAMS, X)


@pytest.fixture(scope='module')
def bases(moments):
  return unsc_jax.null_space_bases(moments, .9)


def _spec(leaf):
  return P(*leaf.sharding.spec)


def test_the_largest_axis_that_divides_is_split(split):
  assert jax.tree.map(_spec, split) == {
      'conv': P(None, None, None, 'data'), 'tall': P('data'), 'odd': P('data'),
      'bias': P()}
  chex.assert_trees_all_equal(split, PARAMS)
  small = sharding.shard_params(PARAMS, MESH, smallest=10_000)
  assert _spec(small['tall']) == P('data')
  assert _spec(small['conv']) == P()

  # A device holds its share alone.
  assert {s.data.shape for s in split['tall'].addressable_shards} == {(72, 24)}


def test_moments_do_not_depend_on_it(split, moments):
  for m, n in zip(toys.moments_of(fn, split, sharding.shard_batch(X, MESH)), moments):
    np.testing.assert_allclose(m.second, n.second, atol=1e-6 * np.abs(n.second).max())


def test_bases_and_state_follow(split, bases):
  state = unsc_jax.project_updates(optax.adam(.1), bases).init(split)
  rows = {path: _spec(basis.vectors) for path, (basis,) in state.bases.by_path.items()}
  assert rows == {'conv': P(None, None), 'tall': P(None, 'data'), 'odd': P(None, 'data')}
  assert jax.tree.map(_spec, state.inner[0].mu) == jax.tree.map(_spec, split)
  for path, (basis,) in state.bases.by_path.items():
    given = bases[path].vectors
    more = basis.vectors.shape[-1] - given.shape[-1]  # zero columns fill it up
    np.testing.assert_array_equal(
        basis.vectors, np.pad(given, [(0, 0), (0, 0), (0, more)]))


@pytest.mark.parametrize(('optimizer', 'in_parts'), [
    (optax.sgd(.2, momentum=.9), True), (optax.adam(1e-2), True),
    (optax.adam(1e-2), False)])
def test_training_is_that_of_one_device(optimizer, in_parts, split, bases, caplog):
  there = split if in_parts else PARAMS
  run = lambda params, mesh: training.fit(
      training.classify(fn), unsc_jax.project_updates(optimizer, bases), params,
      batching.stream(problem.Examples(X, Y), 16, 0), steps=6,
      key=jax.random.key(0), session=session_lib.Session(mesh)).params
  with jax.log_compiles(), caplog.at_level(logging.WARNING):
    found = run(there, MESH)
  compiled = [r for r in caplog.records
              if r.getMessage().startswith('Compiling jit(_step)')]
  assert len(compiled) == 1  # the state goes out as it came in
  want = run(PARAMS, None)
  for path in ('conv', 'tall', 'odd'):
    assert _spec(found[path]) == (_spec(there[path]) if in_parts else P())
    assert np.abs(want[path] - PARAMS[path]).max() > 1e-3
    np.testing.assert_allclose(found[path], want[path], atol=1e-5)


def test_a_projection_of_columns_needs_no_one(split, bases):
  """And one along a split fan-in sums [k, o] numbers, no more."""
  sizes = {}
  for path in ('conv', 'tall'):
    update = split[path]
    tx = unsc_jax.null_space_projection(
        null_space.Bases({path: bases.by_path[path]}))
    project = jax.jit(lambda u, s, tx=tx: tx.update(u, s)[0],
                      out_shardings={path: update.sharding})
    program = project.lower({path: update}, tx.init({path: update})).compile()
    sizes[path] = re.findall(
        r'= \S+ (all-\w+|reduce-scatter|collective-permute)\(', program.as_text())
  assert sizes['conv'] == []
  assert set(sizes['tall']) == {'all-reduce'}
  assert len(sizes['tall']) <= 2


@pytest.mark.parametrize('n', [16, 13])
def test_a_batch_is_split_where_it_divides(n):
  batch = sharding.shard_batch(problem.Examples(X[:n], Y[:n]), MESH)
  assert _spec(batch.x) == (P('data') if n == 16 else P())
  np.testing.assert_array_equal(batch.x, X[:n])
  assert sharding.shard_batch(batch, MESH).x is batch.x  # it is there already


def test_only_the_rows_of_ones_devices_are_read():
  class Source:
    shape, dtype = X.shape, X.dtype
    read: list = []

    def __getitem__(self, index):
      self.read.append(len(index))
      return X[index]

  at = RNG.permutation(64)[:16]
  batch = sharding.shard_batch(batching.Rows(Source(), at), MESH)
  np.testing.assert_array_equal(batch, X[at])
  assert Source.read == [2] * 8
  assert sharding.shard_batch(batching.Rows(X, at), None).shape == batch.shape


def test_a_mesh_needs_an_axis_for_data():
  mesh = jax.make_mesh((2,), ('model',), axis_types=(jax.sharding.AxisType.Auto,))
  with pytest.raises(ValueError, match="no axis 'data' .* only model"):
    sharding.shard_batch(X, mesh)


def test_mesh_of_more_devices_than_there_are_is_refused():
  for count in (0, 9):
    with pytest.raises(ValueError, match=f'a mesh of {count} devices .* there are 8'):
      sharding.data_mesh(count)
