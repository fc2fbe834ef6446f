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


def _sklearn(x, y):
  return np.repeat([1, 0], [len(x), len(y)]), np.concatenate([x, y])


@pytest.mark.parametrize('ties', [False, True])
def test_auc_and_curve_are_scikit_learns(ties):
  x, y = _scores(ties)
  label, score = _sklearn(x, y)
  np.testing.assert_allclose(roc.auc(x, y).value,
                             metrics.roc_auc_score(label, score), rtol=1e-5)
  fpr, tpr, _ = metrics.roc_curve(label, score, drop_intermediate=False)
  ours = {(round(float(a), 5), round(float(b), 5))
          for a, b in zip(*roc.roc_curve(x, y))}
  assert ours == {(round(float(a), 5), round(float(b), 5))
                  for a, b in zip(fpr, tpr)}


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
  np.testing.assert_allclose(roc.tpr_at_fpr(x, y, fpr).value, max(allowed),
                             rtol=1e-6)


def test_rounding_of_the_rate_does_not_cost_a_negative():
  s = np.arange(100.)  # in floating point .29 * 100 is below 29
  assert np.sum(s > roc.threshold_at_fpr(s, 0.29)) == 29
  assert np.sum(s > roc.threshold_at_fpr(s, 0.295)) == 29


def _slow_balanced_accuracy(x, y):
  right = {0: 0, 1: 0}
  for fold in range(2):
    fit = [(s, 1) for s in x[fold::2]] + [(s, 0) for s in y[fold::2]]
    held = [(s, 1) for s in x[1 - fold::2]] + [(s, 0) for s in y[1 - fold::2]]
    levels = sorted({s for s, _ in fit})
    best = (-1.,)
    for i, cut in enumerate(levels):
      tpr = np.mean([s >= cut for s, kind in fit if kind])
      fpr = np.mean([s >= cut for s, kind in fit if not kind])
      if abs(tpr - fpr) > best[0] + 1e-6:
        best = (abs(tpr - fpr), (cut + levels[max(i - 1, 0)]) / 2, tpr >= fpr)
    for s, kind in held:
      right[kind] += int(((s >= best[1]) == best[2]) == bool(kind))
  return (right[1] / len(x) + right[0] / len(y)) / 2


@pytest.mark.parametrize('ties', [False, True])
@pytest.mark.parametrize('sign', [1, -1])
def test_balanced_accuracy_is_the_slow_one(ties, sign):
  x, y = _scores(ties, seed=3)
  np.testing.assert_allclose(roc.balanced_accuracy(sign * x, sign * y).value,
                             _slow_balanced_accuracy(sign * x, sign * y),
                             rtol=1e-5)


def test_balanced_accuracy_is_unbiased_when_blind_and_sees_both_sides():
  x = np.random.default_rng(0).normal(size=(1000, 60))
  blind = jax.vmap(lambda x: roc.balanced_accuracy(x[:30], x[30:]).value)(x)
  assert abs(np.mean(blind) - 0.5) < 0.01
  low = roc.balanced_accuracy(x[0] - 5, x[1])
  assert low.value > 0.9
  assert roc.auc(x[0] - 5, x[1]).value < 0.1
