"""U-LiRA against scipy with models held out by hand."""

import jax
import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from unsc_jax.evaluation.metrics import lira


def _margins(seed, models, shift=0., n=100, width=1.):
  """Margins of `models` models over the same examples for every seed."""
  centre = np.random.default_rng(99).normal(2, 3, n)
  noise = np.random.default_rng(seed).normal(0, width, (models, n))
  return (centre + shift + noise).astype(np.float32)


def _slow_ratio(x, unlearned, out, pooled):
  def log_density(sample):
    sample = sample.astype(np.float64)
    var = sample.var(axis=0, ddof=1)
    return stats.norm.logpdf(
        x, sample.mean(axis=0), np.sqrt(var.mean() if pooled else var))
  return log_density(unlearned) - log_density(out)


@pytest.mark.parametrize('pooled', [False, True])
def test_scores_are_scipys(pooled):
  x, u, o = _margins(0, 1)[0], _margins(1, 5, 1.), _margins(2, 6)
  ours = lira.ulira_scores(x, u, o, pooled_variance=pooled)
  np.testing.assert_allclose(ours, _slow_ratio(x, u, o, pooled), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize('pooled', [False, True])
@pytest.mark.parametrize('counts', [(6, 6), (5, 8)])
def test_holding_out_in_closed_form_is_holding_out(pooled, counts):
  u, o = _margins(1, counts[0], 0.7), _margins(2, counts[1])
  result = lira.ulira(u, o, pooled_variance=pooled)
  for i in range(min(counts)):
    rest = np.delete(u, i, 0), np.delete(o, i, 0)
    for ours, sample in ((result.unlearned_scores, u), (result.out_scores, o)):
      want = _slow_ratio(sample[i], *rest, pooled)
      np.testing.assert_allclose(ours[i], want, rtol=2e-3, atol=5e-3)
  label = np.repeat([1, 0], result.out_scores.size)
  score = np.append(result.unlearned_scores, result.out_scores)
  fpr, tpr, _ = metrics.roc_curve(label, score, drop_intermediate=False)
  np.testing.assert_allclose(
      [estimate.value for estimate in result[:4]],
      [metrics.roc_auc_score(label, score), metrics.accuracy_score(label, score > 0),
       tpr[fpr <= .01].max(), tpr[fpr <= .001].max()], rtol=1e-5)


@pytest.mark.parametrize('counts', [pytest.param((8, 8), marks=pytest.mark.slow), (5, 12)])
def test_exact_unlearning_scores_a_half_without_bias(counts):
  def one(key):
    u, o = (jax.random.normal(k, (m, 80))
            for k, m in zip(jax.random.split(key), counts))
    return lira.ulira(u, o)[:3]
  keys = jax.random.split(jax.random.key(0), 400)
  auc, accuracy, tpr = jax.jit(
      lambda k: jax.lax.map(one, k, batch_size=20))(keys)
  for e in (auc, accuracy):
    assert abs(e.value.mean() - 0.5) < 4 * e.value.std() / 20 < 0.01
    assert np.mean((e.low > 0.5) | (e.high < 0.5)) < 0.08
  # Of 400 held-out negatives 1 % are four: the threshold itself is noisy.
  assert 0.005 < tpr.value.mean() < 0.02


@pytest.mark.parametrize('shift', [2., -2.])
def test_residual_knowledge_and_over_unlearning_are_flagged(shift):
  result = lira.ulira(_margins(0, 8, shift), _margins(1, 8))
  assert result.auc.low > 0.75
  assert result.accuracy.low > 0.7
  assert result.tpr_at_1pct.value > 0.1


def test_a_collapse_at_one_value_is_flagged():
  """Every unlearned model says the same: its mean fits, its width does not."""
  flat = np.repeat(_margins(0, 1, width=0.), 8, axis=0)
  assert lira.ulira(flat, _margins(1, 8)).auc.low > 0.9
  both = lira.ulira(flat, flat)
  assert both.auc.value == both.accuracy.value == 0.5
