"""Inputs of any size that float32 can square give the right rank; others are named.

What is right is the rank in numpy's float64, of inputs that are only rescaled.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import unsc_jax
from unsc_jax import null_space

D, RANK = 20, 7
FN = unsc_jax.input_moments(lambda p, x: x @ p['w'])
PARAMS = {'w': jnp.asarray(np.random.default_rng(9).normal(size=(D, 4)), jnp.float32)}


def inputs(scale):
  rng = np.random.default_rng(0)
  return (rng.normal(size=(16, RANK)) @ rng.normal(size=(RANK, D)) * scale).astype(np.float32)


def moments(scale):
  return jax.jit(FN)(PARAMS, jnp.asarray(inputs(scale)))[1]


def energy_rank(x, share):
  values = np.linalg.eigvalsh(x.astype(np.float64).T @ x.astype(np.float64))[::-1]
  running = np.cumsum(np.maximum(values, 0))
  return int(np.argmax(running >= share * running[-1])) + 1


@pytest.mark.parametrize('scale', [1e-14, 1e-8, 1., 1e8, 1e16])
def test_any_size_that_can_be_squared(scale):
  found, x = moments(scale), inputs(scale)
  for solver in (unsc_jax.eigh, unsc_jax.eigh_float64):
    assert unsc_jax.null_space_bases(found, .95, solver=solver)['w'].rank == energy_rank(x, .95)
    exact = unsc_jax.null_space_bases(found, unsc_jax.threshold_rank(1e-5), solver=solver)
    assert exact['w'].rank == RANK
  soft = null_space.soft(1e-2)(found)['w'].matrix
  np.testing.assert_allclose(soft, null_space.soft(1e-2)(moments(1.))['w'].matrix, atol=1e-5)
  for step in (1e-25, 1., 1e15):
    after = {'w': PARAMS['w'] * 0 + step}
    w, delta = (np.asarray(v, np.float64) for v in (PARAMS['w'], after['w'] - PARAMS['w']))
    right = np.linalg.norm(x.astype(np.float64) @ delta) / np.linalg.norm(x.astype(np.float64) @ w)
    np.testing.assert_allclose(unsc_jax.drift(found, PARAMS, after)['w'], right, rtol=1e-3)


@pytest.mark.parametrize('size', [1e-30, 1., 1e30])
def test_leaks_of_updates_of_any_size(size):
  bases = unsc_jax.null_space_bases(moments(1.), unsc_jax.threshold_rank(1e-5))
  update = {'w': jnp.asarray(inputs(1.).T[:, :4], jnp.float32)}
  whole = unsc_jax.leak(jax.tree.map(lambda u: u * size, update), bases)['w']
  np.testing.assert_allclose(whole, 1, rtol=1e-5)


@pytest.mark.parametrize(('scale', 'what'), [(1e-21, 'small'), (1e-37, 'small'), (1e20, 'large')])
def test_others_are_named(scale, what):
  sentence = f'the inputs that meet w are so {what} that their squares leave the range.*rescale'
  with pytest.raises(ValueError, match=sentence):
    unsc_jax.null_space_bases(moments(scale))
  with pytest.raises(ValueError, match=sentence):
    unsc_jax.accumulate(FN, PARAMS, [jnp.asarray(inputs(scale))])


def test_inputs_of_1e18_work_or_are_named():
  """By how many there are; never a wrong rank."""
  if np.isfinite(moments(1e18)['w'].gross.sum()):
    bases = unsc_jax.null_space_bases(moments(1e18), unsc_jax.threshold_rank(1e-5))
    assert bases['w'].rank == RANK
  else:
    with pytest.raises(ValueError, match='so large that their squares leave the range'):
      unsc_jax.null_space_bases(moments(1e18))


def test_silent_layers_are_no_small_ones():
  fn = unsc_jax.input_moments(lambda p, x: jax.nn.relu(-jnp.abs(x)) @ p['w'])
  silent = jax.jit(fn)(PARAMS, np.ones((3, D), np.float32))[1]
  assert unsc_jax.null_space_bases(silent)['w'].rank == 1


@pytest.mark.parametrize('scale', [1e-12, 1., 1e12])
def test_errors_of_samples_do_not_depend_on_the_scale(scale):
  fn = jax.jit(unsc_jax.sampled_moments(
      lambda p, x: jax.lax.conv(x, p['w'], (1, 1), 'SAME'), .5))
  x = np.random.default_rng(1).normal(size=(2, 1, 4, 4)).astype(np.float32)
  error = lambda scale: fn(jax.random.key(0), {'w': jnp.ones((1, 1, 2, 2))}, scale * x)[
      1].relative_error()['w']
  np.testing.assert_allclose(error(scale), error(1.), rtol=1e-4)
