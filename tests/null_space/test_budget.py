"""Steps within a drift budget, against quadratics in float64 numpy."""

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P
import numpy as np
import optax
import pytest

from tests import toys
import unsc_jax
from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import sharding

BUDGET = .05
PARAMS = {'a': toys.normal(0, 16, 8), 'b': toys.normal(1, 8, 4), 'bias': toys.normal(2, 4)}
X = toys.normal(3, 40, 16) * .7**np.arange(16, dtype=np.float32)[None]


def _fn(params, x):
  return jnp.tanh(x @ params['a']) @ params['b'] + params['bias'][None]


@pytest.fixture(scope='module')
def moments():
  return toys.moments_of(_fn, PARAMS, X)


def _drifts(params):
  """The relative change of both layers' outputs on their original inputs."""
  x = np.asarray(X, np.float64)
  inputs = {'a': x, 'b': np.tanh(x @ np.asarray(PARAMS['a'], np.float64))}
  return {name: toys.change(rows @ np.asarray(PARAMS[name], np.float64),
                            rows @ np.asarray(params[name], np.float64))
          for name, rows in inputs.items()}


def _plus(params, update):
  return jax.tree.map(np.add, jax.device_get(params), jax.device_get(update))


def _steps(tx, seeds, params=PARAMS):
  state, step = tx.init(params), jax.jit(tx.update)
  for seed in seeds:
    gradient = {name: toys.normal(seed + i, *w.shape)
                for i, (name, w) in enumerate(params.items())}
    update, state = step(gradient, state, params)
    yield params, update
    params = _plus(params, update)


def test_layers_go_as_far_as_the_budget_and_no_further(moments):
  free = optax.sgd(.02)
  tx = optax.chain(free, null_space.drift_budget(moments, BUDGET))
  cut = whole = 0
  for i, (before, update) in enumerate(_steps(tx, range(0, 60, 10))):
    after = _plus(before, update)
    np.testing.assert_array_equal(after['bias'], PARAMS['bias'])  # not known, so frozen
    drifts = _drifts(after)
    for name, drift in drifts.items():
      assert drift <= BUDGET * (1 + 1e-4)
      wanted = -.02 * toys.normal(10 * i + list(PARAMS).index(name), *PARAMS[name].shape)
      if np.allclose(update[name], wanted, rtol=1e-5):
        whole += 1
        continue
      cut += 1  # it is the longest step: it ends at the edge, and keeps its direction
      np.testing.assert_allclose(drift, BUDGET, rtol=1e-3)
      share = np.vdot(update[name], wanted) / np.vdot(wanted, wanted)
      np.testing.assert_allclose(update[name], share * wanted, atol=1e-6)
  assert cut
  assert whole


def test_a_step_back_is_not_shortened(moments):
  tx = null_space.drift_budget(moments, BUDGET)
  state = tx.init(PARAMS)
  far = jax.tree.map(lambda w: np.float32(1.2) * w, PARAMS)  # 20 % off, as somebody else left them
  back = jax.tree.map(lambda w: np.float32(-.1) * w, PARAMS)
  step = jax.jit(tx.update)
  update, _ = step(back, state, far)
  np.testing.assert_allclose(update['a'], back['a'], rtol=1e-5)
  update, _ = step(PARAMS, state, far)
  assert not np.any(update['a'])


def test_within_a_null_space_the_budget_lasts(moments):
  """Free directions cost nothing, however far they go."""
  bases = toys.bases_of(_fn, PARAMS, X[:5])
  tx = optax.chain(
      unsc_jax.project_updates(optax.sgd(10.), bases),
      null_space.drift_budget(toys.moments_of(_fn, PARAMS, X[:5]), .01))
  (_, update), = _steps(tx, [0])
  wanted = toys.confine({'a': 10 * toys.normal(0, 16, 8)}, bases)['a']
  np.testing.assert_allclose(update['a'], -wanted, atol=1e-3)


def test_tied_table_counts_both_uses():
  def fn(params, ids):
    return jnp.tanh(params['table'][ids].mean(1)) @ params['table'].T

  params = {'table': toys.normal(0, 9, 4)}
  moments = toys.moments_of(fn, params, np.array([[0, 1], [2, 2], [4, 0]]))
  tx = null_space.drift_budget(moments, BUDGET)
  update, _ = jax.jit(tx.update)({'table': toys.normal(1, 9, 4)}, tx.init(params), params)
  drift = toys.drift(moments, params, _plus(params, update))
  np.testing.assert_allclose(drift['table'], BUDGET, rtol=1e-4)


def test_every_one_of_stacked_layers_keeps_the_budget():
  """A loud layer's outputs leave a quiet one no room."""
  x = np.stack([.01 * toys.normal(0, 40, 4), toys.normal(1, 40, 4)])
  params = {'w': toys.normal(2, 2, 4, 3)}
  moments = toys.moments_of(
      lambda p, x: jnp.einsum('bnd,bdo->bno', x, p['w']), params, x)
  tx = null_space.drift_budget(moments, BUDGET)
  step = {'w': params['w'] * np.array([-1, .01], np.float32)[:, None, None]}
  update, _ = jax.jit(tx.update)(step, tx.init(params), params)
  moved = [np.linalg.norm(rows @ delta) / np.linalg.norm(rows @ w) for rows, delta, w in zip(
      x.astype(np.float64), np.asarray(update['w']), params['w'])]
  np.testing.assert_allclose(moved, [BUDGET, .01], rtol=1e-5)


