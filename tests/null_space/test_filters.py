"""Soft filters against what they minimise: float64 numpy, from whole Jacobians."""

import dataclasses

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P
import numpy as np
import optax
import pytest

from tests import toys
from tests.capture import oracle
import unsc_jax
from unsc_jax import null_space
from unsc_jax import sharding

soft = null_space.soft
TAU = 1e-2


def _dense(params, x):
  return x @ params['w']


def _stacked(params, x):
  return jnp.einsum('bni,bio->bno', x, params['w'])


def _grouped(params, x):
  return toys.convolve(x, params['w'], (2, 2), ((1, 1), (0, 2)), groups=2)


def _lookup(params, x):
  return params['w'][x]


# Functions that are linear in their one parameter: its shape, its inputs, and how many
# of them every layer reads.
LAYERS = {
    'one': (_dense, (1, 1), toys.normal(0, 3, 1), 3),
    'tall': (_dense, (33, 3), toys.normal(0, 50, 33), 50),
    'few inputs': (_dense, (24, 7), 1e3 * toys.normal(0, 5, 24), 5),
    'stacked': (_stacked, (3, 9, 4),
                toys.normal(0, 3, 20, 9) * np.float32([1, 10, .1])[:, None, None], 20),
    'convolution': (_grouped, (3, 3, 2, 6), toys.normal(0, 2, 5, 6, 4), 2 * 3 * 3),
    'lookup': (_lookup, (6, 3), np.array([[1, 4], [1, 2]]), 4),
}


def _f64(tree):
  return jax.tree.map(lambda x: np.asarray(x, np.float64) if jnp.issubdtype(
      x.dtype, jnp.floating) else x, tree)


def _hessian(fn, shape, x):
  """The matrix `H` with `D^T H D` the sum of squares of the outputs of `D`."""
  with jax.enable_x64(True):
    of_w = jax.jit(jax.jacobian(lambda w: fn({'w': w}, x).ravel()))
    jacobian = np.asarray(of_w(np.zeros(shape))).reshape(-1, np.prod(shape))
  return jacobian.T @ jacobian


def _minimiser(site, hessian, count, gradient, tau):
  """Of `|D - G|^2` and the outputs' mean square over `tau'`, by linear equations."""
  squares, order = oracle.fold(site, np.diag(hessian).reshape(gradient.shape))
  trace = squares[:, :, 0].sum(1, keepdims=True) / count
  folded = np.broadcast_to(tau * trace[..., None], site.folded)
  price = oracle.unfold(site, folded, order, gradient.shape)
  system = np.eye(gradient.size) + hessian / count / price.reshape(-1, 1)
  return np.linalg.solve(system, gradient.astype(np.float64).ravel()).reshape(gradient.shape)


@pytest.mark.parametrize('name', [  # of dense layers one
    pytest.param(name, marks=pytest.mark.slow if name in ('one', 'tall') else ())
    for name in LAYERS])
def test_soft_is_the_nearest_update_at_a_price(name):
  fn, shape, x, count = LAYERS[name]
  gradient = toys.normal(1, *shape)
  moments = toys.moments_of(fn, {'w': np.zeros(shape, np.float32)}, x)
  hessian = _hessian(fn, shape, _f64(x))
  for tau, solver in ((1e-3, null_space.inverse), (1e-3, null_space.inverse_float64),
                      (.3, null_space.inverse)):
    gain = soft(tau, solver=solver)(moments)['w']
    got = toys.project(gain, gradient)
    want = _minimiser(gain.site, hessian, count, gradient, tau)
    np.testing.assert_allclose(got, want, atol=2e-4)
  # What is looked for would be found: the price of another tau.
  off = _minimiser(gain.site, hessian, count, gradient, 1.5 * tau)
  assert np.abs(got - off).max() > 2e-3


def _moments(x):
  return toys.moments_of(_dense, {'w': np.zeros((x.shape[-1], 2), np.float32)}, x)


def test_limits_are_the_null_space_and_the_identity():
  x = toys.normal(0, 40, 5) @ toys.normal(1, 5, 18)
  _, values, rows = np.linalg.svd(np.asarray(x, np.float64))
  null = rows[5:].T @ rows[5:]
  least = values[4]**2 / np.sum(values**2)
  for tau in (1e-2, 1e-4):
    gain = soft(tau, solver=null_space.inverse_float64)(_moments(x))['w']
    distance = np.linalg.norm(gain.matrix[0] - null, 2)
    np.testing.assert_allclose(distance, tau / (tau + least), atol=1e-7 / tau)
  np.testing.assert_array_equal(
      soft(float('inf'))(_moments(x))['w'].matrix[0], np.eye(18))
  # A layer that reads only zeros is free.
  np.testing.assert_array_equal(
      soft(1e-3)(_moments(np.zeros((40, 18), np.float32)))['w'].matrix[0], np.eye(18))


