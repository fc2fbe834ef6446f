"""Jackknife and bootstrap against a formula and a simulation."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from unsc_jax.evaluation.metrics import representation
from unsc_jax.evaluation.metrics import resampling


def test_leaving_out_one_by_one_gives_the_error_of_a_mean():
  x = np.random.default_rng(0).gamma(2., size=60)
  mean = resampling.jackknife(np.mean, x, groups=60)
  low, high = stats.t.interval(.95, 59, x.mean(), stats.sem(x))
  np.testing.assert_allclose(mean, (x.mean(), low, high), rtol=1e-5)


def test_it_covers_a_statistic_of_two_samples():
  rng = np.random.default_rng(0)
  ratio = lambda a, b: np.mean(a) / np.mean(b)
  hits = 0
  for _ in range(400):
    a, b = rng.gamma(2., size=90) + 1, rng.gamma(3., size=120)
    estimate = resampling.jackknife(ratio, a, b)
    hits += bool(estimate.low <= 1. <= estimate.high)  # both means are 3
  assert .92 < hits / 400 < .98


def test_what_is_blind_to_zeros_may_be_made_zero_where_it_is_left_out():
  rng = np.random.default_rng(0)
  samples = [rng.normal(size=(n, 3)).astype(np.float32) for n in (43, 27)]
  part = lambda x, i: (x[:, i]**2).sum() / (x**2).sum()
  share = jax.jit(lambda a, b: part(a, 0) + part(b, 1))
  removed, blanked = (resampling.jackknife(share, *samples, blind_to_zeros=blind)
                      for blind in (False, True))
  np.testing.assert_allclose(blanked, removed, rtol=1e-5)
  assert blanked.low < blanked.value < blanked.high


def test_arrays_of_one_sample_leave_together_and_the_interval_is_cut():
  x = np.random.default_rng(0).normal(size=(43, 3)).astype(np.float32)
  same = representation.linear_cka(x, -2 * x)
  np.testing.assert_allclose(same, 1, atol=1e-5)
  assert same.high <= 1


def test_bootstrap_is_near_scipys_and_seeded():
  x = np.random.default_rng(0).gamma(2., size=200)
  ours, again, other = (resampling.bootstrap(jnp.std, jax.random.key(seed), x, draws=2000)
                        for seed in (0, 0, 1))
  theirs = stats.bootstrap((x,), np.std, method='percentile',
                           random_state=0).confidence_interval
  width = theirs.high - theirs.low
  np.testing.assert_allclose(ours[1:], theirs, atol=0.1 * width)
  assert ours.low == again.low != other.low


def test_bootstrap_draws_the_arrays_of_one_sample_together():
  x = jnp.arange(50.)
  statistic = lambda pair, z: jnp.max(jnp.abs(pair[0] - pair[1])) + 0 * z.sum()
  together = resampling.bootstrap(statistic, jax.random.key(0), (x, x),
                                  jnp.ones(7), draws=50)
  assert together.high == 0
