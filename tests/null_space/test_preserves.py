"""`assert_preserves` finds every chain that leaks, and no other."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import unsc_jax


@pytest.fixture(scope='module')
def layer():
  """A single layer's parameters and bases."""
  rng = np.random.default_rng(0)
  normal = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)
  params = {'w': normal(8, 4)}
  moments_fn = jax.jit(unsc_jax.input_moments(lambda p, x: x @ p['w']))
  _, moments = moments_fn(params, normal(3, 8))
  return params, unsc_jax.null_space_bases(moments, unsc_jax.threshold_rank(1e-5))


# What may follow a projection, and what may not.
SAFE = {
    'sgd': lambda: optax.sgd(.1),
    'momentum': lambda: optax.sgd(.1, momentum=.9, nesterov=True),
    'global_norm': lambda: optax.clip_by_global_norm(.1),
    'every_other_step': lambda: optax.MultiSteps(optax.sgd(.1), 2),
}
LEAKING = {
    'adam': lambda: optax.adam(.1),
    'lion': lambda: optax.lion(.1),
    'weight_decay': lambda: optax.add_decayed_weights(.01),
    'clipping_of_large_entries': lambda: optax.clip(10.),
    'every_fourth_step': lambda: optax.MultiSteps(optax.adam(.1), 4),
    'after_a_warm_up': lambda: optax.adam(
        lambda count: jnp.where(count < 10, 0., .1)),
    'not_a_number': lambda: optax.scale(jnp.nan),
}


@pytest.mark.parametrize('name', SAFE)
def test_passes(name, layer):
  params, bases = layer
  p = unsc_jax.null_space_projection(bases)
  unsc_jax.assert_preserves(optax.chain(p, SAFE[name]()), bases, params)


@pytest.mark.parametrize('tx', [
    optax.set_to_zero(), optax.MultiSteps(optax.adam(.1), 301)], ids=['zero', 'rare'])
def test_warns_where_there_is_nothing_to_see(tx, layer):
  params, bases = layer
  with pytest.warns(UserWarning, match='only 0 of 300 gradients moved anything'):
    unsc_jax.assert_preserves(
        optax.chain(unsc_jax.null_space_projection(bases), tx), bases, params)


def test_no_step_is_refused(layer):
  params, bases = layer
  with pytest.raises(ValueError, match='0 updates show nothing'):
    unsc_jax.assert_preserves(optax.adam(.1), bases, params, steps=0)


@pytest.mark.parametrize('name', LEAKING)
def test_fails(name, layer):
  params, bases = layer
  p = unsc_jax.null_space_projection(bases)
  with pytest.raises(AssertionError, match='% of the update of w leaves the null '
                     r'space: .*; use project_updates\(optimizer, bases\)'):
    unsc_jax.assert_preserves(optax.chain(p, LEAKING[name]()), bases, params)


def test_project_updates_mends_all_but_nan(layer):
  params, bases = layer
  # In one chain, for a single compilation.
  every = optax.chain(*(LEAKING[name]() for name in (
      'adam', 'lion', 'weight_decay', 'clipping_of_large_entries')))
  unsc_jax.assert_preserves(unsc_jax.project_updates(every, bases), bases, params)


def test_moving_what_has_no_basis_is_a_leak(layer):
  params, bases = layer
  params = {**params, 'b': jnp.zeros(4)}
  tx = unsc_jax.null_space_projection(bases, train_others=True)
  with pytest.raises(AssertionError, match='1e.02 % of the update of b leaves'):
    unsc_jax.assert_preserves(tx, bases, params)


def test_nan_in_one_of_several_parameters_is_seen(layer):
  params, bases = layer
  params, bases = {'v': params['w'], **params}, unsc_jax.Bases({
      'v': bases.by_path['w'], **bases.by_path})
  tx = optax.chain(
      unsc_jax.null_space_projection(bases),
      optax.stateless(lambda u, _: {**u, 'w': u['w'] * jnp.nan}))
  with pytest.raises(AssertionError, match='nan % of the update of w leaves'):
    unsc_jax.assert_preserves(tx, bases, params)


def test_rounding_is_named_for_what_it_is(layer):
  params, bases = layer
  params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
  tx = unsc_jax.project_updates(optax.adam(.1), bases)
  with pytest.raises(AssertionError, match='rounded to bfloat16; keep the '):
    unsc_jax.assert_preserves(tx, bases, params)
  unsc_jax.assert_preserves(tx, bases, params, tolerance=2**-8)


def test_params_and_state_are_left_as_they_are(layer):
  params, bases = layer
  before = np.array(params['w'])
  tx = unsc_jax.project_updates(optax.sgd(1.), bases)
  unsc_jax.assert_preserves(tx, bases, params)
  np.testing.assert_array_equal(params['w'], before)
