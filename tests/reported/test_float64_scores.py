"""Scores that only float64 tells apart are ranked in float64, as scikit-learn does."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
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
    'float32s that int32 does not hold': tuple(
        2**33 * np.round(9 * x).astype(np.int64) for x in (_sigmoid(0, 1), _sigmoid(1, -1))),
}


class _Column:
  """A data frame's, say: all that is known of it is that NumPy can read it."""

  def __init__(self, values):
    self.values = values

  def __array__(self, dtype=None, copy=None):
    return np.asarray(self.values, dtype)


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


@pytest.mark.parametrize('kind', [
    tuple, list, _Column, memoryview, collections.deque])
def test_what_numpy_can_read_is_as_precise_as_an_array(kind):
  positive, negative = SCORES['near one']
  truth = np.repeat([1, 0], [len(positive), len(negative)])
  together = np.concatenate([positive, negative])
  scores = kind(positive), kind(negative)
  np.testing.assert_allclose(
      metrics.auc(*scores).value, sklearn.roc_auc_score(truth, together), rtol=1e-6)
  fpr, tpr, _ = sklearn.roc_curve(truth, together, drop_intermediate=False)
  np.testing.assert_allclose(
      metrics.tpr_at_fpr(*scores, .01).value, tpr[fpr <= .01 + 1e-9].max(), rtol=1e-6)


def test_tuples_of_logits_are_told_apart():
  logits = ((1 + 1e-9, 1.), (1., 1 + 1e-9), (5., 5 + 1e-9))
  assert metrics.overall_accuracy(logits, (0, 1, 1)).value == 1


def test_a_bootstrap_ranks_in_float64():
  positive, negative = SCORES['near one']
  area = metrics.bootstrap(
      lambda p, n: metrics.auc(p, n).value, jax.random.key(0), positive, negative, draws=200)
  delong = metrics.auc(positive, negative)
  np.testing.assert_allclose(area.value, delong.value, rtol=1e-6)
  np.testing.assert_allclose(area[1:], delong[1:], atol=.2 * (delong.high - delong.low))


def test_a_bootstrap_far_from_zero_is_scipys():
  x = np.random.default_rng(6).normal(size=50) + 1e9
  ours = metrics.bootstrap(jnp.std, jax.random.key(0), x, draws=2000)
  low, high = stats.bootstrap(
      (x,), np.std, method='percentile', random_state=0).confidence_interval
  np.testing.assert_allclose(ours.value, np.std(x), rtol=1e-6)
  np.testing.assert_allclose(ours[1:], (low, high), atol=.1 * (high - low))


@pytest.mark.parametrize(('statistic', 'sample'), [
    (np.mean, np.arange(40) + 1e9), (jnp.mean, np.arange(40) + 1e9),
    (lambda x: 1e9 + x.mean(), np.arange(40.))])
def test_a_jackknife_far_from_zero_has_students_interval(statistic, sample):
  x = np.arange(40) + 1e9
  low, high = stats.t.interval(.95, 39, x.mean(), stats.sem(x))
  ours = metrics.jackknife(statistic, sample, groups=40)
  np.testing.assert_allclose(np.array(ours) - 1e9, np.array([x.mean(), low, high]) - 1e9,
                             rtol=1e-5)


def test_a_gap_far_from_zero_is_students():
  references = 1e9 + np.array([0., .1, .2])
  gap = metrics.gap(1e9 + .5, list(references))
  np.testing.assert_allclose(
      [gap.value, gap.noise, gap.band],
      [.4, .1, stats.t.ppf(.975, 2) * .1 * np.sqrt(4 / 3)], rtol=1e-5)
  assert not metrics.ties(1e9 + 1., 1e9, list(references))


def test_an_attack_is_tuned_by_what_is_near_one():
  """Members are likelier than the references say, others less: a of 1 compares just these."""
  far = 1e-9 * np.random.default_rng(7).lognormal(0, 2, 60)
  member = np.arange(60) % 2 == 0
  paired = 1 - np.where(member, .97, 1.03) * far
  found = metrics.tuned_offline_a(paired, member, 1 - far[None], paired, 1 - far[None])
  assert found == 1
