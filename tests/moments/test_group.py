"""Moments add, subtract and scale as the data do, wherever they are summed."""

import dataclasses
import operator
import re

import chex
import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P
import numpy as np
import pytest

from tests import toys
import unsc_jax
from unsc_jax import sharding
from unsc_jax.moments import sampling
from unsc_jax.moments import sums


def _fn(params, x):
  for name, groups in (('one', 1), ('two', 2)):
    x = jax.nn.relu(toys.convolve(x, params[name], groups=groups))
  x = x.mean((1, 2))
  return x @ params['head'] + params['table'][jnp.argmax(x, -1)]


PARAMS = {'one': toys.normal(0, 3, 3, 2, 4), 'two': toys.normal(1, 3, 3, 2, 6),
          'head': toys.normal(2, 6, 3), 'table': toys.normal(3, 6, 3)}
X = toys.normal(4, 48, 6, 5, 2)
FN = unsc_jax.input_moments(_fn)


def _moments_of(x):
  return toys.moments_of(_fn, PARAMS, x)


def _dense(params, x):
  return x @ params['w']


def _net(tree):
  """Sums alone, without what tells how much was added and taken away on the way."""
  is_moment = lambda leaf: isinstance(leaf, unsc_jax.Moment)
  return jax.tree.map(lambda leaf: dataclasses.replace(leaf, gross=leaf.count)
                      if is_moment(leaf) else leaf, tree, is_leaf=is_moment)


def _assert_close(a, b, rtol=2e-6):
  """Every sum is the same, up to a share of its largest entry."""
  a, b = _net(a), _net(b)
  chex.assert_trees_all_equal_structs(a, b)
  for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)):
    np.testing.assert_allclose(x, y, atol=rtol * np.abs(y).max())


def test_group():
  a, b = _moments_of(X[:32]), _moments_of(X[32:])
  whole = _moments_of(X)
  assert {m.site.kind for m in whole} == {'conv', 'dense', 'lookup'}
  _assert_close(a + b, whole)
  _assert_close(whole - b, a)  # all but forget are retain
  _assert_close(a + b - b, a)
  _assert_close(2. * a, a + a)
  _assert_close(.25 * (a + b), a * .25 + b * .25)
  # The mean does not depend on how often the data were seen.
  _assert_close([m.mean_square for m in 3 * a], [m.mean_square for m in a])


def test_gross_is_of_all_that_was_ever_added():
  a, b = _moments_of(X[:32])['head'], _moments_of(X[32:])['head']
  moments = _moments_of(X[:32]) - 2. * _moments_of(X[32:])
  diagonal = lambda moment: np.diagonal(moment.second, axis1=1, axis2=2)
  np.testing.assert_allclose(
      moments['head'].gross, diagonal(a) + 2 * diagonal(b), rtol=1e-6)


def test_retained_bases_from_what_was_forgotten():
  projectors = lambda moments: [
      toys.projector(basis, 3) for basis in unsc_jax.null_space_bases(
          moments, .9).by_path['head']]
  _assert_close(projectors(_moments_of(X) - _moments_of(X[32:])),
                projectors(_moments_of(X[:32])), 1e-4)


@pytest.mark.parametrize('devices', [1, 8])
def test_streamed_is_one_pass(devices):
  """Every input counts once, though a smaller last batch is on every device."""
  mesh = sharding.data_mesh(devices)
  batches = (sharding.shard_batch(x, mesh) for x in (X[:32], X[32:45]))
  moments = unsc_jax.accumulate(FN, sharding.replicate(PARAMS, mesh), batches)
  _assert_close(moments, _moments_of(X[:45]))


def test_a_pass_holds_two_sets_of_moments():
  """When a batch is drawn there is the sum alone, so its moments are the second."""
  params = {'w': jnp.ones((37, 2))}
  size = lambda: sum(a.shape == (1, 37, 37) for a in jax.live_arrays())
  before, seen = size(), []

  def batches():
    for _ in range(4):
      seen.append(size() - before)
      yield jnp.ones((3, 37))

  moments = unsc_jax.accumulate(unsc_jax.input_moments(_dense), params, batches())
  assert seen == [0, 1, 1, 1]
  assert size() - before == 1
  assert moments['w'].count == 12


