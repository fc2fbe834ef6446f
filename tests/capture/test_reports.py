"""What people read before a run, and what stops them."""

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.capture import case as case_lib
import unsc_jax
from unsc_jax import sharding

random = case_lib.random


class Net(nn.Module):

  @nn.compact
  def __call__(self, x):
    x = nn.relu(nn.Conv(6, (3, 3), feature_group_count=2)(x))
    dense = nn.Dense(10)
    x = dense(nn.relu(nn.Dense(10)(x.reshape(len(x), -1))))
    return dense(nn.tanh(x))


X = random(2, 4, 4, 4)
PARAMS = Net().init(jax.random.key(0), X)


def test_table_names_what_is_captured_and_what_is_not():
  found = unsc_jax.sites(Net().apply, PARAMS, X)
  lines = [line.split() for line in str(found).splitlines()]
  total = sum(leaf.size for leaf in jax.tree.leaves(PARAMS))
  share = lambda n: f'{n / total:.1%}'
  for line in (
      ['params/Conv_0/kernel', 'conv', '18', '2', share(108), '1'],
      ['params/Dense_1/kernel', 'dense', '96', '1', share(960), '1'],
      ['params/Dense_0/kernel', 'dense', '10', '1', share(100), '2'],
      ['params/Dense_1/bias', share(10), 'added,', 'as', 'a', 'bias', 'is']):
    assert line in lines
  assert found.covered == pytest.approx((108 + 960 + 100) / total)


def test_shapes_are_enough():
  shapes = jax.eval_shape(lambda: (PARAMS, X))
  assert str(unsc_jax.sites(Net().apply, *shapes)) == str(
      unsc_jax.sites(Net().apply, PARAMS, X))


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


def test_capacity_warns_where_forgetting_will_have_to_happen():
  fn = lambda p, x: (x[:, :30] @ p['a'], x[:, :30] @ p['b'], x @ p['head'])
  x = np.zeros((40, 60), np.float32)
  x[:, :29] = random(40, 29)
  params = {'a': jnp.ones((30, 3)), 'b': jnp.ones((30, 3)), 'head': jnp.ones((60, 3))}
  _, moments = unsc_jax.input_moments(fn)(params, x)
  bases = unsc_jax.null_space_bases(moments, unsc_jax.threshold_rank())
  with pytest.warns(UserWarning, match='only 1 of 3 layers.*happen in head'):
    unsc_jax.capacity(bases)


def test_what_no_data_reach_is_not_subtracted_with_a_batch():
  """One batch of all data, one of those to forget: positions are still read."""
  def fn(params, ids):
    x = params['tokens'][ids] + params['positions'][jnp.arange(ids.shape[1])]
    return x @ params['w']

  params = {'tokens': random(9, 4), 'positions': random(5, 4), 'w': random(4, 3)}
  params = jax.tree.map(jnp.asarray, params)
  retain, forget = jnp.array([[1, 2, 3]]), jnp.array([[4, 2, 5]])
  moments = jax.jit(unsc_jax.input_moments(fn))
  everything = moments(params, jnp.concatenate([retain, forget]))[1]
  left = everything - moments(params, forget)[1]
  wanted = moments(params, retain)[1]
  assert left['positions'].second.tolist() == [[1, 1, 1, 0, 0]]
  for path in ('tokens', 'w'):
    np.testing.assert_allclose(
        left[path].second, wanted[path].second, atol=1e-4)
  bases = unsc_jax.null_space_bases(left)
  update = unsc_jax.null_space_projection(bases).update(
      params, unsc_jax.null_space_projection(bases).init(params))[0]
  after = jax.tree.map(jnp.add, params, {**update, 'w': 0 * params['w']})
  np.testing.assert_array_equal(fn(after, retain), fn(params, retain))


def test_an_unrolled_recurrence_still_forgets():
  """Its first step has no data; the others' are subtracted all the same."""
  def fn(params, x):
    h = jnp.ones((1, 4))
    for i in range(2):
      h = jnp.tanh(h @ params['w']) + x[i]
    return h

  params = {'w': jnp.asarray(random(4, 4))}
  moments = unsc_jax.input_moments(fn)
  a, b = random(2, 3, 4), random(2, 5, 4)
  both = moments(params, a)[1] + moments(params, b)[1]
  left = both - moments(params, b)[1]
  first = np.ones((1, 4, 4))  # counted once for each batch
  np.testing.assert_allclose(
      left['w'].second, moments(params, a)[1]['w'].second + first, atol=1e-4)


def test_two_parameters_of_one_path_are_an_error():
  params = {'a': {'b': jnp.ones((2, 2))}, 'a/b': jnp.ones((2, 2))}
  with pytest.raises(ValueError, match="'a/b'.*rename"):
    unsc_jax.sites(lambda p, x: x @ p['a']['b'] @ p['a/b'], params, jnp.ones((3, 2)))


def test_leaves_that_are_no_arrays_are_an_error():
  params = {'w': jnp.ones((2, 2)), 'activation': jnp.tanh}
  with pytest.raises(TypeError, match="'activation'.*split the parameters"):
    unsc_jax.sites(lambda p, x: p['activation'](x @ p['w']), params, jnp.ones((3, 2)))


def test_patches_in_chunks_give_the_same_moments():
  whole = unsc_jax.input_moments(Net().apply)
  pieces = unsc_jax.input_moments(Net().apply, chunk_bytes=1)
  x = random(6, 4, 4, 4)
  for a, b in zip(whole(PARAMS, x)[1], pieces(PARAMS, x)[1], strict=True):
    np.testing.assert_allclose(a.second, b.second, atol=1e-4)
    np.testing.assert_array_equal(a.count, b.count)


def test_a_sharded_batch_gives_the_same_moments():
  mesh = sharding.data_mesh(8)
  x = random(16, 4, 4, 4)
  moments = jax.jit(unsc_jax.input_moments(Net().apply, chunk_bytes=1))
  there = sharding.replicate(PARAMS, mesh)
  out, found = jax.block_until_ready(moments(there, sharding.shard_batch(x, mesh)))
  assert len(out.sharding.device_set) == 8
  for a, b in zip(found, moments(PARAMS, x)[1], strict=True):
    np.testing.assert_allclose(a.second, b.second, atol=1e-4)


def test_no_data_at_all_gives_moments_of_nothing():
  fn = lambda p, x: jnp.tanh(jax.lax.conv(x, p['k'], (1, 1), 'SAME')).sum(
      (2, 3)) @ p['w']
  params = {'k': jnp.ones((4, 3, 3, 3)), 'w': jnp.ones((4, 2))}
  _, moments = unsc_jax.input_moments(fn)(params, jnp.zeros((0, 3, 5, 5)))
  for moment in moments:
    assert not moment.second.any()
    assert not moment.count.any()
