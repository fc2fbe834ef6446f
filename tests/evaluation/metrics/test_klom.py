"""KLoM against numpy.histogram and scipy.stats.entropy."""

import numpy as np
import pytest
from scipy import stats

from tests.evaluation import draws
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import klom


def _slow(unlearned, retrained, bins, limit=100, epsilon=1e-5):
  result = []
  for p, q in zip(unlearned.T, retrained.T):
    p, q = (np.clip(a.astype(np.float64), -limit, limit) for a in (p, q))
    edges = np.histogram_bin_edges(np.concatenate([p, q]), bins)
    p, q = (np.histogram(a, edges)[0] / len(a) for a in (p, q))
    q[(p > 0) & (q < epsilon)] = epsilon
    result.append(stats.entropy(p, q))
  return np.array(result)


def _margins(seed, models=40, n=60, shift=0.):
  rng = np.random.default_rng(seed)
  return (rng.normal(shift, 2, (models, n))).astype(np.float32)


@pytest.mark.parametrize('bins', [20, 7])
@pytest.mark.parametrize('shift', [0., 1., 300.])
@pytest.mark.parametrize('models', [40, 25])
def test_it_is_numpys_histogram(bins, shift, models):
  u, r = _margins(0, models, shift=shift), _margins(1)
  for options in ({}, {'limit': 3., 'epsilon': 0.1}):
    ours = klom.kl_of_margins(u, r, bins=bins, **options)
    np.testing.assert_allclose(ours, _slow(u, r, bins, **options), rtol=1e-3, atol=1e-5)


def test_equal_models_have_none_and_clipped_ones_are_equal():
  u = _margins(0)
  np.testing.assert_allclose(klom.kl_of_margins(u, u), 0, atol=1e-6)
  np.testing.assert_array_equal(klom.kl_of_margins(u + 500, u + 900), 0)


def test_against_the_halves_of_retrained_models():
  """A redraw passes at the level that sampling alone gives, which is not 0."""
  mean = lambda u, r: estimate_lib.normal(klom.kl_of_margins(u, r))
  floor = [mean(_margins(2 * s), _margins(2 * s + 1)) for s in range(40)]
  draws.assert_most_pass(floor)
  assert min(e.low for e in floor) > 0.1
  for shift in (4., -4.):
    e = mean(_margins(0, shift=shift), _margins(1))
    assert e.low > max(f.high for f in floor)
    assert not estimate_lib.gap(e, floor[:4]).within


def test_without_a_least_probability_an_empty_bin_is_infinite():
  u, r = _margins(0), _margins(1)
  u[:, ::2] = r[:, ::2]
  ours = klom.kl_of_margins(u, r, epsilon=0)
  np.testing.assert_allclose(ours, _slow(u, r, 20, epsilon=0), rtol=1e-3, atol=1e-5)
  assert 0 < np.isinf(ours).sum() <= 30
