"""Filters by eigenvalues, against eigenvectors in float64 numpy and their own limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
from unsc_jax import null_space
from unsc_jax import storage

spectral = null_space.spectral
D, TAU = 16, 1e-2
X = toys.normal(0, 200, D) * .7**np.arange(D, dtype=np.float32) @ toys.normal(1, D, D)


def _dense(params, x):
  return x @ params['w']


def _moments(x):
  return toys.moments_of(_dense, {'w': np.zeros((x.shape[-1], 2), np.float32)}, x)


def _spectrum(x):
  """Shares of the energy, largest first, and directions as columns."""
  x = np.asarray(x, np.float64)
  _, values, rows = np.linalg.svd(x)
  return values**2 / np.sum(values**2), rows.T


def _matrix(filter, x=X):
  return np.asarray(filter(_moments(x))['w'].matrix)[0]


def test_responses_are_those_of_every_direction():
  shares, u = _spectrum(X)
  for response, passed in (
      (null_space.butterworth(TAU, 3), 1 / (1 + (shares / TAU)**3)),
      (null_space.soft_beyond(.9, TAU), TAU / (shares + TAU) * (
          np.cumsum(shares) - shares >= .9))):
    want = u * passed @ u.T
    np.testing.assert_allclose(_matrix(spectral(response)), want, atol=2e-3)
    jitted = jax.jit(spectral(response))(_moments(X))['w'].matrix
    np.testing.assert_allclose(np.asarray(jitted)[0], want, atol=2e-3)


def test_between_the_ridge_and_the_cut():
  first = _matrix(spectral(null_space.butterworth(TAU, 1)))
  np.testing.assert_allclose(first, _matrix(null_space.soft(TAU)), atol=1e-4)
  shares, u = _spectrum(X)
  cut = u * (shares < TAU) @ u.T
  last = _matrix(spectral(null_space.butterworth(TAU, 1e4)))
  np.testing.assert_allclose(last, cut, atol=2e-3)


@pytest.mark.parametrize('order', [.05, 1., 2., 1e4, float('inf')])
def test_at_any_order_what_is_unused_passes_and_half_of_what_has_the_share(order):
  for tau in (.5, 1e-3):
    shares = np.float32([.7, .6, tau, tau / 4, 0])
    with np.errstate(over='ignore'):
      want = 1 / (1 + (np.asarray(shares / np.float32(tau), np.float64))**order)
    got = np.asarray(null_space.butterworth(tau, order)(jnp.asarray(shares)))
    np.testing.assert_allclose(got, want, atol=1e-6)
    assert (got[2], got[4]) == (.5, 1)


def test_what_is_kept_is_kept_exactly():
  bases = null_space.hard(.9)(_moments(X))
  gains = spectral(null_space.soft_beyond(.9, TAU))(_moments(X))
  passed = toys.confine({'w': toys.normal(2, D, 2)}, gains)
  assert toys.leak(passed, bases)['w'] < 1e-5


def test_rows_of_a_table_go_by_their_own_share():
  ids = np.array([[1, 4], [1, 2]])
  moments = toys.moments_of(lambda p, x: p['w'][x], {'w': np.zeros((6, 2), np.float32)}, ids)
  for response, want in (
      (null_space.butterworth(.25, 2), [1, .2, .5, 1, .5, 1]),
      (null_space.soft_beyond(.5, .25), [1, 0, .5, 1, .5, 1])):
    matrix = spectral(response)(moments)['w'].matrix
    np.testing.assert_allclose(np.asarray(matrix)[0], want, atol=1e-5)


def test_choices_are_data_and_checked():
  for call in ('spectral(butterworth(1e-3, 2.0))',
               "spectral(soft_beyond(.9), per_path={'w': butterworth()})"):
    choice = eval(call, vars(null_space))
    assert choice == eval(repr(choice), vars(null_space))
    assert hash(choice) == hash(eval(call, vars(null_space)))
    assert storage.describe(choice)
  for bad, match in ((lambda: null_space.butterworth(0.), 'tau has to be positive'),
                     (lambda: null_space.butterworth(order=-1), 'order has to be positive'),
                     (lambda: null_space.soft_beyond(2.), 'energy is a share'),
                     (lambda: null_space.soft_beyond(tau=-1), 'tau has to be positive')):
    with pytest.raises(ValueError, match=match):
      bad()


@pytest.mark.parametrize('cut', [np.float32([[.5]]), None], ids=['holds an array', 'a lambda'])
def test_any_function_is_a_response(cut):
  """Also one that JAX cannot tell from others by a hash."""
  class Below:  # no dataclass; cannot be hashed
    __hash__ = None

    def __call__(self, shares):
      return (shares < cut).astype(shares.dtype)

  response = Below() if cut is not None else lambda shares: (shares < .5).astype(shares.dtype)
  shares, u = _spectrum(X)
  np.testing.assert_allclose(
      _matrix(spectral(response)), u * (shares < .5) @ u.T, atol=1e-4)
