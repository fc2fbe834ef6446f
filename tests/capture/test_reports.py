"""What people read before a run, and what stops them."""

import functools

import chex
import equinox as eqx
from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
from tests.capture import case as case_lib
from tests.capture import frameworks
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


@functools.cache
def variables():
  return frameworks.fill(jax.eval_shape(lambda: Net().init(jax.random.key(0), X)))


def projected(moments, params):
  """The parameters themselves as an update, projected."""
  tx = unsc_jax.null_space_projection(unsc_jax.null_space_bases(moments))
  return jax.jit(tx.update)(params, tx.init(params))[0]


def test_table_names_what_is_captured_and_what_is_not():
  found = unsc_jax.sites(Net().apply, variables(), X)
  lines = [line.split() for line in str(found).splitlines()]
  total = sum(leaf.size for leaf in jax.tree.leaves(variables()))
  share = lambda n: f'{n / total:.1%}'
  for line in (
      ['params/Conv_0/kernel', 'conv', '18', '2', share(108), '1'],
      ['params/Dense_1/kernel', 'dense', '96', '1', share(960), '1'],
      ['params/Dense_0/kernel', 'dense', '10', '1', share(100), '2'],
      ['params/Dense_1/bias', share(10), 'added,', 'as', 'a', 'bias', 'is']):
    assert line in lines
  assert found.covered == pytest.approx((108 + 960 + 100) / total)


def test_shapes_are_enough():
  shapes = jax.eval_shape(lambda: (variables(), X))
  assert str(unsc_jax.sites(Net().apply, *shapes)) == str(
      unsc_jax.sites(Net().apply, variables(), X))


def test_what_no_data_reach_is_not_subtracted_with_a_batch():
  """One batch of all data, one of those to forget: positions are still read."""
  @toys.of_a_stranger
  def fn(params, ids):
    x = params['tokens'][ids] + params['positions'][jnp.arange(ids.shape[1])]
    return x @ params['w']

  params = {'tokens': random(9, 4), 'positions': random(5, 4), 'w': random(4, 3)}
  retain, forget = np.array([[1, 2, 3]]), np.array([[4, 2, 5]])
  moments = jax.jit(unsc_jax.input_moments(fn))
  everything = moments(params, np.concatenate([retain, forget]))[1]
  left = everything - moments(params, forget)[1]
  wanted = moments(params, retain)[1]
  assert left['positions'].second.tolist() == [[1, 1, 1, 0, 0]]
  for path in ('tokens', 'w'):
    np.testing.assert_allclose(left[path].second, wanted[path].second, atol=1e-4)
  update = {**projected(left, params), 'w': 0 * params['w']}
  after, run = jax.tree.map(np.add, params, jax.device_get(update)), jax.jit(fn)
  np.testing.assert_array_equal(run(after, retain), run(params, retain))


def test_an_argument_that_a_batch_shares_is_told_apart():
  """Positions from an offset that is passed: all batches read the same ones."""
  @toys.of_a_stranger
  def fn(params, x, start):
    return x @ params['w'] + params['pos'][start + jnp.arange(3)]

  params = {'w': jnp.asarray(random(4, 3)), 'pos': jnp.asarray(random(7, 3))}
  retain, forget, start = random(1, 3, 4), random(2, 3, 4), jnp.array(2)
  moments = jax.jit(unsc_jax.input_moments(fn, data=lambda path: path != '1'))
  everything = moments(params, np.concatenate([retain, forget]), start)[1]
  left = everything - moments(params, forget, start)[1]
  assert left['pos'].second.tolist() == [[0, 0, 1, 1, 1, 0, 0]]
  np.testing.assert_allclose(
      left['w'].second, moments(params, retain, start)[1]['w'].second, atol=1e-4)


def test_leaves_of_an_argument_are_told_apart_by_path():
  fn = lambda params, batch: batch['x'] @ params['w'] + params['b'][batch['i']]
  params = {'w': jnp.ones((4, 3)), 'b': jnp.ones((7, 3))}
  moments = jax.jit(unsc_jax.input_moments(fn, data=lambda path: path == '0/x'))
  _, found = moments(params, {'x': random(2, 4), 'i': jnp.array([1, 2])})
  assert found['b'].fixed is not None
  assert found['w'].fixed is None


def test_an_unrolled_recurrence_still_forgets():
  """Its first step has no data; the others' are subtracted all the same."""
  def fn(params, x):
    h = jnp.ones((1, 4))
    for i in range(2):
      h = jnp.tanh(h @ params['w']) + x[i]
    return h

  params = {'w': jnp.asarray(random(4, 4))}
  moments = jax.jit(unsc_jax.input_moments(fn))
  a, b = random(2, 3, 4), random(2, 5, 4)
  both = moments(params, a)[1] + moments(params, b)[1]
  left = both - moments(params, b)[1]
  first = np.ones((1, 4, 4))  # counted once for each batch
  np.testing.assert_allclose(
      left['w'].second, moments(params, a)[1]['w'].second + first, atol=1e-4)


class Attention(eqx.Module):
  """One of its parameters has the name of what NNX wraps its own in."""
  key: jax.Array
  value: jax.Array

  def __call__(self, x):
    return jnp.tanh(x @ self.key) * (x @ self.value)


