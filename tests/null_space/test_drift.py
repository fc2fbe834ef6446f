"""The drift that moments tell is the one that data show."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.lib import stride_tricks
import pytest

from tests import toys
import unsc_jax


def _fn(params, x):
  """A grouped, strided, padded convolution; a dense layer; a scale."""
  x = jax.nn.relu(toys.convolve(x, params['conv'], (2, 2), ((1, 1), (1, 1)), groups=2))
  x = jnp.tanh(x.reshape(len(x), -1) @ params['dense'])
  return x * params['scale'][None] + params['bias'][None]


def _convolved(x, w):
  """What the convolution of `_fn` computes, in numpy."""
  x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
  windows = stride_tricks.sliding_window_view(x, (3, 3), (1, 2))[:, ::2, ::2]
  half = w.shape[-1] // 2
  return np.concatenate([
      np.einsum('nijchw,hwco->nijo', windows[:, :, :, :2], w[..., :half]),
      np.einsum('nijchw,hwco->nijo', windows[:, :, :, 2:], w[..., half:])], -1)


PARAMS = {'conv': toys.normal(0, 3, 3, 2, 6), 'dense': toys.normal(1, 24, 5),
          'scale': toys.normal(2, 5), 'bias': toys.normal(3, 5)}
DATA = toys.normal(4, 6, 4, 4, 4)


@pytest.fixture(scope='module')
def moments():
  return toys.moments_of(_fn, PARAMS, DATA)


def _measured(changed, data=DATA, params=PARAMS):
  """Relative changes of each layer's output on its original inputs."""
  f64 = lambda tree: {k: np.asarray(v, np.float64) for k, v in tree.items()}
  old, new, x = f64(params), f64(changed), np.asarray(data, np.float64)
  h = np.maximum(_convolved(x, old['conv']), 0).reshape(len(x), -1)
  outputs = {'conv': lambda p: _convolved(x, p['conv']),
             'dense': lambda p: h @ p['dense']}
  return {name: np.linalg.norm(out(new) - out(old)) / np.linalg.norm(out(old))
          for name, out in outputs.items()}


def _moved(amount, names=('conv', 'dense')):
  return {name: w + np.float32(amount * (name in names)) * toys.normal(i, *w.shape)
          for i, (name, w) in enumerate(sorted(PARAMS.items()))}


@pytest.mark.parametrize('amount', [1e-2, 1., 10.])
def test_drift_is_what_the_data_show(amount, moments):
  changed = _moved(amount)
  drift = toys.drift(moments, PARAMS, changed)
  measured = _measured(changed)
  for name in ('conv', 'dense'):
    assert measured[name] > amount / 10
    np.testing.assert_allclose(drift[name], measured[name], rtol=1e-4)
  assert drift['scale'] == drift['bias'] == 0


def test_drift_over_batches_and_after_subtraction(moments):
  other, changed = toys.normal(5, 4, 4, 4, 4), _moved(.1)
  whole = unsc_jax.accumulate(unsc_jax.input_moments(_fn), PARAMS, [DATA, other])
  together = np.concatenate([DATA, other])
  for some, data, rtol in ((whole, together, 1e-4), (whole - moments, other, 1e-3)):
    np.testing.assert_allclose(toys.drift(some, PARAMS, changed)['conv'],
                               _measured(changed, data)['conv'], rtol=rtol)


def test_null_space_changes_do_not_drift():
  few = DATA[:1]
  update = toys.confine(_moved(1.), toys.bases_of(_fn, PARAMS, few))
  changed = {name: w + np.asarray(update[name]) for name, w in PARAMS.items()}
  measured = _measured(changed, few)
  drift = toys.drift(toys.moments_of(_fn, PARAMS, few), PARAMS, changed)
  for name in ('conv', 'dense'):
    assert np.linalg.norm(update[name]) > .1 * np.linalg.norm(PARAMS[name])
    assert measured[name] < 1e-5
    assert drift[name] < 1e-3  # float32's resolution, see the docstring


@pytest.mark.not_under('JAX_DEBUG_NANS', 'feeds NaN')
def test_what_is_unknown_is_infinite(moments):
  drift = toys.drift(moments, PARAMS, _moved(1e-3, ('bias', 'dense')))
  assert drift['bias'] == np.inf
  assert drift['scale'] == drift['conv'] == 0
  assert 0 < drift['dense'] < 1
  silent = {**PARAMS, 'dense': np.zeros_like(PARAMS['dense'])}
  assert toys.drift(moments, silent, PARAMS)['dense'] == np.inf
  assert toys.drift(moments, silent, silent)['dense'] == 0
  # Nor is NaN taken for stillness.
  bad = {**PARAMS, 'dense': np.where(PARAMS['dense'] > 1, np.nan, PARAMS['dense'])}
  assert np.isnan(toys.drift(moments, PARAMS, bad)['dense'])
  bad = {**PARAMS, 'bias': np.full_like(PARAMS['bias'], np.nan)}
  assert not np.isfinite(toys.drift(moments, PARAMS, bad)['bias'])


def test_it_is_the_same_outside_of_jit(moments):
  """Where the others take it inside."""
  changed = _moved(1.)
  inside = toys.drift(moments, PARAMS, changed)
  for name, value in unsc_jax.drift(moments, PARAMS, changed).items():
    np.testing.assert_allclose(inside[name], value, rtol=1e-4)


def test_tied_table_drifts_by_both_of_its_uses():
  def fn(params, ids):
    return jnp.tanh(params['table'][ids].mean(1)) @ params['table'].T

  params = {'table': toys.normal(0, 9, 4)}
  ids = np.array([[0, 1], [2, 2], [4, 0]])
  moments = toys.moments_of(fn, params, ids)
  changed = {'table': params['table'] + .1 * toys.normal(1, 9, 4)}
  old = np.asarray(params['table'], np.float64)
  delta = np.asarray(changed['table'], np.float64) - old
  h = np.tanh(old[ids].mean(1))
  energy = lambda w: np.sum(w[ids]**2) + np.sum((h @ w.T)**2)
  np.testing.assert_allclose(
      toys.drift(moments, params, changed)['table'],
      np.sqrt(energy(delta) / energy(old)), rtol=1e-4)


def test_bfloat16_is_subtracted_in_float32(moments):
  changed, half = _moved(.01), jax.tree.map(lambda p: p.astype(jnp.bfloat16), PARAMS)
  np.testing.assert_allclose(
      toys.drift(moments, half, changed)['conv'],
      _measured(changed, params=half)['conv'], rtol=1e-4)


def test_bad_input_is_refused(moments):
  less = {name: w for name, w in PARAMS.items() if name != 'dense'}
  for before, after in ((PARAMS, less), (less, PARAMS), (less, less),
                        (PARAMS, {**PARAMS, 'dense': PARAMS['dense'].T})):
    with pytest.raises(ValueError, match='dense is not in both the parameters'):
      unsc_jax.drift(moments, before, after)
