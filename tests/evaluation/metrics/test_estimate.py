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
  np.testing.assert_allclose(estimate_lib.mean_of_proportions([30], [40]), one,
                             atol=1e-6)
  four = estimate_lib.mean_of_proportions([30] * 4, [40] * 4)
  np.testing.assert_allclose(four.value - four.low, (one.value - one.low) / 2,
                             rtol=1e-5)


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
  np.testing.assert_allclose(estimate_lib.normal(x, 0.9), (x.mean(), low, high),
                             rtol=1e-5)
  assert np.isnan(estimate_lib.normal([1.]).low)


def test_gap_is_signed_and_counts_in_ddof_1():
  references = [0.50, 0.54, 0.58, 0.60]
  g = estimate_lib.gap(0.40, references)
  low, high = stats.t.interval(0.95, 3, np.mean(references),
                               np.std(references, ddof=1) * np.sqrt(1.25))
  np.testing.assert_allclose(
      (g.value, g.reference, g.noise, g.band),
      (0.40 - np.mean(references), np.mean(references),
       np.std(references, ddof=1), (high - low) / 2), rtol=1e-4)
  assert g.seeds == 4


@pytest.mark.parametrize('seeds', [3, 5])
def test_another_seed_passes_as_often_as_promised(seeds):
  draws = np.random.default_rng(0).normal(0.8, 0.02, (seeds + 1, 6000))
  within = estimate_lib.gap(draws[0], list(draws[1:])).within
  assert abs(np.mean(within) - 0.95) < 0.012


@pytest.mark.parametrize('seeds', [1, 2])
def test_few_references_fall_back_on_sampling_error(seeds):
  k = np.random.default_rng(0).binomial(200, 0.1, size=(seeds + 1, 6000))
  mine, *references = [estimate_lib.wilson(a, 200) for a in k]
  assert 0.93 < np.mean(estimate_lib.gap(mine, references).within) < 0.975


@pytest.mark.parametrize(('mine', 'theirs'), [(30, 2), (2, 30), (1, 0)])
def test_the_sampling_band_is_newcombes(mine, theirs):
  """Of the two intervals, the halves that face each other count."""
  n = 200
  a, b = (stats.binomtest(k, n).proportion_ci(method='wilson')
          for k in (mine, theirs))
  difference = (mine - theirs) / n
  halves = ((mine / n - a.low, b.high - theirs / n) if difference > 0 else
            (a.high - mine / n, theirs / n - b.low))
  g = estimate_lib.gap(estimate_lib.wilson(mine, n), [estimate_lib.wilson(theirs, n)])
  np.testing.assert_allclose(g.band, np.hypot(*halves), rtol=1e-4)
  np.testing.assert_allclose(g.value, difference, rtol=1e-4)


def test_both_sides_of_the_band_are_flagged():
  references = [0.49, 0.50, 0.52]
  auc = lambda x: bool(estimate_lib.gap(x, references).within)
  assert auc(0.51)
  assert not auc(0.9)
  assert not auc(0.1)
  assert not auc(0.)


def test_equal_references_do_not_make_a_band_of_zero():
  references = [estimate_lib.wilson(0, 1000)] * 5
  one_slip = estimate_lib.gap(estimate_lib.wilson(1, 1000), references)
  many = estimate_lib.gap(estimate_lib.wilson(30, 1000), references)
  assert one_slip.within
  assert one_slip.noise == 0
  assert not many.within
  assert not estimate_lib.gap(0.001, [0., 0., 0.]).within


def test_gap_traces():
  references = [estimate_lib.wilson(a, 100) for a in (50, 52, 55)]
  mine = estimate_lib.wilson(70, 100)
  np.testing.assert_allclose(jax.jit(estimate_lib.gap)(mine, references),
                             estimate_lib.gap(mine, references), rtol=1e-4)


@pytest.mark.parametrize(('models', 'references'), [(1, 3), (3, 3), (4, 9)])
def test_means_of_several_retrained_models_pass_as_often_as_one(models, references):
  rng = np.random.default_rng(0)
  draw = lambda n: rng.normal(.6, .03, (n, 20_000))
  found = estimate_lib.gap(draw(models).mean(0), list(draw(references)), models=models)
  np.testing.assert_allclose(np.mean(found.within), .95, atol=.01)


def test_a_band_may_have_a_number_of_models_for_each_entry():
  references = list(np.random.default_rng(1).normal(size=(5, 2)))
  both = estimate_lib.gap(np.zeros(2), references, models=np.array([1, 4]))
  for i, models in enumerate((1, 4)):
    alone = estimate_lib.gap(0., [r[i] for r in references], models=models)
    np.testing.assert_allclose(both.band[i], alone.band, rtol=1e-5)
