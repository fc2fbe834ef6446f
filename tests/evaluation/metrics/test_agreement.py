"""Divergences against scipy in float64."""

import numpy as np
import pytest
from scipy import special
from scipy.spatial import distance

from unsc_jax.evaluation.metrics import agreement
from unsc_jax.evaluation.metrics import estimate as estimate_lib


@pytest.fixture(name='pair')
def _pair():
  rng = np.random.default_rng(0)
  a, b = 3 * rng.normal(size=(2, 80, 6))
  return a.astype(np.float32), b.astype(np.float32)


def _slow(pair):
  p, q = (special.softmax(x.astype(np.float64), axis=1) for x in pair)
  js = [distance.jensenshannon(*rows)**2 for rows in zip(p, q)]
  l2 = [distance.euclidean(*rows) for rows in zip(p, q)]
  return np.mean(js), np.mean(l2), np.mean(p.argmax(1) == q.argmax(1))


def test_measures_are_scipys(pair):
  js, l2, same = _slow(pair)
  close = lambda a, b: np.testing.assert_allclose(a.value, b, rtol=1e-5)
  close(agreement.js_divergence(*pair), js)
  close(agreement.activation_distance(*pair), l2)
  close(agreement.prediction_agreement(*pair), same)
  close(agreement.zero_retrain_forgetting(*pair), 1 - js / np.log(2))


def test_identical_models_have_no_gap(pair):
  a, _ = pair
  for other in (a, a + 7):  # softmax ignores a constant
    assert agreement.prediction_agreement(a, other).value == 1
    np.testing.assert_allclose(agreement.js_divergence(a, other).value, 0,
                               atol=1e-6)
    np.testing.assert_allclose(agreement.activation_distance(a, other).value,
                               0, atol=1e-6)


def test_masked_and_disjoint_outputs_are_the_extremes():
  a = np.array([[-np.inf, 0., -np.inf]] * 3)
  b = np.array([[1., -np.inf, 2.]] * 3)
  np.testing.assert_allclose(agreement.js_divergence(a, b).value, np.log(2),
                             rtol=1e-6)
  np.testing.assert_allclose(agreement.js_divergence(a, a).value, 0, atol=1e-6)
  np.testing.assert_allclose(agreement.zero_retrain_forgetting(a, b).value, 0,
                             atol=1e-6)


def test_zrf_spreads_over_its_range_unlike_the_published_form(pair):
  a, _ = pair
  sure = 40 * np.eye(6)[a.argmax(1)]
  blind = np.zeros_like(a)
  far = agreement.zero_retrain_forgetting(sure, blind).value
  assert far < 0.5 < agreement.zero_retrain_forgetting(blind, blind).value


def test_another_seed_passes_and_over_unlearning_is_flagged():
  rng = np.random.default_rng(1)
  common = rng.normal(size=(400, 6))
  base, *retrained, again = common + 0.5 * rng.normal(size=(6, 400, 6))
  noise = [agreement.js_divergence(base, r) for r in retrained]
  gap = lambda x: estimate_lib.gap(agreement.js_divergence(base, x), noise)
  assert gap(again).within
  assert not gap(np.zeros_like(again)).within  # knows nothing
  assert not gap(base).within  # more alike than any retrained model
