"""Scores that only float64 tells apart are ranked in float64, as scikit-learn does."""

import jax
import numpy as np
import pytest
from sklearn import metrics as sklearn

from unsc_jax.evaluation import metrics


def _sigmoid(seed, mean):
  z = np.random.default_rng(seed).normal(mean, 3, 300)
  return 1 / (1 + np.exp(-z))


SCORES = {
    'near one': (_sigmoid(0, 24), _sigmoid(1, 18)),
    'far from zero': tuple(x + 1e9 for x in (_sigmoid(0, 1), _sigmoid(1, 0))),
    'below the least of float32': tuple(1e-60 * x for x in (_sigmoid(0, 1), _sigmoid(1, 0))),
    'whole numbers': tuple((2**24 + 99_999 * x).astype(np.int64) for x in (
        _sigmoid(0, 1), _sigmoid(1, 0))),
}


@pytest.mark.parametrize('name', SCORES)
def test_auc_and_tpr_are_those_of_scikit_learn(name):
  positive, negative = SCORES[name]
  truth = np.repeat([1, 0], [len(positive), len(negative)])
  together = np.concatenate([positive, negative])
  right = sklearn.roc_auc_score(truth, together)
  assert right > .6
  np.testing.assert_allclose(metrics.auc(positive, negative).value, right, rtol=1e-6)
  attack = metrics.threshold_attack(positive.tolist(), negative.tolist())
  np.testing.assert_allclose(attack.auc.value, right, rtol=1e-6)
  assert attack.balanced_accuracy.value > .55
  fpr, tpr, _ = sklearn.roc_curve(truth, together, drop_intermediate=False)
  for rate in (.01, .1):
    best = tpr[fpr <= rate + 1e-9].max()
    np.testing.assert_allclose(
        metrics.tpr_at_fpr(positive, negative, rate).value, best, rtol=1e-6)
  curve = metrics.roc_curve(positive, negative)
  np.testing.assert_allclose(
      np.trapezoid(curve.tpr, curve.fpr), right, atol=.02)
  threshold = metrics.threshold_at_fpr(negative, .1)
  assert .05 < np.mean(np.asarray(negative) > threshold) <= .1


def test_float64_logits_give_float64_signals():
  logits = np.random.default_rng(2).normal(size=(50, 3)) + np.array([18., 0, 0])
  labels = np.zeros(50, int)
  p = np.exp(logits - logits.max(1, keepdims=True))
  right = (p / p.sum(1, keepdims=True))[:, 0]
  np.testing.assert_allclose(1 - metrics.confidence(logits, labels), 1 - right, rtol=1e-6)


def test_likelihood_ratios_of_margins_far_from_zero():
  """LiRA and RMIA: a common offset changes no difference."""
  rng = np.random.default_rng(3)
  unlearned, out = rng.normal(1, 1, (6, 40)), rng.normal(0, 1, (6, 40))
  near, far = (metrics.ulira(unlearned + by, out + by).auc.value for by in (0., 1e8))
  np.testing.assert_allclose(far, near, rtol=1e-5)
  target, half = 1 - np.exp(-rng.uniform(17, 30, 60)), np.full((1, 60), .5)
  found = metrics.rmia_scores(target, half, target[::-1], half)
  ranks = np.searchsorted(np.sort(target), target, side='right') / 60
  np.testing.assert_allclose(found, ranks, atol=1e-6)


def test_differences_of_nearly_equal_outputs():
  a = 1e8 + np.random.default_rng(4).normal(size=(30, 4))
  b = a + np.random.default_rng(5).normal(size=a.shape) * .1
  c = lambda z: z - z.mean(0)
  size = lambda x, y: np.linalg.norm(c(x).T @ c(y))
  right = size(a, b)**2 / (size(a, a) * size(b, b))
  np.testing.assert_allclose(metrics.linear_cka(a, b).value, right, rtol=1e-5)


def test_what_float32_holds_stays_on_the_device():
  x, y = np.arange(8.), np.arange(8.) + .5
  assert isinstance(metrics.auc(x, y).value, jax.Array)
  assert metrics.auc(x, y).value.dtype == np.float32
  jitted = jax.jit(lambda x: metrics.auc(x, y).value)(x)
  np.testing.assert_allclose(jitted, metrics.auc(x, y).value)