@pytest.mark.parametrize('tau', [1e-5, .1, pytest.param(1e-3, marks=pytest.mark.slow)])
def test_spectrum(tau):
  x = toys.normal(0, 200, 65) * .8**np.arange(65, dtype=np.float32) @ toys.normal(1, 65, 65)
  gain = soft(tau)(_moments(x))['w']
  matrix = np.asarray(gain.matrix[0])
  np.testing.assert_array_equal(matrix, matrix.T)
  values = np.linalg.eigvalsh(np.asarray(matrix, np.float64))
  assert values.min() > 0
  assert values.max() < 1 + 1e-7 / tau + 1e-6  # but for the moments' own noise
  used = np.linalg.svd(np.asarray(x, np.float64), compute_uv=False)**2
  used /= used.sum()
  np.testing.assert_allclose(
      values, np.sort(tau / (used + tau)), atol=1e-7 / tau + 1e-5)
  np.testing.assert_allclose(
      gain.degrees_of_freedom, (tau / (used + tau)).sum(), rtol=1e-3)


def test_units_and_numbers_of_inputs_do_not_matter():
  x = toys.normal(0, 30, 12)
  one = soft(TAU)(_moments(x))['w'].matrix
  for other in (1e-3 * x, 1e4 * x, np.concatenate([x] * 3)):
    np.testing.assert_allclose(soft(TAU)(_moments(other))['w'].matrix, one, atol=1e-5)


def test_it_is_the_same_inside_jit_and_vmap():
  several = toys.normal(0, 3, 30, 12)
  moments = jax.vmap(lambda x: _moments(x))(several)
  mapped = jax.jit(jax.vmap(soft(TAU)))(moments)['w'].matrix
  for x, matrix in zip(several, mapped):
    np.testing.assert_allclose(matrix, soft(TAU)(_moments(x))['w'].matrix, atol=1e-6)
  with pytest.raises(TypeError, match='inverse_float64 runs on the host'):
    jax.jit(soft(TAU, solver=null_space.inverse_float64))(_moments(several[0]))


def test_layers_in_turn_inside_jit_are_as_on_the_host():
  def fn(params, x):
    pairs = jnp.stack([x[:, :7], x[:, 5:]])
    return x @ params['a'], _stacked({'w': params['b']}, pairs), x @ params['c']

  shapes = {'a': (12, 3), 'b': (2, 7, 4), 'c': (12, 5)}
  params = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
  choice = soft(TAU, per_path={'c': .3})
  moments = toys.moments_of(fn, params, toys.normal(0, 40, 12))
  compiled, on_host = jax.jit(choice)(moments), choice(moments)
  for name in shapes:
    np.testing.assert_allclose(compiled[name].matrix, on_host[name].matrix, atol=1e-5)
  assert np.abs(on_host['a'].matrix - on_host['c'].matrix).max() > .1


def test_other_values_for_some_parameters():
  fn = lambda p, x: (x @ p['a'], x @ p['b'])
  zeros = np.zeros((4, 2), np.float32)
  params, x = {'a': zeros, 'b': zeros}, toys.normal(0, 9, 4)
  made = soft(.1, per_path={'b': .5})(toys.moments_of(fn, params, x))
  for path, tau in (('a', .1), ('b', .5)):
    np.testing.assert_array_equal(
        made[path].matrix, soft(tau)(_moments(x))['w'].matrix)


def test_tied_table_is_damped_in_rows_and_columns():
  def fn(params, ids):
    return jnp.tanh(params['table'][ids].mean(1)) @ params['table'].T

  params, ids = {'table': toys.normal(0, 9, 4)}, np.array([[0, 1], [2, 2], [4, 0]])
  update = toys.normal(1, 9, 4)
  got = toys.confine(
      {'table': update}, soft(TAU)(toys.moments_of(fn, params, ids)))
  share = np.bincount(ids.ravel(), minlength=9) / ids.size
  h = np.tanh(np.asarray(params['table'], np.float64)[ids].mean(1))
  second = h.T @ h / np.sum(h**2)
  want = np.asarray(update, np.float64) * (TAU / (share + TAU))[:, None]
  want = want @ np.linalg.inv(np.eye(4) + second / TAU)
  np.testing.assert_allclose(got['table'], want, atol=1e-4)


# Optimisers confined

PARAMS = {'w': toys.normal(0, 16, 4), 'b': toys.normal(1, 4)}
X = toys.normal(2, 40, 16) * .7**np.arange(16, dtype=np.float32)[None]
OPTIMISERS = {
    'sgd': optax.sgd(.1), 'momentum': optax.sgd(.1, momentum=.9),
    'adamw': optax.adamw(1e-2, weight_decay=.1), 'lion': optax.lion(1e-3),
    'muon': optax.contrib.muon(1e-2), 'clip': optax.chain(optax.clip(.1), optax.sgd(1.))}


def _with_bias(params, x):
  return x @ params['w'] + params['b'][None]


@pytest.fixture(scope='module')
def gains():
  return soft(TAU)(toys.moments_of(_with_bias, PARAMS, X))


# One that is linear in gradients, one that is not, one that is not in entries.
@pytest.mark.parametrize('name', [
    pytest.param(name, marks=() if name in ('momentum', 'adamw', 'muon') else pytest.mark.slow)
    for name in OPTIMISERS])
