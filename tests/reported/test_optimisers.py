"""Optimisers that looked confined and were not, and the reverse.

Retained outputs are compared in float64; what passes must keep them, what leaks must
be named.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests import rows
from tests import toys
from tests.null_space import test_optimisers
import unsc_jax

PARAMS = {'w': toys.normal(0, 8, 4), 'b': .1 * toys.normal(1, 4)}
KEPT = toys.normal(2, 3, 8)


@pytest.fixture(scope='module')
def bases():
  return toys.bases_of(lambda p, x: x @ p['w'] + p['b'], PARAMS, KEPT)


def run(tx, params, steps=30, grad_of=lambda p: p):
  """The parameters and the state after some random gradients."""
  state = tx.init(params)

  @jax.jit
  def step(key, params, state):
    leaves, tree = jax.tree.flatten(grad_of(params))
    keys = jax.random.split(key, len(leaves))
    gradient = jax.tree.unflatten(tree, [
        jax.random.normal(k, p.shape).astype(p.dtype) for k, p in zip(keys, leaves)])
    updates, state = tx.update(gradient, state, params)
    return optax.apply_updates(params, updates), state

  for key in jax.random.split(jax.random.key(0), steps):
    params, state = step(key, params, state)
  return params, state


def moved(params):
  """How far retained outputs and the weights are from where they were, relative."""
  f64 = lambda x: np.asarray(x, np.float64)
  out = lambda p: f64(KEPT) @ f64(p['w']) + f64(p['b'])
  return (toys.change(out(PARAMS), out(params)), toys.change(PARAMS['w'], params['w']))


def test_schedule_free_leaks_where_it_is_confined_and_not_where_it_confines(bases):
  """As reported: exact in `params`, 1 to 5 % off in what is evaluated."""
  inside = unsc_jax.project_updates(optax.contrib.schedule_free_adamw(1e-2), bases)
  params, state = run(inside, PARAMS)
  assert moved(params)[0] < 1e-5
  kept, _ = moved(optax.contrib.schedule_free_eval_params(state.inner, params))
  assert kept > 1e-3
  with pytest.raises(AssertionError, match='% of what moves the copy of w in the '
                     r"optimiser's state leaves .*schedule_free\(project_updates"):
    unsc_jax.assert_preserves(inside, bases, PARAMS)

  around = optax.contrib.schedule_free(
      unsc_jax.project_updates(optax.rmsprop(1e-2), bases), 1e-2, b1=.9)
  params, state = run(around, PARAMS)
  kept, far = moved(optax.contrib.schedule_free_eval_params(state, params))
  assert kept < 1e-5
  assert far > 1e-2
  unsc_jax.assert_preserves(around, bases, PARAMS)  # nor is a rounded bias a leak


def test_lookahead_is_confined_inside(bases):
  make = lambda fast: optax.lookahead(fast, sync_period=2, slow_step_size=.5)
  confined = make(unsc_jax.project_updates(optax.adam(.1), bases))
  both = optax.LookaheadParams.init_synced(PARAMS)
  unsc_jax.assert_preserves(confined, bases, both)
  after, _ = run(confined, both, grad_of=lambda p: p.fast)
  for params in after:
    kept, far = moved(params)
    assert kept < 1e-5
    assert far > 1e-2
  with pytest.raises(AssertionError, match='of the update of [bw] leaves the null space'):
    unsc_jax.assert_preserves(make(optax.adam(.1)), bases, both)


MORE = {'lbfgs': optax.lbfgs(),  # the value, the gradient and the function
        'plateau': optax.chain(optax.adam(.1), optax.contrib.reduce_on_plateau()),
        'multi_steps': optax.MultiSteps(optax.adam(.1), 3)}


@pytest.mark.parametrize('name', rows.daily(MORE, {'lbfgs', 'multi_steps'}))
def test_what_wants_more_than_gradients_is_tried(name, bases):
  tx = MORE[name]
  unsc_jax.assert_preserves(unsc_jax.project_updates(tx, bases), bases, PARAMS)
  with pytest.raises(AssertionError, match='of the update of [bw] leaves the null space'):
    unsc_jax.assert_preserves(tx, bases, PARAMS)


@pytest.mark.parametrize('start', [
    pytest.param(10, marks=pytest.mark.slow), pytest.param(90, marks=pytest.mark.slow), 5000])
def test_decay_that_starts_late_is_found(start, bases):
  late = optax.inject_hyperparams(optax.add_decayed_weights)(
      weight_decay=lambda count: jnp.where(count < start, 0., .1))
  with pytest.raises(AssertionError, match='of the update of w leaves the null space'):
    unsc_jax.assert_preserves(
        optax.chain(unsc_jax.null_space_projection(bases), late), bases, {'w': PARAMS['w']})
  both = optax.chain(late, unsc_jax.null_space_projection(bases))
  unsc_jax.assert_preserves(both, bases, {'w': PARAMS['w']})


def test_keys_and_integers_among_the_parameters(bases):
  """As in the state of an NNX module with dropout."""
  more = {**PARAMS, 'rng': jax.random.key(3), 'seen': jnp.arange(3), 'on': jnp.array(True)}
  tx = unsc_jax.project_updates(optax.sgd(.1, momentum=.9), bases)
  unsc_jax.assert_preserves(tx, bases, more)
  with pytest.raises(AssertionError, match='of the update of [bw] leaves'):
    unsc_jax.assert_preserves(optax.adam(.1), bases, more)
  moments = toys.moments_of(lambda p, x: x @ p['w'] + p['b'], PARAMS, KEPT)
  assert max(unsc_jax.drift(moments, more, more).values()) == 0
  for path, other in (('rng', jax.random.key(4)), ('seen', jnp.arange(3) + 2**25)):
    found = unsc_jax.drift(moments, more, {**more, path: other})
    assert {p for p, far in found.items() if far > 0} == {path}
  grads = jax.grad(lambda p: (KEPT @ p['w']).sum(), allow_int=True)(more)
  updates, _ = jax.jit(unsc_jax.null_space_projection(bases).update)(
      grads, unsc_jax.null_space_projection(bases).init(PARAMS))
  assert max(float(x) for x in unsc_jax.leak(updates, bases).values()) < 1e-5


@pytest.mark.parametrize('dtype', [  # whose range is the shorter one daily
    'float16', pytest.param('bfloat16', marks=pytest.mark.slow)])
# Small squares under a root, matrices, and steps as they are.
@pytest.mark.parametrize('name', rows.daily(
    test_optimisers.OPTIMISERS, {'adam', 'muon', 'rmsprop', 'sgd'}))
def test_short_parameters_stay_finite(name, dtype):
  """Exact zeros of the projection, frozen biases too, meet epsilons of 1e-8."""
  kept = 3 * jnp.eye(3, 8)  # so that zeros are exact
  bases = toys.bases_of(lambda p, x: x @ p['w'] + p['b'], PARAMS, kept)
  start = jax.tree.map(lambda p: p.astype(dtype), PARAMS)
  tx = unsc_jax.project_updates(test_optimisers.OPTIMISERS[name][0], bases)
  params, _ = run(tx, start, steps=4)
  assert all(p.dtype == dtype for p in params.values())
  np.testing.assert_array_equal(params['b'], start['b'])
  far = toys.change(start['w'].astype(jnp.float32), params['w'].astype(jnp.float32))
  assert np.isfinite(far)
  change = np.asarray(params['w'], np.float64) - np.asarray(start['w'], np.float64)
  # Each step is rounded to the type of the parameters, and nothing more.
  rounding = 5 * float(jnp.finfo(dtype).eps) * np.linalg.norm(np.asarray(start['w'], float))
  assert np.linalg.norm(np.asarray(kept) @ change) < np.linalg.norm(kept) * rounding
  assert far > 1e-4
