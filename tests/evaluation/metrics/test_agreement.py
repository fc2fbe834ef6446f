"""Divergences against scipy in float64."""

import numpy as np
import pytest
from scipy import special
from scipy.spatial import distance

from unsc_jax.evaluation.metrics import agreement
from unsc_jax.evaluation.metrics import estimate as estimate_lib

PAIR = 3 * np.random.default_rng(0).normal(size=(2, 80, 6)).astype(np.float32)


def test_measures_are_scipys():
  p, q = special.softmax(PAIR.astype(np.float64), axis=2)
  js = np.mean([distance.jensenshannon(*rows)**2 for rows in zip(p, q)])
  l2 = np.mean([distance.euclidean(*rows) for rows in zip(p, q)])
  same = np.mean(p.argmax(1) == q.argmax(1))
  for measure, want in ((agreement.js_divergence, js), (agreement.activation_distance, l2),
                        (agreement.prediction_agreement, same),
                        (agreement.zero_retrain_forgetting, 1 - js / np.log(2))):
    np.testing.assert_allclose(measure(*PAIR).value, want, rtol=1e-5)


def test_identical_models_have_no_gap():
  a = PAIR[0]
  for other in (a, a + 7):  # softmax ignores a constant
    assert agreement.prediction_agreement(a, other).value == 1
    for distance_of in (agreement.js_divergence, agreement.activation_distance):
      np.testing.assert_allclose(distance_of(a, other).value, 0, atol=1e-6)


def test_masked_and_disjoint_outputs_are_the_extremes():
  a = np.array([[-np.inf, 0., -np.inf]] * 3)
  b = np.array([[1., -np.inf, 2.]] * 3)
  assert agreement.js_divergence(a, b).value == pytest.approx(np.log(2), rel=1e-6)
  assert agreement.js_divergence(a, a).value == pytest.approx(0, abs=1e-6)
  assert agreement.zero_retrain_forgetting(a, b).value == pytest.approx(0, abs=1e-6)


def test_zrf_spreads_over_its_range_unlike_the_published_form():
  a = PAIR[0]
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
