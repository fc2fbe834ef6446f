"""`assert_preserves` finds every chain that leaks, and no other."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests import toys
import unsc_jax

PARAMS = {'w': toys.normal(0, 8, 4)}  # of a single layer
# What may follow a projection, and what may not.
SAFE = {
    'sgd': optax.sgd(.1),
    'momentum': optax.sgd(.1, momentum=.9, nesterov=True),
    'global_norm': optax.clip_by_global_norm(.1),
    'every_other_step': optax.MultiSteps(optax.sgd(.1), 2),
}
LEAKING = {
    'adam': optax.adam(.1),
    'lion': optax.lion(.1),
    'weight_decay': optax.add_decayed_weights(.01),
    'clipping_of_large_entries': optax.clip(10.),
    'every_fourth_step': optax.MultiSteps(optax.adam(.1), 4),
    'after_a_warm_up': optax.adam(lambda count: jnp.where(count < 10, 0., .1)),
    'not_a_number': optax.scale(jnp.nan),
}

NANS = pytest.mark.not_under('JAX_DEBUG_NANS', 'feeds NaN')


@pytest.fixture(scope='module')
def bases():
  return toys.bases_of(lambda p, x: x @ p['w'], PARAMS, toys.normal(1, 3, 8))


def _check(bases, *after, params=PARAMS):
  """Looks at a projection with something after it."""
  chain = optax.chain(unsc_jax.null_space_projection(bases), *after)
  unsc_jax.assert_preserves(chain, bases, params)


@pytest.mark.parametrize('name', SAFE)
def test_passes(name, bases):
  _check(bases, SAFE[name])


@pytest.mark.parametrize('tx', [
    optax.set_to_zero(), pytest.param(optax.MultiSteps(optax.adam(.1), 301), marks=(
        pytest.mark.not_under('JAX_NUMPY_DTYPE_PROMOTION', "Optax's Adam promotes")))],
    ids=['zero', 'rare'])
def test_warns_where_there_is_nothing_to_see(tx, bases):
  with pytest.warns(UserWarning, match='only 0 of 300 gradients moved anything'):
    _check(bases, tx)


def test_no_step_is_refused(bases):
  with pytest.raises(ValueError, match='0 updates show nothing'):
    unsc_jax.assert_preserves(optax.adam(.1), bases, PARAMS, steps=0)


@pytest.mark.parametrize('name', [
    pytest.param(name, marks=NANS if name == 'not_a_number' else ()) for name in LEAKING])
def test_fails(name, bases):
  with pytest.raises(AssertionError, match='% of the update of w leaves the null '
                     r'space: .*; use project_updates\(optimizer, bases\)'):
    _check(bases, LEAKING[name])


def test_project_updates_mends_all_but_nan(bases):
  # In one chain, for a single compilation.
  every = optax.chain(*(LEAKING[name] for name in (
      'adam', 'lion', 'weight_decay', 'clipping_of_large_entries')))
  unsc_jax.assert_preserves(unsc_jax.project_updates(every, bases), bases, PARAMS)


def test_moving_what_has_no_basis_is_a_leak(bases):
  tx = unsc_jax.null_space_projection(bases, train_others=True)
  with pytest.raises(AssertionError, match='1e.02 % of the update of b leaves'):
    unsc_jax.assert_preserves(tx, bases, {**PARAMS, 'b': np.zeros(4, np.float32)})


@NANS
def test_nan_in_one_of_several_parameters_is_seen(bases):
  both = unsc_jax.Bases({'v': bases.by_path['w'], **bases.by_path})
  spoil = optax.stateless(lambda u, _: {**u, 'w': u['w'] * jnp.nan})
  with pytest.raises(AssertionError, match='nan % of the update of w leaves'):
    _check(both, spoil, params={'v': PARAMS['w'], **PARAMS})


def test_rounding_is_named_for_what_it_is(bases):
  params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), PARAMS)
  tx = unsc_jax.project_updates(optax.adam(.1), bases)
  with pytest.raises(AssertionError, match='rounded to bfloat16; keep the '):
    unsc_jax.assert_preserves(tx, bases, params)
  unsc_jax.assert_preserves(tx, bases, params, tolerance=2**-8)


def test_a_soft_filter_is_told_to_leak_by_itself(bases):
  x, frozen = toys.normal(1, 3, 8), {**PARAMS, 'b': np.zeros(4, np.float32)}
  gains = unsc_jax.null_space.soft(.1)(
      toys.moments_of(lambda p, x: x @ p['w'], PARAMS, x))
  confined = unsc_jax.project_updates(optax.adam(.1), gains)
  even = 100 * unsc_jax.null_space.expected_leak(gains)['w']
  with pytest.raises(AssertionError, match=f'its filter is soft, by which {even:.2g} % of'):
    unsc_jax.assert_preserves(confined, gains, PARAMS, tolerance=.01)
  # Of what has no gain, and of a hard filter, it is not.
  moving = unsc_jax.null_space_projection(gains, train_others=True)
  for tx, by, params in ((moving, gains, frozen), (optax.sgd(.1), bases, PARAMS)):
    with pytest.raises(AssertionError, match='space: something after the projection'):
      unsc_jax.assert_preserves(tx, by, params, tolerance=.9 if by is gains else None)


def test_params_and_state_are_left_as_they_are(bases):
  before = np.array(PARAMS['w'])
  tx = unsc_jax.project_updates(optax.sgd(1.), bases)
  unsc_jax.assert_preserves(tx, bases, PARAMS)
  np.testing.assert_array_equal(PARAMS['w'], before)
