"""Intervals against scipy and simulation; the gap by what it has to say."""

import jax
import numpy as np
import pytest
from scipy import stats

from unsc_jax.evaluation.metrics import estimate as estimate_lib


@pytest.mark.parametrize(('k', 'n'), [(0, 40), (3, 40), (40, 40), (977, 1000)])
@pytest.mark.parametrize('level', [0.9, 0.99])
def test_wilson_is_scipys(k, n, level):
  ours = estimate_lib.wilson(k, n, level)
  theirs = stats.binomtest(k, n).proportion_ci(level, method='wilson')
  np.testing.assert_allclose(ours, (k / n, theirs.low, theirs.high), atol=1e-6)


def test_mean_of_proportions_of_one_is_wilson_and_shrinks_with_more():
  one = estimate_lib.wilson(30, 40)
  also, four = (estimate_lib.mean_of_proportions([30] * k, [40] * k) for k in (1, 4))
  np.testing.assert_allclose(also, one, atol=1e-6)
  np.testing.assert_allclose(
      four.value - four.low, (one.value - one.low) / 2, rtol=1e-5)


def test_mean_of_proportions_covers():
  rng = np.random.default_rng(0)
  p, n = np.array([0.02, 0.5, 0.97]), np.array([60, 40, 80])
  k = rng.binomial(n, p, size=(4000, 3))
  e = jax.vmap(lambda k: estimate_lib.mean_of_proportions(k, n))(k)
  covered = np.mean((e.low <= p.mean()) & (p.mean() <= e.high))
  assert 0.93 < covered < 0.98


def test_normal_is_scipys():
  x = np.random.default_rng(0).gamma(2., size=300)
  low, high = stats.norm.interval(0.9, x.mean(), stats.sem(x))
  np.testing.assert_allclose(
      estimate_lib.normal(x, 0.9), (x.mean(), low, high), rtol=1e-5)
  assert np.isnan(estimate_lib.normal([1.]).low)


@pytest.mark.parametrize('size', [1e-25, 1e25])
def test_an_interval_does_not_depend_on_the_size_of_the_values(size):
  x = np.float32(size) * np.random.default_rng(0).gamma(2., size=30).astype(np.float32)
  exact = x.astype(np.float64)
  low, high = stats.norm.interval(.95, exact.mean(), stats.sem(exact))
  np.testing.assert_allclose(estimate_lib.normal(x), (exact.mean(), low, high), rtol=1e-5)


def test_gap_is_signed_and_counts_in_ddof_1():
  references = [0.50, 0.54, 0.58, 0.60]
  mean, noise = np.mean(references), np.std(references, ddof=1)
  low, high = stats.t.interval(0.95, 3, mean, noise * np.sqrt(1.25))
  *measured, _, seeds = estimate_lib.gap(0.40, references)
  np.testing.assert_allclose(
      measured, (0.40 - mean, mean, noise, (high - low) / 2), rtol=1e-4)
  assert seeds == 4


@pytest.mark.parametrize('seeds', [1, 2])
def test_few_references_fall_back_on_sampling_error(seeds):
  k = np.random.default_rng(0).binomial(200, 0.1, size=(seeds + 1, 6000))
  mine, *references = [estimate_lib.wilson(a, 200) for a in k]
  assert 0.93 < np.mean(estimate_lib.gap(mine, references).within) < 0.975


@pytest.mark.parametrize(('mine', 'theirs'), [(30, 2), (2, 30), (1, 0)])
def test_the_sampling_band_is_newcombes(mine, theirs):
  """Of the two intervals, the halves that face each other count."""
  a, b = (stats.binomtest(k, 200).proportion_ci(method='wilson') for k in (mine, theirs))
  p, q = mine / 200, theirs / 200
  halves = (p - a.low, b.high - q) if p > q else (a.high - p, q - b.low)
  gap = estimate_lib.gap(estimate_lib.wilson(mine, 200), [estimate_lib.wilson(theirs, 200)])
  np.testing.assert_allclose([gap.value, gap.band], [p - q, np.hypot(*halves)], rtol=1e-4)


def test_both_sides_of_the_band_are_flagged():
  within = [bool(estimate_lib.gap(auc, [.49, .5, .52]).within) for auc in (.51, .9, .1, 0.)]
  assert within == [True, False, False, False]


def test_equal_references_do_not_make_a_band_of_zero():
  one_slip, many = (
      estimate_lib.gap(estimate_lib.wilson(k, 1000), [estimate_lib.wilson(0, 1000)] * 5)
      for k in (1, 30))
  assert one_slip.within
  assert one_slip.noise == 0
  assert not many.within
  assert not estimate_lib.gap(0.001, [0., 0., 0.]).within


def test_gap_traces():
  mine, *references = [estimate_lib.wilson(k, 100) for k in (70, 50, 52, 55)]
  np.testing.assert_allclose(jax.jit(estimate_lib.gap)(mine, references),
                             estimate_lib.gap(mine, references), rtol=1e-4)


@pytest.mark.parametrize(('models', 'references'), [(1, 3), (1, 5), (3, 3), (4, 9)])
def test_means_of_retrained_models_pass_as_often_as_promised(models, references):
  rng = np.random.default_rng(0)
  draw = lambda n: rng.normal(.6, .03, (n, 20_000))
  gap = estimate_lib.gap(draw(models).mean(0), list(draw(references)), models=models)
  np.testing.assert_allclose(np.mean(gap.within), .95, atol=.01)


def test_a_band_may_have_a_number_of_models_for_each_entry():
  references = list(np.random.default_rng(1).normal(size=(5, 2)))
  both = estimate_lib.gap(np.zeros(2), references, models=np.array([1, 4]))
  for i, models in enumerate((1, 4)):
    alone = estimate_lib.gap(0., [r[i] for r in references], models=models)
    np.testing.assert_allclose(both.band[i], alone.band, rtol=1e-5)


def test_references_that_rounding_alone_tells_apart_are_equal():
  assert estimate_lib.gap(.3, [.1 + .2, .3, .3]).noise == 0


@pytest.mark.parametrize('references', [3, 7])
@pytest.mark.parametrize('value', [.1, .9, 1.])
def test_equal_to_equal_references_is_a_gap_of_nothing(value, references):
  """By rounding it was below them by 1e-8, and its other half made the band."""
  mine = estimate_lib.Estimate(*map(np.float32, (value, value - .05, value + .01)))
  gap = estimate_lib.gap(mine, [mine] * references)
  assert gap.value == 0
  np.testing.assert_allclose(
      gap.band, np.sqrt(.05**2 + .01**2 / references), rtol=1e-5)
