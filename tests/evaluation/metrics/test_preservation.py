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