def test_a_field_called_value_is_captured_under_its_owners_name():
  params = {'attn': Attention(jnp.ones((4, 3)), jnp.ones((4, 3)))}
  fn = lambda params, x: params['attn'](x)
  x = np.eye(4, dtype=np.float32)[:2]
  _, moments = unsc_jax.input_moments(fn)(params, x)
  assert set(moments.by_path) == {'attn', 'attn/key'}
  for leaf in jax.tree.leaves(projected(moments, params)):  # the two directions that no input has
    np.testing.assert_allclose(leaf, [[0] * 3] * 2 + [[1] * 3] * 2, atol=1e-6)


def test_two_parameters_of_one_path_are_an_error():
  params = {'a': {'b': jnp.ones((2, 2))}, 'a/b': jnp.ones((2, 2))}
  with pytest.raises(ValueError, match="'a/b'.*rename"):
    unsc_jax.sites(lambda p, x: x @ p['a']['b'] @ p['a/b'], params, jnp.ones((3, 2)))


def test_leaves_that_are_no_arrays_are_an_error():
  params = {'w': jnp.ones((2, 2)), 'activation': jnp.tanh}
  with pytest.raises(TypeError, match="'activation'.*split the parameters"):
    unsc_jax.sites(lambda p, x: p['activation'](x @ p['w']), params, jnp.ones((3, 2)))


def test_patches_in_chunks_give_the_same_moments():
  whole = jax.jit(unsc_jax.input_moments(Net().apply))
  pieces = jax.jit(unsc_jax.input_moments(Net().apply, chunk_bytes=1))
  x = random(6, 4, 4, 4)
  chex.assert_trees_all_close(
      whole(variables(), x)[1], pieces(variables(), x)[1], rtol=1e-7, atol=1e-4)


def test_a_sharded_batch_gives_the_same_moments():
  mesh = sharding.data_mesh(8)
  x = random(16, 4, 4, 4)
  moments = jax.jit(unsc_jax.input_moments(Net().apply, chunk_bytes=1))
  there = sharding.replicate(variables(), mesh)
  out, found = jax.block_until_ready(moments(there, sharding.shard_batch(x, mesh)))
  assert len(out.sharding.device_set) == 8
  chex.assert_trees_all_close(found, moments(variables(), x)[1], rtol=1e-7, atol=1e-4)


def test_no_data_at_all_gives_moments_of_nothing():
  fn = lambda p, x: jnp.tanh(jax.lax.conv(x, p['k'], (1, 1), 'SAME')).sum(
      (2, 3)) @ p['w']
  params = {'k': jnp.ones((4, 3, 3, 3)), 'w': jnp.ones((4, 2))}
  _, moments = unsc_jax.input_moments(fn)(params, jnp.zeros((0, 3, 5, 5)))
  for moment in moments:
    assert not moment.second.any()
    assert not moment.count.any()


def _of_many_kinds(params, x, ids):
  h = jax.lax.conv(x, params['kernel'], (1, 1), 'SAME').mean((2, 3))
  h = jnp.tanh(h @ params['dense']) + params['rows'][ids[0]]
  h = h + params['table'][ids].mean(0)
  return h @ params['table'].T


def test_moments_are_float32_where_64_bits_are_on():
  """Of a convolution, a product, a tied table, a row that is picked."""
  shapes = {'kernel': (3, 2, 3, 3), 'dense': (3, 4), 'rows': (5, 4), 'table': (6, 4)}
  params = {path: random(*shape) for path, shape in shapes.items()}
  args = random(2, 2, 4, 4), np.array([1, 2, 2])
  run = jax.jit(unsc_jax.input_moments(toys.of_a_stranger(_of_many_kinds)))
  _, wanted = run(*jax.tree.map(jnp.asarray, (params, *args)))
  for dtype in (np.float32, np.float64):
    with jax.enable_x64(True):
      cast = lambda x, dtype=dtype: jnp.asarray(x, dtype) if np.issubdtype(
          x.dtype, np.floating) else jnp.asarray(x)
      out, found = run(*jax.tree.map(cast, (params, *args)))
      assert out.dtype == dtype
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(found))
    chex.assert_trees_all_close(found, wanted, rtol=1e-7, atol=1e-4)


@pytest.mark.parametrize('split', ['batch', 'weights'])
def test_a_mesh_with_explicit_axes_is_refused_in_a_sentence(split):
  mesh = jax.make_mesh((2,), ('data',), devices=jax.devices()[:2],
                       axis_types=(jax.sharding.AxisType.Explicit,))
  there = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec('data'))
  params, x = {'w': jnp.ones((4, 2))}, jnp.ones((6, 4))
  if split == 'batch':
    x = jax.device_put(x, there)
  else:
    params = jax.device_put(params, there)
  fn = unsc_jax.input_moments(lambda params, x: jnp.tanh(x) @ params['w'])
  for run in (fn, jax.jit(fn)):
    with pytest.raises(ValueError, match='meets w is split.*axis data of type '
                       r'Explicit.*AxisType.Auto, as sharding.data_mesh\(\) does'):
      run(params, x)