@pytest.mark.parametrize('dtype', [
    'float32', 'bfloat16', pytest.param('float16', marks=pytest.mark.slow)])
def test_sums_are_float32_and_exact_for_every_type(dtype):
  """Wide enough for several blocks; inputs that are all positive, and many."""
  x = np.abs(toys.normal(5, 3000, 300)).astype(jnp.dtype(dtype))
  moment = toys.moments_of(_dense, {'w': jnp.ones((300, 2), dtype)}, x)['w']
  exact = np.asarray(x, np.float64)
  assert moment.second.dtype == jnp.float32
  np.testing.assert_allclose(moment.second[0], exact.T @ exact, rtol=2e-6)
  np.testing.assert_allclose(moment.first[0], exact.sum(0), rtol=1e-5)
  np.testing.assert_array_equal(moment.second[0], moment.second[0].T)


def test_room_for_patches_is_by_the_device_that_has_a_part_of_the_batch():
  """Of the mesh, of one under an axis, of all where no mesh is known."""
  each, seen = 8 * 2**20, []

  def look(x):
    seen.append(sums.room(None, None, (x, 3)) // each)
    return x

  for devices in (2, 8):
    jax.jit(look)(sharding.shard_batch(X, sharding.data_mesh(devices)))
  jax.jit(jax.shard_map(
      look, mesh=sharding.data_mesh(4), in_specs=P('data'), out_specs=P('data')))(X)
  jax.jit(look)(X)
  assert seen == [2, 8, 1, jax.device_count()]
  assert sums.room(None, 'data', X) == each
  assert sums.room(7, None, X) == 7


@pytest.mark.parametrize(('images', 'chunk_bytes'), [  # 7 make chunks of one or of seven
    (7, 1), (48, 10_000), *(pytest.param(*row, marks=pytest.mark.slow)
                            for row in ((7, 10_000), (48, 1)))])
def test_chunks_do_not_matter(images, chunk_bytes):
  fn = jax.jit(unsc_jax.input_moments(_fn, chunk_bytes=chunk_bytes))
  _assert_close(fn(PARAMS, X[:images])[1], _moments_of(X[:images]))


def _on_devices(kind, **options):
  """The moments of all of X, summed over eight devices."""
  mesh = sharding.data_mesh()
  if kind == 'jit':
    fn = jax.jit(unsc_jax.input_moments(_fn, **options))
    return fn(sharding.replicate(PARAMS, mesh), sharding.shard_batch(X, mesh))[1]
  fn = unsc_jax.input_moments(_fn, axis_name='data', **options)
  moments = lambda params, x: fn(params, x)[1]
  if kind == 'pmap':
    out = jax.pmap(moments, 'data', in_axes=(None, 0))(
        PARAMS, X.reshape(8, -1, *X.shape[1:]))
    return jax.tree.map(lambda leaf: leaf[3], out)
  return jax.jit(jax.shard_map(
      moments, mesh=mesh, in_specs=(P(), P('data')), out_specs=P(),
      check_vma=kind == 'shard_map'))(PARAMS, X)


@pytest.mark.parametrize(('kind', 'chunk_bytes'), [
    pytest.param(kind, size, id=f'{kind}-{name}', marks=() if daily else pytest.mark.slow)
    for kind, name, size, daily in (
        ('jit', 'whole', 2**26, False), ('jit', 'chunks', 10_000, True),
        ('pmap', 'whole', 2**26, True), ('pmap', 'chunks', 10_000, False),
        ('shard_map', 'whole', 2**26, False), ('shard_map', 'chunks', 10_000, True),
        ('shard_map_no_vma', 'whole', 2**26, True),
        ('shard_map_no_vma', 'chunks', 10_000, False))])
def test_sum_over_devices_is_that_of_one(kind, chunk_bytes):
  _assert_close(_on_devices(kind, chunk_bytes=chunk_bytes), _moments_of(X))


def _largest(collective, text):
  """Entries of the largest result of a collective in compiled text."""
  sizes = [0]
  for line in text.splitlines():
    if re.search(rf'\b{collective}(-start)?\(', line):
      results = line.split('=', 1)[1].split(collective)[0]
      sizes += [np.prod([int(n) for n in dims.split(',') if n], dtype=int)
                for dims in re.findall(r'\w+\[([\d,]*)\]', results)]
  return max(sizes)


@pytest.mark.parametrize('chunk_bytes', [2**26, 40_000], ids=['whole', 'chunks'])
@pytest.mark.parametrize('groups', [1, 2])
def test_no_activations_travel_between_devices(groups, chunk_bytes):
  """Only sums do. XLA gathers the inputs of a grouped convolution by itself."""
  def fn(params, x):
    x = toys.convolve(x, params['kernel'], groups=groups)
    return x.reshape(len(x), -1) @ params['head']

  mesh = sharding.data_mesh()
  ones = lambda *shape: jnp.ones(shape, jnp.float32)
  params = {'kernel': ones(3, 3, 4 // groups, 4), 'head': ones(120, 3)}
  args = sharding.replicate(params, mesh), sharding.shard_batch(
      toys.normal(0, 48, 6, 5, 4), mesh)
  moments = unsc_jax.input_moments(fn, chunk_bytes=chunk_bytes)
  ours, bare = (jax.jit(f).lower(*args).compile().as_text()
                for f in (lambda p, x: moments(p, x)[1], fn))
  for collective in ('all-gather', 'all-to-all', 'collective-permute'):
    assert _largest(collective, ours) <= _largest(collective, bare)
  assert _largest('all-gather', bare) == (groups > 1) * 48 * 6 * 5 * 4
  assert _largest('all-reduce', ours) == 120**2  # the largest moment


def test_equal_passes_are_one_program():
  """However often they are made, and for as many accumulations."""
  data = [X[:3, 0, 0], X[3:6, 0, 0]]
  params = {'w': jnp.ones((2, 1))}
  fn = chex.assert_max_traces(_dense, n=2)
  exact = lambda: unsc_jax.input_moments(fn)
  sampled = lambda: unsc_jax.sampled_moments(fn, .5)
  assert exact() == exact() != unsc_jax.input_moments(fn, chunk_bytes=1)
  for _ in range(2):
    unsc_jax.accumulate(exact(), params, data)
    sampling.accumulate(sampled(), jax.random.key(0), params, data)


def test_functions_without_a_hash_will_do():
  class Unhashable:
    __hash__ = None
    __call__ = staticmethod(_dense)

  params, data = {'w': jnp.ones((2, 1))}, [X[:3, 0, 0], X[3:6, 0, 0]]
  moments_fn = unsc_jax.input_moments(Unhashable())
  moments = unsc_jax.accumulate(moments_fn, params, data)
  chex.assert_trees_all_close(moments, jax.jit(moments_fn)(params, X[:6, 0, 0])[1])


@pytest.mark.not_under('JAX_DEBUG_NANS', 'feeds NaN')
def test_bad_data_are_named():
  for value in (np.nan, np.inf):
    spoilt = X[:32].copy()
    spoilt[0, 0, 0, 0] = value
    with pytest.raises(ValueError, match='inputs that meet (head|one|two) are NaN'):
      unsc_jax.accumulate(FN, PARAMS, [X[:32], spoilt])
  bad = {**PARAMS, 'one': np.full_like(PARAMS['one'], np.nan)}
  with pytest.raises(ValueError, match='inputs that meet (head|two) are NaN'):
    unsc_jax.accumulate(FN, bad, [X[:32]])
  with pytest.raises(ValueError, match='no data to take moments of'):
    unsc_jax.accumulate(FN, PARAMS, [])


def test_moments_of_different_networks_do_not_mix():
  a = _moments_of(X)
  b, wide = (toys.moments_of(_dense, {'w': jnp.ones((2, n))}, jnp.ones((1, 2)))
             for n in (2, 3))
  for combine in (operator.add, operator.sub):
    with pytest.raises(ValueError, match='belong to different networks, they '
                       'differ at head, one, table, two, w;'):
      combine(a, b)
  with pytest.raises(ValueError, match='they differ at w;'):
    operator.add(b, wide)
