"""The drift that moments tell is the one that data show."""

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
from numpy.lib import stride_tricks
import pytest

import unsc_jax
from unsc_jax import null_space


def _fn(params, x):
  """A grouped, strided, padded convolution; a dense layer; a scale."""
  x = jax.nn.relu(lax.conv_general_dilated(
      x, params['conv'], (2, 2), ((1, 1), (1, 1)), feature_group_count=2,
      dimension_numbers=('NHWC', 'HWIO', 'NHWC')))
  x = jnp.tanh(x.reshape(len(x), -1) @ params['dense'])
  return x * params['scale'] + params['bias']


def _convolved(x, w):
  """What the convolution of `_fn` computes, in numpy."""
  x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
  windows = stride_tricks.sliding_window_view(x, (3, 3), (1, 2))[:, ::2, ::2]
  half = w.shape[-1] // 2
  return np.concatenate([
      np.einsum('nijchw,hwco->nijo', windows[:, :, :, :2], w[..., :half]),
      np.einsum('nijchw,hwco->nijo', windows[:, :, :, 2:], w[..., half:])], -1)


def _normal(seed, *shape):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


@pytest.fixture(scope='module')
def params():
  return {'conv': _normal(0, 3, 3, 2, 6), 'dense': _normal(1, 24, 5),
          'scale': _normal(2, 5), 'bias': _normal(3, 5)}


@pytest.fixture(scope='module')
def data():
  return _normal(4, 6, 4, 4, 4)


@pytest.fixture(scope='module')
def moments(params, data):
  return jax.jit(unsc_jax.input_moments(_fn))(params, data)[1]


def _measured(params, changed, data):
  """Relative changes of each layer's output on its original inputs."""
  f64 = lambda tree: {k: np.asarray(v, np.float64) for k, v in tree.items()}
  old, new, x = f64(params), f64(changed), np.asarray(data, np.float64)
  h = np.maximum(_convolved(x, old['conv']), 0).reshape(len(x), -1)
  outputs = {'conv': lambda p: _convolved(x, p['conv']),
             'dense': lambda p: h @ p['dense']}
  return {name: np.linalg.norm(out(new) - out(old)) / np.linalg.norm(out(old))
          for name, out in outputs.items()}


def _moved(params, amount, names=('conv', 'dense')):
  return {name: w + amount * _normal(i, *w.shape) * (name in names)
          for i, (name, w) in enumerate(sorted(params.items()))}


@pytest.mark.parametrize('amount', [1e-2, 1., 10.])
def test_drift_is_what_the_data_show(amount, params, data, moments):
  changed = _moved(params, amount)
  drift = unsc_jax.drift(moments, params, changed)
  measured = _measured(params, changed, data)
  for name in ('conv', 'dense'):
    assert measured[name] > amount / 10
    np.testing.assert_allclose(drift[name], measured[name], rtol=1e-4)
  assert drift['scale'] == drift['bias'] == 0
  under_jit = jax.jit(unsc_jax.drift)(moments, params, changed)
  for name, value in drift.items():
    np.testing.assert_allclose(under_jit[name], value, rtol=1e-4)


def test_drift_over_batches_and_after_subtraction(params, data, moments):
  fn = unsc_jax.input_moments(_fn)
  other = _normal(5, 4, 4, 4, 4)
  whole = unsc_jax.accumulate(fn, params, [data, other])
  changed = _moved(params, .1)
  together = jnp.concatenate([data, other])
  drift = unsc_jax.drift(whole, params, changed)
  np.testing.assert_allclose(
      drift['conv'], _measured(params, changed, together)['conv'], rtol=1e-4)
  drift = unsc_jax.drift(whole - moments, params, changed)
  np.testing.assert_allclose(
      drift['conv'], _measured(params, changed, other)['conv'], rtol=1e-3)


def test_null_space_changes_do_not_drift(params, data):
  few = data[:1]
  _, moments = jax.jit(unsc_jax.input_moments(_fn))(params, few)
  bases = unsc_jax.null_space_bases(moments, unsc_jax.threshold_rank(1e-5))
  update = null_space.project(_moved(params, 1.), bases)
  changed = {name: w + update[name] for name, w in params.items()}
  measured = _measured(params, changed, few)
  drift = unsc_jax.drift(moments, params, changed)
  for name in ('conv', 'dense'):
    assert jnp.linalg.norm(update[name]) > .1 * jnp.linalg.norm(params[name])
    assert measured[name] < 1e-5
    assert drift[name] < 1e-3  # float32's resolution, see the docstring


def test_what_is_unknown_is_infinite(params, moments):
  drift = unsc_jax.drift(moments, params, _moved(params, 1e-3, ('bias', 'dense')))
  assert drift['bias'] == np.inf
  assert drift['scale'] == drift['conv'] == 0
  assert 0 < drift['dense'] < 1
  silent = {**params, 'dense': jnp.zeros_like(params['dense'])}
  assert unsc_jax.drift(moments, silent, params)['dense'] == np.inf
  assert unsc_jax.drift(moments, silent, silent)['dense'] == 0


def test_nan_is_not_taken_for_stillness(params, moments):
  bad = {**params, 'dense': params['dense'].at[0, 0].set(jnp.nan)}
  assert np.isnan(unsc_jax.drift(moments, params, bad)['dense'])
  bad = {**params, 'bias': params['bias'].at[0].set(jnp.nan)}
  assert not np.isfinite(unsc_jax.drift(moments, params, bad)['bias'])


def test_tied_table_drifts_by_both_of_its_uses():
  def fn(params, ids):
    return jnp.tanh(params['table'][ids].mean(1)) @ params['table'].T

  params = {'table': _normal(0, 9, 4)}
  ids = np.array([[0, 1], [2, 2], [4, 0]])
  _, moments = jax.jit(unsc_jax.input_moments(fn))(params, jnp.asarray(ids))
  changed = {'table': params['table'] + .1 * _normal(1, 9, 4)}
  old = np.asarray(params['table'], np.float64)
  delta = np.asarray(changed['table'], np.float64) - old
  h = np.tanh(old[ids].mean(1))
  energy = lambda w: np.sum(w[ids]**2) + np.sum((h @ w.T)**2)
  np.testing.assert_allclose(
      unsc_jax.drift(moments, params, changed)['table'],
      np.sqrt(energy(delta) / energy(old)), rtol=1e-4)


def test_bfloat16_is_subtracted_in_float32(params, data, moments):
  half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
  changed = _moved(params, .01)
  np.testing.assert_allclose(
      unsc_jax.drift(moments, half, changed)['conv'],
      _measured(half, changed, data)['conv'], rtol=1e-4)


def test_bad_input_is_refused(params, moments):
  drift = unsc_jax.drift
  less = {name: w for name, w in params.items() if name != 'dense'}
  for before, after in ((params, less), (less, params), (less, less),
                        (params, {**params, 'dense': params['dense'].T})):
    with pytest.raises(ValueError, match='dense is not in both the parameters'):
      drift(moments, before, after)
