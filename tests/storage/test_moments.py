"""Moments and bases come back as they were, with their sites."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import unsc_jax
from unsc_jax import sharding
from unsc_jax.storage import checkpoints
from unsc_jax.storage import moments as stored

pytestmark = pytest.mark.filterwarnings('ignore:places has no free direction')
RNG = np.random.default_rng(0)
PARAMS = {
    'table': RNG.normal(size=(7, 6)).astype(np.float32),  # used in two ways
    'places': RNG.normal(size=(4, 6)).astype(np.float32),  # read alike by all
    'layers': {'w': RNG.normal(size=(2, 6, 6)).astype(np.float32)}}


def _fn(params, x):
  h = params['table'][x] + params['places'][jnp.arange(4)]
  h, _ = jax.lax.scan(lambda h, w: (jnp.tanh(h @ w), None), h, params['layers']['w'])
  return h @ params['table'].T


@pytest.fixture(scope='module')
def moments():
  x = RNG.integers(0, 5, (9, 4))
  return unsc_jax.input_moments(_fn)(PARAMS, x)[1]


@pytest.fixture(params=['statistics.npz', 'statistics'], ids=['npz', 'orbax'])
def path(request, tmp_path):
  return tmp_path / request.param


@pytest.mark.parametrize('devices', [None, 8])
@pytest.mark.parametrize('kind', ['moments', 'bases'])
def test_round_trip_is_exact(kind, devices, path, moments):
  assert any(m.fixed is not None for m in moments)
  what = moments if kind == 'moments' else unsc_jax.null_space_bases(moments, .9)
  if devices:
    what = sharding.replicate(what, sharding.data_mesh(devices))
  stored.save(path, what)
  found = stored.load(path)
  assert jax.tree.structure(found) == jax.tree.structure(what)  # sites and all
  jax.tree.map(np.testing.assert_array_equal, found, what)


def test_what_is_read_is_of_use(path, moments):
  stored.save(path, moments)
  found = stored.load(path)
  left = found - moments * .5  # the same group
  bases = unsc_jax.null_space_bases(left, .9)
  want = unsc_jax.null_space_bases(moments, .9)
  for name, (basis, *_) in want.by_path.items():
    np.testing.assert_array_equal(bases.by_path[name][0].rank, basis.rank)


def test_those_of_another_run_are_refused(path, moments):
  stored.save(path, moments, {'seed': 0, 'shape': (2, 3)})
  for of in (None, {'seed': 0, 'shape': (2, 3)}):
    assert jax.tree.structure(stored.load(path, of)) == jax.tree.structure(moments)
  with pytest.raises(ValueError, match='the moments of another run, with another seed: remove it'):
    stored.load(path, {'seed': 1, 'shape': (2, 3)})


def test_parameters_are_no_moments(path):
  checkpoints.save(path, {'w': jnp.ones(3)})
  with pytest.raises(ValueError, match='neither moments nor bases'):
    stored.load(path)
