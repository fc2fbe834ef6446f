"""The NeurIPS'23 score against a brute-force grid of thresholds."""

import numpy as np
import pytest

from unsc_jax.evaluation.metrics import forgetting_score

DELTA, CAP = 1e-5, 50.


def _epsilon(unlearned, retrained):
  """What the library gives for one example."""
  return forgetting_score.attack_epsilons(unlearned[:, None], retrained[:, None])[0]


def _rule_epsilon(positive, negative):
  """ε of one rule from booleans: does it call each model "positive"?"""
  fnr, fpr = np.mean(~positive, axis=0), np.mean(negative, axis=0)
  with np.errstate(all='ignore'):
    epsilon = np.fmax(np.log(1 - DELTA - fpr) - np.log(fnr),
                      np.log(1 - DELTA - fnr) - np.log(fpr))
  epsilon = np.clip(epsilon, 0, None)
  epsilon[(fpr == 0) ^ (fnr == 0)] = np.nan
  epsilon[(fpr == 0) & (fnr == 0)] = np.inf
  return np.nanmax(epsilon, initial=-1)


def _grid_epsilon(u, r, per_unit):
  """One example's ε on a grid of thresholds, as the competition describes."""
  spans = np.ptp(u), np.ptp(r)
  if min(spans) / max(spans) < 0.01:
    return CAP
  count = lambda a, b: int(np.ceil((b - a) * per_unit))
  pos, neg = (r, u) if np.median(r) > np.median(u) else (u, r)
  both = np.concatenate([u, r])
  cuts = np.linspace(both.min(), both.max(), count(both.min(), both.max()))
  best = _rule_epsilon(pos[:, None] >= cuts, neg[:, None] >= cuts)
  if np.ptp(pos) >= np.ptp(neg):
    pos, neg = neg, pos
  width = np.ptp(pos)
  for right in np.linspace(pos.max() - 2, pos.max() + 2, 4 * per_unit):
    left = right - width + np.linspace(-2, 2, 4 * per_unit)
    best = max(best, _rule_epsilon(*(
        (left <= c[:, None]) & (c[:, None] <= right) for c in (pos, neg))))
  assert best >= 0
  return min(best, CAP)


def _lattice(seed, models=14, step=0.05, slots=(45, 45), offset=0):
  """Distinct confidences at least 1/3 of a step apart, so a grid of 100 a
  unit meets every rule."""
  rng = np.random.default_rng(seed)
  u = rng.permutation(slots[0])[:models] * step
  r = (rng.permutation(slots[1])[:models] + offset) * step + step / 3
  return u.astype(np.float32), r.astype(np.float32)


@pytest.mark.parametrize(('slots', 'offset'), [
    ((45, 45), 0), ((45, 45), 12), ((45, 45), -20), ((20, 90), 30),
    ((90, 20), 30), ((150, 60), 20), ((45, 45), 90)])
@pytest.mark.parametrize('step', [  # spans of 2 to 90, whose grids take longer
    0.05, pytest.param(0.2, marks=pytest.mark.slow), pytest.param(0.6, marks=pytest.mark.slow)])
def test_epsilons_are_the_grids(slots, offset, step):
  for seed in range(2):
    u, r = _lattice(seed, slots=slots, offset=offset, step=step)
    np.testing.assert_allclose(
        _epsilon(u, r), _grid_epsilon(u, r, 100), rtol=1e-4, atol=1e-5)


_CLUSTER = np.append(np.arange(13) / 13, 10.)
_WIDE = np.concatenate([[-20., -19, -18, -17, -16, 0.04],
                        np.linspace(3, 7, 5), [21, 22, 23]])


@pytest.mark.parametrize(('u', 'r'), [
    # One stray in the middle: the rule that misses nothing is left out.
    (np.append(np.arange(13.), 26.5), np.arange(20., 34.)),
    # A cluster and a stray: the two-sided rule may not end at the cluster.
    (_CLUSTER, _WIDE), (10 - _CLUSTER, 10 - _WIDE)])
def test_rules_that_the_competition_leaves_out(u, r):
  np.testing.assert_allclose(_epsilon(u, r), _grid_epsilon(u, r, 100), rtol=1e-4)


def test_all_rules_are_at_least_a_grid_of_them():
  rng = np.random.default_rng(0)
  u, r = rng.normal(size=(2, 24, 3))
  u, r = u.astype(np.float32), r.astype(np.float32) * 1.5
  ours = forgetting_score.attack_epsilons(u, r)
  grid = [_grid_epsilon(*pair, 50) for pair in zip(u.T, r.T)]
  assert np.all(ours >= np.array(grid) - 1e-4)
  assert np.all(ours < CAP)


def test_narrow_and_equal_kinds():
  u, r = _lattice(0, 30)
  assert _epsilon(u, u) == _epsilon(0 * u, 0 * u) == 0
  assert _epsilon(0 * u, 0 * u + 1) == CAP
  assert _epsilon(u, r + 99) == _epsilon(u, r - 99) == CAP


def test_a_hundred_times_narrower_is_caught_by_that_alone():
  narrow = np.linspace(0, 1, 14)
  wide = lambda scale: np.append(narrow[1:11] + 0.01, scale * np.array([-2., -1., 2., 3.]))
  assert 0 < _epsilon(narrow, wide(10.)) < 5  # no rule is without errors
  assert _epsilon(narrow, wide(21.)) == CAP


def test_the_published_quality_of_buckets():
  rng = np.random.default_rng(0)
  epsilons = rng.uniform(0, 8, 500)
  points = lambda e: next((0.5**i for i in range(14) if e < (i + 1) / 2), 0)
  np.testing.assert_allclose(
      forgetting_score.forgetting_quality(epsilons, 512).value,
      np.mean([points(e) for e in epsilons]), rtol=1e-5)
  assert forgetting_score.forgetting_quality([2.5], 9).value > 0  # ⌈log 8⌉ = 3
  assert forgetting_score.forgetting_quality([3.2], 9).value == 0


def test_retrained_models_beat_both_kinds_of_failure():
  draw = lambda seed, shift: np.random.default_rng(seed).normal(shift, 1, (64, 12))
  quality = lambda u: float(forgetting_score.forgetting_quality(
      forgetting_score.attack_epsilons(u, draw(0, 0.)), 64).value)
  again = quality(draw(1, 0.))
  assert 0.05 < again < 1
  assert quality(draw(2, 5.)) < again / 3 > quality(draw(3, -5.))
  assert quality(np.zeros((64, 12))) == 0  # collapsed


def test_the_final_score_is_a_product():
  scores = [forgetting_score.competition_score(.5, (retain, .9), (test, .8)).value
            for retain, test in ((.9, .8), (.45, .8), (.9, .4))]
  np.testing.assert_allclose(scores, [.5, .25, .25])
