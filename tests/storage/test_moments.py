"""Moments and bases come back as they were, with their sites."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
import unsc_jax
from unsc_jax import null_space
from unsc_jax import sharding
from unsc_jax.storage import checkpoints
from unsc_jax.storage import moments as stored

pytestmark = pytest.mark.filterwarnings('ignore:places has no free direction')
PARAMS = {
    'table': toys.normal(0, 7, 6),  # used in two ways
    'places': toys.normal(1, 4, 6),  # read alike by all
    'layers': {'w': toys.normal(2, 2, 6, 6)}}


def _fn(params, x):
  h = params['table'][x] + params['places'][jnp.arange(4)]
  h, _ = jax.lax.scan(lambda h, w: (jnp.tanh(h @ w), None), h, params['layers']['w'])
  return h @ params['table'].T


@pytest.fixture(scope='module')
def moments():
  return toys.moments_of(_fn, PARAMS, np.arange(36).reshape(9, 4) % 5)


def _mixed(moments):
  """Gains of which one is a basis, and one of two sides."""
  gains, bases = null_space.soft(.1)(moments), null_space.hard(.9)(moments)
  sides = null_space.KroneckerGain(
      gains['places'].site, *(toys.normal(i, 1, *shape) for i, shape in enumerate(
          ((4, 4), (6, 6), (4, 6)))))
  return null_space.Gains({**gains.by_path, 'layers/w': bases.by_path['layers/w'],
                           'places': (sides,)})


@pytest.mark.parametrize('devices', [None, 8])
@pytest.mark.parametrize('kind', [unsc_jax.Moments, null_space.Bases, null_space.Gains])
def test_round_trip_is_exact(kind, devices, path, moments):
  assert any(m.fixed is not None for m in moments)
  makes = {unsc_jax.Moments: lambda m: m, null_space.Bases: null_space.hard(.9),
           null_space.Gains: _mixed}
  what = makes[kind](moments)
  if devices:
    what = sharding.replicate(what, sharding.data_mesh(devices))
  stored.save(path, what)
  found = stored.load(path)
  chex.assert_trees_all_equal_structs(found, what)  # sites and all
  chex.assert_trees_all_equal(found, what)
  assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(found))


def test_those_of_another_run_are_refused(path, moments):
  stored.save(path, moments, {'seed': 0, 'shape': (2, 3)})
  for of in (None, {'seed': 0, 'shape': (2, 3)}):
    chex.assert_trees_all_equal_structs(stored.load(path, of), moments)
  with pytest.raises(ValueError, match='the moments of another run, with another seed: remove it'):
    stored.load(path, {'seed': 1, 'shape': (2, 3)})


def test_parameters_are_no_moments(path):
  checkpoints.save(path, {'w': jnp.ones(3)})
  with pytest.raises(ValueError, match='neither moments nor bases nor gains'):
    stored.load(path)