@pytest.mark.parametrize(('inputs', 'weights'), [
    (1, 1e12), (1e8, 1e6), (1e14, 1), (1e-14, 1e-6), (1e-12, 1e-12), (1e8, 1e12)])
def test_the_budget_holds_at_any_scale(inputs, weights):
  params = {'w': np.float32(weights) * toys.normal(0, 6, 3)}
  x = np.float32(inputs) * toys.normal(1, 50, 6)
  moments = toys.moments_of(lambda p, x: x @ p['w'], params, x)
  tx = null_space.drift_budget(moments, BUDGET)
  state, step, now = tx.init(params), jax.jit(tx.update), params
  for seed in range(2, 8):
    update, state = step({'w': np.float32(weights) * toys.normal(seed, 6, 3)}, state, now)
    now = _plus(now, update)
  outputs = [x.astype(np.float64) @ np.asarray(p['w'], np.float64) for p in (params, now)]
  moved = np.linalg.norm(outputs[1] - outputs[0]) / np.linalg.norm(outputs[0])
  np.testing.assert_allclose(moved, BUDGET, rtol=1e-5)


def test_a_budget_may_follow_a_schedule(moments):
  schedule = optax.linear_schedule(.01, .1, 3)
  tx = optax.inject_hyperparams(
      lambda budget: null_space.drift_budget(moments, budget))(budget=schedule)
  now = PARAMS
  for i, (before, update) in enumerate(_steps(tx, range(0, 40, 10))):
    now = _plus(before, update)
    for drift in _drifts(now).values():
      np.testing.assert_allclose(drift, schedule(i), rtol=1e-3)


def test_moments_that_are_none_and_those_of_outputs_are_refused():
  """Also where their diagonal looks like that of moments."""
  fn, params = lambda p, x: x @ p['w'], {'w': toys.normal(0, 4, 3)}
  own = toys.moments_of(fn, params, toys.normal(1, 50, 4))
  none = own - toys.moments_of(fn, params, np.ones((30, 4), np.float32))
  second = np.asarray(none['w'].second[0])
  assert second.diagonal().min() > 0 > np.linalg.eigvalsh(second).min()
  with pytest.raises(ValueError, match='negative eigenvalues'):
    null_space.drift_budget(none, BUDGET)
  _, outputs = moments_lib.output_moments(fn)(jax.random.key(0), params, np.ones((3, 4)))
  with pytest.raises(ValueError, match='of its outputs'):
    null_space.drift_budget(outputs, BUDGET)


def test_it_composes(moments):
  """Split over devices, in parts of the tree, and where shapes are all there is."""
  mesh = sharding.data_mesh(8)
  split = sharding.shard_params(PARAMS, mesh, smallest=1)
  tx = null_space.drift_budget(moments, BUDGET)
  state = tx.init(split)
  assert state.moments['a'].second.sharding.spec == P(None, 'data')
  update, _ = jax.jit(tx.update)(split, state, split)
  want, _ = jax.jit(tx.update)(PARAMS, tx.init(PARAMS), PARAMS)
  np.testing.assert_allclose(update['a'], want['a'], atol=1e-6)
  one = optax.masked(tx, {'a': True, 'b': False, 'bias': False})
  part, _ = jax.jit(one.update)(PARAMS, one.init(PARAMS), PARAMS)
  np.testing.assert_allclose(part['a'], want['a'], atol=1e-6)
  marked = optax.tree.map_params(tx, lambda p: p, tx.init(PARAMS))
  assert jax.tree.structure(marked) == jax.tree.structure(jax.eval_shape(tx.init, PARAMS))


def test_bad_budgets_are_refused(moments):
  for bad in (0., -1., float('nan')):
    with pytest.raises(ValueError, match='a drift budget is a positive relative change'):
      null_space.drift_budget(moments, bad)
  with pytest.raises(ValueError, match="the moments name 'a', but the optimiser"):
    null_space.drift_budget(moments, BUDGET).init({'c': PARAMS['a'], 'b': PARAMS['b']})
  with pytest.raises(ValueError, match='the moment of a was made for a parameter'):
    null_space.drift_budget(moments, BUDGET).init({**PARAMS, 'a': jnp.ones((3, 3))})


@pytest.mark.parametrize('none', [
    lambda of: of(X + np.nan), lambda of: of(X * 1e-25), lambda of: of(X * 1e25),
    lambda of: of(X) - 2. * of(X), lambda of: 0. * of(X), lambda of: of(X[:20]) - of(3. * X[:5])],
    ids=['NaN', 'small', 'large', 'more than all', 'nothing', 'others'])
def test_moments_that_are_none_price_no_step(none):
  """They let any step pass whole."""
  with pytest.raises(ValueError, match='^the (inputs|moments) '):
    null_space.drift_budget(none(lambda x: toys.moments_of(_fn, PARAMS, x)), BUDGET)
