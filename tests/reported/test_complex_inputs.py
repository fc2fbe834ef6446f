"""A real weight that meets complex inputs keeps both parts of its outputs.

Right is `Re(F^H F)`, in numpy's complex128: `F W` stays if and only if its real and
its imaginary part do.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests import toys
import unsc_jax

D = 16


def spectral(params, x):
  """A layer of a spectral network: a real weight on a Fourier transform."""
  return jnp.fft.rfft(x) @ params['w']


def signals(n):
  """Real signals whose transforms `[n, 9]` leave directions free."""
  return np.random.default_rng(0).normal(size=(n, D)).astype(np.float32)


@pytest.fixture(scope='module')
def found():
  x = signals(3)
  w = np.random.default_rng(1).normal(size=(D // 2 + 1, 4)).astype(np.float32)
  params = {'w': jnp.asarray(w)}
  moments = toys.moments_of(spectral, params, x)
  return params, x, np.fft.rfft(x.astype(np.float64)), moments


def test_moments_are_those_of_both_parts(found):
  _, _, f, moments = found
  right = (f.conj().T @ f).real
  moment = moments['w']
  assert moment.second.dtype == jnp.float32
  np.testing.assert_allclose(moment.second[0], right, atol=1e-5 * right.max())
  np.testing.assert_allclose(moment.first[0], f.sum(0), rtol=1e-5)
  assert moment.count.tolist() == [3]
  about_mean = f - f.mean(0)
  np.testing.assert_allclose(
      moment.covariance[0], (about_mean.conj().T @ about_mean).real / 3,
      atol=1e-5 * right.max())


def test_rank_is_that_of_the_stacked_parts(found):
  _, _, f, moments = found
  bases = unsc_jax.null_space_bases(moments, unsc_jax.threshold_rank(1e-5))
  assert bases['w'].rank == np.linalg.matrix_rank(np.concatenate([f.real, f.imag])) == 6


def test_drift_is_that_of_the_complex_outputs(found):
  params, _, f, moments = found
  changed = {'w': params['w'].at[0].add(.3).at[3].multiply(-2)}
  w, w2 = (np.asarray(p['w'], np.float64) for p in (params, changed))
  right = np.linalg.norm(f @ (w2 - w)) / np.linalg.norm(f @ w)
  np.testing.assert_allclose(unsc_jax.drift(moments, params, changed)['w'], right, rtol=1e-4)


def test_confined_steps_keep_complex_outputs(found):
  params, x, f, moments = found
  bases = unsc_jax.null_space_bases(moments, unsc_jax.threshold_rank(1e-5))
  tx = unsc_jax.project_updates(optax.adam(.1), bases)
  state, before = tx.init(params), params
  update = jax.jit(tx.update)
  for seed in range(3):
    gradient = np.random.default_rng(seed).normal(size=params['w'].shape)
    updates, state = update({'w': np.float32(gradient)}, state, params)
    params = optax.apply_updates(params, updates)
  moved = lambda f: np.linalg.norm(f @ np.asarray(params['w'] - before['w'], np.float64))
  assert moved(np.eye(len(params['w']))) > .1
  assert moved(f) < 1e-5 * np.linalg.norm(f)
  unsc_jax.assert_preserves(tx, bases, before)


def test_sampled_positions_of_complex_images():
  def fn(params, x):
    return jax.lax.conv(x + 1j * x[:, :, ::-1], params['w'].astype(jnp.complex64),
                        (1, 1), 'SAME')

  x = jnp.asarray(np.random.default_rng(2).normal(size=(2, 1, 4, 4)), jnp.float32)
  params = {'w': jnp.ones((1, 1, 1, 1))}
  _, sampled = jax.jit(unsc_jax.sampled_moments(fn, 1.))(jax.random.key(0), params, x)
  z = np.asarray(x) + 1j * np.asarray(x)[:, :, ::-1]
  np.testing.assert_allclose(
      sampled.moments['w'].second[0, 0, 0], (abs(z)**2).sum(), rtol=1e-5)


def test_frozen_complex_parameters_that_moved_are_seen():
  """Their imaginary part alone: neither is it still, nor does it stay inside."""
  fn = lambda params, x: jnp.abs(x @ params['w'] * params['z'])
  params = {'w': jnp.ones((3, 2)), 'z': jnp.ones(2, jnp.complex64)}
  moments = toys.moments_of(fn, params, np.eye(3, dtype=np.float32)[:1])
  turned = {**params, 'z': params['z'] + 1j}
  assert unsc_jax.drift(moments, params, turned)['z'] == np.inf
  update = {'w': jnp.zeros((3, 2)), 'z': 1j * jnp.ones(2)}
  assert unsc_jax.leak(update, unsc_jax.null_space_bases(moments))['z'] == 1


@pytest.mark.parametrize('dtype', [
    'bool', 'int8', 'int32', 'float8_e4m3fn', 'float16', 'bfloat16', 'float32', 'float64'])
def test_inputs_of_every_type_are_summed_in_float32(dtype):
  """A float32 weight, whatever meets it: small whole numbers, so that sums are exact."""
  x = np.random.default_rng(3).integers(0, 2 if dtype == 'bool' else 5, (9, 6))
  fn = lambda params, x: jax.lax.dot_general(
      x, params['w'], (((1,), (0,)), ((), ())), preferred_element_type=jnp.float32)
  with jax.enable_x64(dtype == 'float64'):
    params = {'w': jnp.ones((6, 2), jnp.float32)}
    moment = toys.moments_of(fn, params, jnp.asarray(x, dtype))['w']
  assert moment.second.dtype == moment.first.dtype == jnp.float32
  np.testing.assert_array_equal(moment.second[0], x.T @ x)
  np.testing.assert_array_equal(moment.first[0], x.sum(0))
