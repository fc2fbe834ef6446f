"""What `capacity` tells before a run, and when it warns."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

from tests.capture import case as case_lib
import unsc_jax

random = case_lib.random


def capacity(rank: int, wide: int):
  """Two layers of which `rank` directions are read."""
  fn = lambda p, x: (x[:, :30] @ p['body'], x @ p['head'])
  x = np.zeros((40, 30 + wide), np.float32)
  x[:, :rank] = random(40, rank)
  params = {'body': jnp.ones((30, 3)), 'head': jnp.ones((30 + wide, 3))}
  _, moments = unsc_jax.input_moments(fn)(params, x)
  return unsc_jax.null_space_bases(moments, unsc_jax.threshold_rank())


def test_capacity_counts_free_directions():
  assert str(unsc_jax.capacity(capacity(20, 10))) == (
      'body: 10 of 30 directions free\nhead: 20 of 40 directions free')


def layers_with_room(*free: int):
  """Bases of layers of fan-in 30 with so many free directions, and of a table."""
  def fn(params, x):
    read = [x[:, i] @ params[f'layer{i}'] for i in range(len(free))]
    return read, params['table'][jnp.arange(3)]

  x = np.zeros((40, len(free), 30), np.float32)
  for i, room in enumerate(free):
    x[:, i, room:] = random(40, 30 - room)
  params = {f'layer{i}': jnp.ones((30, 3)) for i in range(len(free))}
  _, moments = unsc_jax.input_moments(fn)({**params, 'table': jnp.ones((9, 2))}, x)
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # of layers without any
    return unsc_jax.null_space_bases(moments, unsc_jax.threshold_rank())


@pytest.mark.parametrize(
    'free', [(0, 20), (0, 2, 20), (0, 0, 2, 20), (1, 1, 20), (0, 0, 8, 20)])
def test_capacity_warns_where_forgetting_will_have_to_happen(free):
  """In the head, mostly; rows of a table that are not read are no room."""
  last = f'layer{len(free) - 1}'
  with pytest.warns(UserWarning, match=f'of {len(free)} layers.*happen in .*{last};'):
    found = unsc_jax.capacity(layers_with_room(*free))
  assert str(found).endswith('table: 6 of 9 rows free')


def test_capacity_warns_where_nothing_can_change():
  with pytest.warns(UserWarning, match='only 0 of 2 layers.*happen nowhere'):
    unsc_jax.capacity(layers_with_room(0, 2))


@pytest.mark.parametrize('free', [(20,), (10, 20), (0, 5, 20), (4, 5, 6, 20)])
def test_capacity_does_not_warn_of_networks_with_room(free):
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    unsc_jax.capacity(layers_with_room(*free))
