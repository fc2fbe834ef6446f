"""Drift and flips, and their intervals against the bootstrap."""

import jax
import numpy as np
import pytest

from unsc_jax.evaluation.metrics import preservation
from unsc_jax.evaluation.metrics import resampling

CLASSES = [0, 2, 3]


_rng = np.random.default_rng(0)
BEFORE = _rng.normal(0, 3, (600, 4)).astype(np.float32)
# Some examples move much and most of them little, as networks have it.
AFTER = BEFORE + (_rng.gamma(.5, 1., (600, 1)) * _rng.normal(size=(600, 4))).astype('f')


def _drift(before, after):
  return preservation.logit_drift(before, after, CLASSES)


def test_they_are_numpys():
  before, after = (z.astype(np.float64) for z in (BEFORE, AFTER))
  change, rest = (after - before)[:, CLASSES], before[:, CLASSES]
  np.testing.assert_allclose(
      [_drift(BEFORE, AFTER).value, preservation.flips(BEFORE, AFTER).value],
      [np.linalg.norm(change) / np.linalg.norm(rest),
       np.mean(before.argmax(1) != after.argmax(1))], rtol=1e-5)


@pytest.mark.parametrize('measure', [_drift, preservation.flips])
def test_intervals_are_the_bootstraps(measure):
  """Within a tenth, at both ends; the bootstrap knows nothing of the formulas."""
  estimate = measure(BEFORE, AFTER)
  drawn = resampling.bootstrap(
      lambda pair: measure(*pair).value, jax.random.key(0), (BEFORE, AFTER), draws=2000)
  np.testing.assert_allclose(estimate.value, drawn.value, rtol=1e-5)
  width = float(drawn.high - drawn.low)
  np.testing.assert_allclose(estimate[1:], drawn[1:], atol=.1 * width)


def test_what_has_not_moved_has_no_drift_and_no_nan():
  np.testing.assert_array_equal(_drift(BEFORE, BEFORE), 0)
  assert preservation.flips(BEFORE, BEFORE).value == 0


def test_a_forgotten_class_may_move_at_will():
  assert _drift(BEFORE, BEFORE + 50 * (np.arange(4) == 1)).value == 0


@pytest.mark.parametrize('size', [1e-30, 1e-25, 1e25, 1e36])
def test_drift_is_the_same_at_any_size_of_the_logits(size):
  """Squares of neither 1e-25 nor 1e25 are float32s."""
  before, after = (np.float32(size) * z for z in (BEFORE, AFTER))
  change, rest = ((z.astype(np.float64))[:, CLASSES] for z in (
      after.astype(np.float64) - before, before))
  drift = _drift(before, after)
  np.testing.assert_allclose(
      drift.value, np.linalg.norm(change) / np.linalg.norm(rest), rtol=1e-5)
  np.testing.assert_allclose(drift, _drift(BEFORE, AFTER), rtol=1e-5)


def test_a_small_network_may_drift_far():
  drift = _drift(np.float32(1e-20) * BEFORE, np.float32(1e15) * AFTER)
  far = np.linalg.norm(AFTER[:, CLASSES].astype(np.float64)) / np.linalg.norm(
      BEFORE[:, CLASSES].astype(np.float64))
  np.testing.assert_allclose(drift.value / np.float32(1e35), far, rtol=1e-5)


@pytest.mark.parametrize('classes', [{0, 2, 3}, (3, 2, 0), np.array([0, 2, 3], np.uint8)])
def test_classes_may_be_any_collection_that_names_each_once(classes):
  drift = preservation.logit_drift(BEFORE, AFTER, classes)
  np.testing.assert_allclose(drift, _drift(BEFORE, AFTER), rtol=1e-6)


def test_a_masked_forgotten_class_does_not_count():
  masked = np.where(np.arange(4) == 1, -np.inf, BEFORE)
  assert _drift(masked, masked).value == 0
