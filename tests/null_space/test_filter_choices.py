"""Which filters there are is data; bad ones and moments that are none are refused."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
import unsc_jax
from unsc_jax import null_space
from unsc_jax import storage

soft = null_space.soft
TAU = 1e-2
X = toys.normal(2, 40, 16) * .7**np.arange(16, dtype=np.float32)[None]


def _dense(params, x):
  return x @ params['w']


def _moments(x):
  return toys.moments_of(_dense, {'w': np.zeros((x.shape[-1], 2), np.float32)}, x)


def test_bad_choices_are_refused():
  for bad in (0., -1., float('nan')):
    with pytest.raises(ValueError, match='tau has to be positive, not'):
      soft(bad)
    with pytest.raises(ValueError, match='tau of w has to be positive, not'):
      soft(per_path={'w': bad})
  with pytest.raises(ValueError, match="per_path names 'v', which has no moments"):
    soft(per_path={'v': .1})(_moments(X))
  with pytest.raises(ValueError, match='inputs that meet w are NaN or infinite'):
    soft()(_moments(np.where(X.max() - 1e-6 < X, np.nan, X)))
  with pytest.raises(ValueError, match='count no inputs'):
    soft()(_moments(X) - _moments(X))
  with pytest.raises(ValueError, match='energy is a share'):
    null_space.hard(2.)


@pytest.mark.parametrize('share', [.5, 2.])
def test_moments_that_are_none_are_refused(share):
  """A negative eigenvalue would amplify updates, or leave no filter at all."""
  moments = _moments(jnp.eye(12))
  for gone in moments:
    second = gone.second.at[0, 3, 3].set(-share * TAU * 12)
    bad = unsc_jax.Moments({'w': (dataclasses.replace(gone, second=second),)})
    with pytest.raises(ValueError, match='the moments of w have negative eigenvalues'):
      soft(TAU)(bad)


@pytest.mark.parametrize('call', [
    'hard(energy=0.9, per_path=(), solver=None)', 'pooled(filter=soft(tau=0.01))',
    "soft(tau=0.001, per_path=(('w', 0.1),), solver=None)"])
def test_choices_are_data(call):
  names = vars(null_space)
  choice, again = eval(call, names), eval(call, names)
  assert choice == again == eval(repr(choice), names)
  assert hash(choice) == hash(again)
  assert storage.describe(choice) == storage.describe(again)


def test_pooled_takes_a_filter_a_share_or_a_rule():
  rule = null_space.threshold_rank(1e-3)
  assert null_space.pooled().filter == null_space.hard(.99)
  assert null_space.pooled(.9).filter == null_space.hard(.9)
  assert null_space.pooled(rule).filter == null_space.hard(rule)
  halves = _moments(X[:20]), _moments(X[20:])
  np.testing.assert_allclose(
      null_space.pooled(soft(TAU))(halves)['w'].matrix,
      soft(TAU)(_moments(X))['w'].matrix, atol=1e-5)
