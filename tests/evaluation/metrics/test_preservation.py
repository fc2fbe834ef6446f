"""Drift and flips, and their intervals against the bootstrap."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import preservation

CLASSES = [0, 2, 3]


@pytest.fixture(scope='module')
def logits():
  rng = np.random.default_rng(0)
  before = rng.normal(0, 3, (600, 4)).astype(np.float32)
  # Some examples move much and most of them little, as networks have it.
  moved = rng.gamma(.5, 1., (600, 1)) * rng.normal(size=(600, 4))
  return before, before + moved.astype(np.float32)


def test_drift_is_numpys(logits):
  before, after = (z.astype(np.float64)[:, CLASSES] for z in logits)
  want = np.linalg.norm(after - before) / np.linalg.norm(before)
  found = preservation.drift_estimate(*logits, CLASSES)
  np.testing.assert_allclose(found.value, want, rtol=1e-5)
  np.testing.assert_allclose(
      preservation.logit_drift(*logits, CLASSES), want, rtol=1e-5)


@pytest.mark.parametrize('which', ['drift', 'flips'])
def test_intervals_are_the_bootstraps(logits, which):
  """Within a tenth, at both ends; the bootstrap knows nothing of the formulas."""
  simple, found = {
      'drift': (lambda a, b: preservation.logit_drift(a, b, CLASSES),
                preservation.drift_estimate(*logits, CLASSES)),
      'flips': (preservation.flips, preservation.flips_estimate(*logits)),
  }[which]
  drawn = estimate_lib.bootstrap(
      lambda pair: simple(*pair), jax.random.key(0), logits, draws=2000)
  np.testing.assert_allclose(found.value, drawn.value, rtol=1e-5)
  width = float(drawn.high - drawn.low)
  np.testing.assert_allclose(found.low, drawn.low, atol=.1 * width)
  np.testing.assert_allclose(found.high, drawn.high, atol=.1 * width)


def test_what_has_not_moved_has_no_drift_and_no_nan(logits):
  assert [float(x) for x in preservation.drift_estimate(
      logits[0], logits[0], CLASSES)] == [0, 0, 0]
  assert float(preservation.flips_estimate(logits[0], logits[0]).value) == 0


def test_a_forgotten_class_may_move_at_will(logits):
  after = jnp.asarray(logits[0]).at[:, 1].add(50)
  assert float(preservation.drift_estimate(logits[0], after, CLASSES).value) == 0
