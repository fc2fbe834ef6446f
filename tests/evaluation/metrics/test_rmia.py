"""RMIA against a table of all pairs in float64."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import rmia
from unsc_jax.evaluation.metrics import roc


def _world(seed, boost, n=200, models=2, spread=1.):
  """True-class probabilities of a target and of references; `boost` nats on
  the first half in the target alone."""
  rng = np.random.default_rng(seed)
  hardness = rng.normal(0, 2, n)
  logit = hardness + spread * rng.normal(size=(models + 1, n))
  logit[0, :n // 2] += boost
  p = special.expit(logit).astype(np.float32)
  return p[0], p[1:]


def _slow(target, references, z, z_references, a, gamma):
  prior = lambda r: 0.5 * ((1 + a) * r.astype(np.float64).mean(0) + (1 - a))
  ratio = target / prior(references)
  other = z / prior(z_references)
  return np.array([np.mean([r / o >= gamma for o in other]) for r in ratio])


@pytest.mark.parametrize(('a', 'gamma'), [(0.3, 1.), (0., 1.), (1., 2.)])
@pytest.mark.parametrize('models', [1, 3])
def test_scores_are_the_table_of_all_pairs(a, gamma, models):
  x, z = _world(0, 1., models=models), _world(1, 0., 150, models=models)
  ours, slow = rmia.rmia_scores(*x, *z, offline_a=a, gamma=gamma), _slow(*x, *z, a, gamma)
  np.testing.assert_allclose(ours, slow, atol=1.01 / 150)
  assert np.mean(np.abs(ours - slow) > 1e-5) < 0.02


def test_ties_dominate():
  """The paper's >=: an example that behaves as the population does scores 1."""
  half = jnp.full((1, 5), 0.5)
  np.testing.assert_array_equal(
      rmia.rmia_scores(half[0], half, half[0], half), np.ones(5))


def _auc(boost, seed=0):
  score = rmia.rmia_scores(*_world(seed, boost, 600), *_world(seed + 1, 0.))
  return roc.auc(score[:300], score[300:])


def test_retrained_passes_and_both_sides_are_flagged():
  references = [_auc(0., seed) for seed in (10, 20, 30, 40)]
  again, remembers, over = map(_auc, (0., 2., -2.))
  within = [bool(estimate_lib.gap(e, references).within) for e in (again, remembers, over)]
  assert within == [True, False, False]
  assert over.high < 0.4


def test_it_beats_a_plain_threshold():
  """Relative to references, hard examples no longer hide the members."""
  target, references = _world(0, 1.5, 1000)
  plain = roc.auc(target[:500], target[500:])
  score = rmia.rmia_scores(target, references, *_world(1, 0.))
  assert roc.auc(score[:500], score[500:]).low > plain.high


def test_tuned_offline_a_is_the_best_of_the_eleven():
  target, references = _world(3, 1.5)
  member = np.arange(200) < 100
  z = _world(4, 0.)
  def strength(a):
    score = rmia.rmia_scores(target, references, *z, offline_a=a)
    return float(roc.auc(score[:100], score[100:]).value)
  tuned = rmia.tuned_offline_a(target, member, references, *z)
  values = {i / 10: strength(i / 10) for i in range(11)}
  assert values[tuned] == max(values.values()) > min(values.values())
