"""Signals against scipy in float64, at the edges too."""

import numpy as np
import pytest
from scipy import special
from scipy import stats

from unsc_jax.evaluation.metrics import signals


@pytest.fixture(name='case', params=[0.1, 1., 8.])
def _case(request):
  rng = np.random.default_rng(0)
  logits = (request.param * rng.normal(size=(60, 7))).astype(np.float32)
  return logits, rng.integers(0, 7, 60)


def _slow_modified_entropy(p, y):
  """Song & Mittal's equation 9, one term at a time."""
  total = -(1 - p[y]) * np.log(max(p[y], 1e-30))
  for i, p_i in enumerate(p):
    if i != y:
      total -= p_i * np.log(max(1 - p_i, 1e-30))
  return total


def test_signals_are_their_definitions(case):
  logits, y = case
  p = special.softmax(logits.astype(np.float64), axis=1)
  mine = p[np.arange(60), y]
  close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
  close(signals.probabilities(logits), p)
  close(signals.confidence(logits, y), mine)
  close(signals.loss(logits, y), -np.log(mine))
  close(signals.entropy(logits), stats.entropy(p, axis=1))
  close(signals.correctness(logits, y), p.argmax(1) == y)
  close(signals.margin(logits, y), special.logit(mine))
  close(signals.modified_entropy(logits, y),
        [_slow_modified_entropy(*a) for a in zip(p, y)])


def test_modified_entropy_is_right_where_float32_loses_1_minus_p():
  logits = np.array([[30., 0., 1.]] * 2, np.float32)  # 1 - p is below 1e-12
  exact = special.log_softmax(logits.astype(np.float64), axis=1)
  rest = np.logaddexp(exact[0, 1], exact[0, 2])  # log(1 - p_0)
  ours = signals.modified_entropy(logits, np.array([0, 1]))
  np.testing.assert_allclose(ours[0], -np.exp(rest) * exact[0, 0], atol=1e-12)
  np.testing.assert_allclose(ours[1], -exact[0, 1] - rest, rtol=1e-5)


def test_modified_entropy_orders_by_the_label_and_entropy_does_not():
  logits = np.array([[4., 0., 0.]] * 2)
  labels = np.array([0, 1])
  right, wrong = signals.modified_entropy(logits, labels)
  assert right < 0.1 < 4 < wrong
  assert np.ptp(signals.entropy(logits, labels)) == 0


def test_masked_classes_leave_every_signal_finite():
  logits = np.array([[-np.inf, 2., 1.], [3., -np.inf, -np.inf]])
  for labels in ([0, 0], [1, 1], [2, 0]):
    for signal in (signals.confidence, signals.loss, signals.entropy,
                   signals.margin, signals.modified_entropy,
                   signals.correctness, signals.probabilities):
      assert np.all(np.isfinite(signal(logits, np.array(labels))))
  np.testing.assert_array_equal(signals.margin(logits, np.array([0, 0])),
                                [-100, 100])