def test_any_optimiser_is_damped_before_and_after(name, gains):
  x = np.asarray(X, np.float64)
  p = np.linalg.inv(np.eye(16) + x.T @ x / np.sum(x**2) / TAU)
  inner, tx = OPTIMISERS[name], unsc_jax.project_updates(OPTIMISERS[name], gains)
  state, plain = tx.init(PARAMS), inner.init(PARAMS)
  step, free_step = jax.jit(tx.update), jax.jit(inner.update)
  for seed in (3, 4):
    gradient = {'w': toys.normal(seed, 16, 4), 'b': toys.normal(seed, 4)}
    update, state = step(gradient, state, PARAMS)
    damped = {'w': np.float32(p @ gradient['w']), 'b': np.zeros(4, np.float32)}
    free, plain = free_step(damped, plain, PARAMS)
    want = p @ np.asarray(free['w'], np.float64)
    np.testing.assert_allclose(update['w'], want, atol=1e-4 * np.abs(want).max())
    assert not np.any(update['b'])
    # What the retained outputs move by is bounded by the update before the filter.
    moved = np.sqrt(np.mean(np.sum((x @ np.asarray(update['w']))**2, 1)))
    assert moved <= np.sqrt(TAU * np.sum(x**2) / len(x)) / 2 * np.linalg.norm(free['w'])


def test_state_follows_split_parameters(gains):
  mesh = sharding.data_mesh(8)
  split = sharding.shard_params({'w': PARAMS['w']}, mesh, smallest=1)
  tx = unsc_jax.project_updates(optax.adam(.1), gains)
  state = tx.init(split)
  assert split['w'].sharding.spec == P('data')
  assert state.bases['w'].matrix.sharding.spec == P(None, 'data')
  update, after = jax.jit(tx.update, donate_argnums=1)(split, state, split)
  whole = {'w': PARAMS['w']}
  want, _ = jax.jit(tx.update)(whole, tx.init(whole), whole)
  np.testing.assert_allclose(update['w'], want['w'], atol=1e-5)
  assert update['w'].sharding.spec == P('data')
  assert not gains['w'].matrix.is_deleted()  # what was donated is the state's own
  jax.block_until_ready(after)


def test_hard_and_soft_compose():
  moments = toys.moments_of(_with_bias, PARAMS, X)
  bases = null_space.hard(.9)(moments)
  both = optax.chain(unsc_jax.null_space_projection(bases),
                     unsc_jax.null_space_projection(soft(TAU)(moments)))
  update, _ = jax.jit(both.update)(PARAMS, both.init(PARAMS))
  x = np.asarray(X, np.float64)
  values, vectors = np.linalg.eigh(x.T @ x / np.sum(x**2))
  kept = int(bases['w'].rank[0])
  passed = TAU / (values + TAU) * (np.arange(16) < 16 - kept)
  want = vectors * passed @ vectors.T @ np.asarray(PARAMS['w'], np.float64)
  np.testing.assert_allclose(update['w'], want, atol=1e-4)
  assert unsc_jax.leak(update, bases)['w'] < 1e-4


# What is told of them

def test_nothing_is_said_to_be_preserved(gains):
  confined = unsc_jax.project_updates(optax.sgd(.1), gains)
  with pytest.raises(ValueError, match='a soft filter preserves no direction exactly'):
    unsc_jax.assert_preserves(confined, gains, PARAMS)
  tolerance = 1.2 * null_space.expected_leak(gains)['w']
  unsc_jax.assert_preserves(confined, gains, PARAMS, tolerance=tolerance)
  for leaking in (optax.adam(.1), optax.add_decayed_weights(1e-2)):
    chain = optax.chain(unsc_jax.null_space_projection(gains), leaking)
    with pytest.raises(AssertionError, match='% of the update of [wb] leaves'):
      unsc_jax.assert_preserves(chain, gains, PARAMS, tolerance=tolerance)


def test_leak_is_as_expected(gains):
  once = toys.confine({'w': toys.normal(0, 16, 4000)}, null_space.Gains(
      {'w': tuple(dataclasses.replace(gain, site=gain.site._replace(shape=(16, 4000)))
                  for gain in gains)}))
  matrix = np.asarray(gains['w'].matrix[0], np.float64)
  got = np.asarray(once['w'], np.float64)
  measured = np.linalg.norm(got - matrix @ got) / np.linalg.norm(got)
  np.testing.assert_allclose(null_space.expected_leak(gains)['w'], measured, rtol=.02)
  bases = null_space.hard()(_moments(X))
  assert null_space.expected_leak(bases) == {'w': 0.}


def test_capacity_is_what_passes():
  x = np.asarray(X, np.float64)
  values = np.linalg.eigvalsh(x.T @ x / np.sum(x**2))
  room = unsc_jax.capacity(soft(TAU)(_moments(X))).rooms['w'][0]
  np.testing.assert_allclose(room.free, np.sum(TAU / (values + TAU)), rtol=1e-3)
  assert str(room) == f'{room.free:.1f} of 16 directions free'
