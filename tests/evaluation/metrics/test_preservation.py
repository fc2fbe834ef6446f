"""Drift and flips, and their intervals against the bootstrap."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax.evaluation.metrics import preservation
from unsc_jax.evaluation.metrics import resampling

CLASSES = [0, 2, 3]


@pytest.fixture(scope='module')
def logits():
  rng = np.random.default_rng(0)
  before = rng.normal(0, 3, (600, 4)).astype(np.float32)
  # Some examples move much and most of them little, as networks have it.
  moved = rng.gamma(.5, 1., (600, 1)) * rng.normal(size=(600, 4))
  return before, before + moved.astype(np.float32)


def test_they_are_numpys(logits):
  before, after = (z.astype(np.float64) for z in logits)
  change, rest = (after - before)[:, CLASSES], before[:, CLASSES]
  np.testing.assert_allclose(preservation.logit_drift(*logits, CLASSES).value,
                             np.linalg.norm(change) / np.linalg.norm(rest), rtol=1e-5)
  np.testing.assert_allclose(preservation.flips(*logits).value,
                             np.mean(before.argmax(1) != after.argmax(1)), rtol=1e-5)


@pytest.mark.parametrize('measure', [
    lambda before, after: preservation.logit_drift(before, after, CLASSES),
    preservation.flips])
def test_intervals_are_the_bootstraps(logits, measure):
  """Within a tenth, at both ends; the bootstrap knows nothing of the formulas."""
  estimate = measure(*logits)
  drawn = resampling.bootstrap(
      lambda pair: measure(*pair).value, jax.random.key(0), logits, draws=2000)
  np.testing.assert_allclose(estimate.value, drawn.value, rtol=1e-5)
  width = float(drawn.high - drawn.low)
  np.testing.assert_allclose(estimate[1:], drawn[1:], atol=.1 * width)


def test_what_has_not_moved_has_no_drift_and_no_nan(logits):
  same = logits[0], logits[0]
  np.testing.assert_array_equal(preservation.logit_drift(*same, CLASSES), 0)
  assert preservation.flips(*same).value == 0


def test_a_forgotten_class_may_move_at_will(logits):
  after = jnp.asarray(logits[0]).at[:, 1].add(50)
  assert preservation.logit_drift(logits[0], after, CLASSES).value == 0
