"""Soft filters where float32 ends: what is refused is NaN under `jax.jit`, never growth."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
import unsc_jax
from unsc_jax import null_space

soft = null_space.soft
NANS = pytest.mark.not_under('JAX_DEBUG_NANS', 'gives NaN')


def _moments(x):
  return toys.moments_of(
      lambda p, x: x @ p['w'], {'w': np.zeros((x.shape[-1], 2), np.float32)}, x)


def _with(moments, **changes):
  moment = dataclasses.replace(moments['w'], **changes)
  return unsc_jax.Moments({'w': (moment,)})


def _read(*ids):
  return toys.moments_of(lambda p, x: p['w'][x], {'w': np.zeros((6, 2), np.float32)},
                         np.array(ids))


def _spoilt():
  moments = _moments(toys.normal(0, 30, 8))
  return _with(moments, second=moments['w'].second.at[0, 1, 2].set(jnp.nan))


# Moments that are none.
REFUSED = {
    'difference': lambda: _moments(toys.normal(0, 90, 8)) - _moments(3 * toys.normal(1, 40, 8)),
    'nothing left': lambda: _moments(toys.normal(0, 9, 8)) - _moments(toys.normal(0, 9, 8)),
    'NaN beside the diagonal': _spoilt,
    'squares out of range': lambda: _moments(1e-25 * toys.normal(0, 9, 8)),
    'unread rows': lambda: _read(1, 1, 2, 2) - _read(1, 3),
}


@NANS
@pytest.mark.parametrize('name', REFUSED)
def test_what_is_refused_is_nan_throughout_under_jit(name):
  moments = REFUSED[name]()
  for tau in (.1, 10.):
    with pytest.raises(ValueError, match='moments|inputs|read'):
      soft(tau)(moments)
    assert np.isnan(jax.jit(soft(tau))(moments)['w'].matrix).all()


@NANS
@pytest.mark.parametrize('solver', [None, lambda systems: jnp.linalg.inv(systems)],
                         ids=['default', 'of a user'])
def test_a_matrix_that_is_not_positive_enough_is_nan(solver):
  """Its diagonal is sound: only the eigenvalue tells, which is negative by less than 1e-4."""
  used = np.eye(8, dtype=np.float32)
  used[1, 2] = used[2, 1] = 1.0003
  moments = _with(_moments(np.repeat(np.eye(8, dtype=np.float32), 4, 0)),
                  second=jnp.asarray(4 * used)[None])
  for tau in (1e-5, 3.6e-5, 3.9e-5):  # negative, nearly singular, more than one
    choice = soft(tau, solver=solver)
    with pytest.raises(ValueError, match='the moments of w have negative eigenvalues'):
      choice(moments)
    assert np.isnan(jax.jit(choice)(moments)['w'].matrix).all()
  passed = jax.jit(soft(1e-2, solver=solver))(moments)['w'].matrix[0]
  share = np.asarray(used, np.float64) / 8
  np.testing.assert_allclose(
      passed, np.linalg.inv(np.eye(8) + share / 1e-2), atol=1e-3)


@NANS
@pytest.mark.parametrize('tau', [1e-5, 1e-6, 1e-7, 1e-8])
def test_updates_do_not_grow_by_more_than_is_said(tau):
  moments = _moments(toys.normal(0, 5, 40))
  matrix = np.asarray(jax.jit(soft(tau))(moments)['w'].matrix[0], np.float64)
  if tau >= 1e-6:
    made = np.asarray(soft(tau)(moments)['w'].matrix[0], np.float64)
    for of in (made, matrix):
      assert np.linalg.eigvalsh(of).max() <= 1 + 1e-7 / tau
  else:
    assert np.isnan(matrix).all()
    # Of sound moments it is tau's fault, and what is advised will do.
    with pytest.raises(ValueError, match=f'tau of w is {tau:g}, less than .* take 1e-05'):
      soft(tau)(moments)
    soft(1e-5)(moments)


@pytest.mark.parametrize('within', [lambda fn: fn, jax.jit], ids=['eager', 'jit'])
def test_layers_are_each_in_their_own_units(within):
  scales = np.float32([1e-11, 1e12])
  x = toys.normal(0, 2, 40, 4) * scales[:, None, None]
  moments = toys.moments_of(lambda p, x: jnp.einsum('bnd,bdo->bno', x, p['w']),
                            {'w': np.zeros((2, 4, 3), np.float32)}, x)
  for of, matrix in zip(np.asarray(x, np.float64), within(soft(.1))(moments)['w'].matrix):
    share = of.T @ of / np.sum(of**2)
    np.testing.assert_allclose(matrix, np.linalg.inv(np.eye(4) + share / .1), atol=1e-6)
