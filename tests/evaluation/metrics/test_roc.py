"""ROC figures against scikit-learn and slow counting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from unsc_jax.evaluation.metrics import roc


def _scores(ties, seed=0, n=(120, 80)):
  rng = np.random.default_rng(seed)
  x, y = rng.normal(0.7, 1, n[0]), rng.normal(0, 1.5, n[1])
  if ties:
    x, y = np.round(2 * x) / 2, np.round(2 * y) / 2
  return x.astype(np.float32), y.astype(np.float32)


@pytest.mark.parametrize('ties', [False, True])
def test_auc_and_curve_are_scikit_learns(ties):
  x, y = _scores(ties)
  label, score = np.repeat([1, 0], [len(x), len(y)]), np.concatenate([x, y])
  area = metrics.roc_auc_score(label, score)
  np.testing.assert_allclose(roc.auc(x, y).value, area, rtol=1e-5)
  fpr, tpr, _ = metrics.roc_curve(label, score, drop_intermediate=False)
  points = lambda *curve: {*map(tuple, np.round(np.stack(curve, 1), 5).tolist())}
  assert points(*map(np.float64, roc.roc_curve(x, y))) == points(fpr, tpr)


@pytest.mark.parametrize('ties', [False, True])
def test_delong_is_the_u_statistic_of_all_pairs(ties):
  x, y = _scores(ties)
  wins = ((x[:, None] > y) + 0.5 * (x[:, None] == y)).astype(np.float64)
  variance = (np.var(wins.mean(1), ddof=1) / len(x)
              + np.var(wins.mean(0), ddof=1) / len(y))
  low, high = stats.norm.interval(0.95, wins.mean(), np.sqrt(variance))
  np.testing.assert_allclose(roc.auc(x, y)[1:], (low, high), rtol=1e-4)


def test_delong_covers():
  x = np.random.default_rng(0).normal(size=(1500, 120))
  e = jax.vmap(lambda x: roc.auc(x[:60] + 1, x[60:]))(x)
  truth = stats.norm.cdf(1 / np.sqrt(2))
  assert 0.925 < np.mean((e.low <= truth) & (truth <= e.high)) < 0.97


def test_perfect_separation_still_has_an_interval():
  apart = roc.auc(jnp.arange(5.) + 9, jnp.arange(5.))
  assert apart.value == 1
  assert apart.low < 0.7
  turned = roc.auc(jnp.arange(5.), jnp.arange(5.) + 9)
  assert turned.value == 0
  assert turned.high > 0.3


@pytest.mark.parametrize('fpr', [0., 0.01, 0.1, 0.29, 1.])
@pytest.mark.parametrize('ties', [False, True])
def test_tpr_at_fpr_is_the_best_allowed_point(fpr, ties):
  x, y = _scores(ties, n=(90, 100))
  cuts = np.append(np.unique(np.concatenate([x, y])), np.inf)
  allowed = [np.sum(x >= c) / len(x) for c in cuts
             if np.sum(y >= c) <= round(fpr * len(y), 6)]
  np.testing.assert_allclose(roc.tpr_at_fpr(x, y, fpr).value, max(allowed), rtol=1e-6)


def test_rounding_of_the_rate_does_not_cost_a_negative():
  s = np.arange(100.)  # in floating point .29 * 100 is below 29
  assert np.sum(s > roc.threshold_at_fpr(s, 0.29)) == 29
  assert np.sum(s > roc.threshold_at_fpr(s, 0.295)) == 29


def _slow_balanced_accuracy(x, y):
  right = np.zeros(2)
  for fold in range(2):
    levels = np.unique(np.concatenate([x[fold::2], y[fold::2]]))
    tpr, fpr = ((s[fold::2, None] >= levels).mean(0) for s in (x, y))
    best = np.argmax(np.round(np.abs(tpr - fpr), 6))  # the first of equals
    cut = (levels[best] + levels[max(best - 1, 0)]) / 2
    for kind, s in enumerate((x, y)):
      called = (s[1 - fold::2] >= cut) == (tpr[best] >= fpr[best])
      right[kind] += np.sum(called != kind)
  return np.mean(right / [len(x), len(y)])


@pytest.mark.parametrize('ties', [False, True])
@pytest.mark.parametrize('sign', [1, -1])
def test_balanced_accuracy_is_the_slow_one(ties, sign):
  x, y = (sign * scores for scores in _scores(ties, seed=3))
  np.testing.assert_allclose(
      roc.balanced_accuracy(x, y).value, _slow_balanced_accuracy(x, y), rtol=1e-5)


def test_balanced_accuracy_is_unbiased_when_blind_and_sees_both_sides():
  x = np.random.default_rng(0).normal(size=(1000, 60))
  blind = jax.vmap(lambda x: roc.balanced_accuracy(x[:30], x[30:]).value)(x)
  assert abs(np.mean(blind) - 0.5) < 0.01
  low = roc.balanced_accuracy(x[0] - 5, x[1])
  assert low.value > 0.9
  assert roc.auc(x[0] - 5, x[1]).value < 0.1
