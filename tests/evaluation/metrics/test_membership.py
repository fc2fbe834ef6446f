"""Attacks against scikit-learn in float64, and what they say of models."""

import operator

import jax
import numpy as np
import pytest
from scipy import special
from sklearn import linear_model
from sklearn import metrics
from sklearn import model_selection
from sklearn import svm

from tests.evaluation import draws
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import membership
from unsc_jax.evaluation.metrics import signals

KEY = jax.random.key(0)


def test_each_signal_enters_with_members_high():
  """AUCs are scikit-learn's, on float64 signals written out again."""
  (a, ya), (b, yb) = draws.blobs(0, 150, 3.), draws.blobs(1, 130, 1.5)
  logits, y = np.concatenate([a, b]).astype(np.float64), np.append(ya, yb)
  p = special.softmax(logits, axis=1)
  wrong = np.where(np.eye(4, dtype=bool)[y], 1 - p, p)
  by_hand = membership.ThresholdAttacks(
      correctness=p.argmax(1) == y, confidence=p[np.arange(len(y)), y],
      entropy=np.sum(p * np.log(p), axis=1),
      modified_entropy=np.sum(wrong * np.log1p(-wrong), axis=1))
  member = np.repeat([1, 0], [150, 130])
  for ours, score in zip(membership.threshold_attacks(a, ya, b, yb), by_hand):
    truth = metrics.roc_auc_score(member, score)
    assert truth > 0.6
    np.testing.assert_allclose(ours.auc.value, truth, atol=1e-5)


def _attacks(strength, seed=0):
  """Attacks on forget examples; unseen examples are fitted by 1.5."""
  forget, unseen = draws.blobs(seed, 400, strength), draws.blobs(seed + 1, 400, 1.5)
  return membership.threshold_attacks(*forget, *unseen)


def test_threshold_attacks_flag_both_sides_of_retraining():
  retrained = [_attacks(1.5, seed=2 * s) for s in range(40)]
  for name in ('confidence', 'modified_entropy'):
    pick = operator.attrgetter(f'{name}.auc')
    aucs = list(map(pick, retrained))
    draws.assert_most_pass(aucs)
    for strength in (3.5, -2.):  # still remembered; over-unlearned
      assert not estimate_lib.gap(pick(_attacks(strength)), aucs[:4]).within
  over = _attacks(-2.).confidence
  assert over.auc.high < 0.2
  assert over.balanced_accuracy.low > 0.7


@pytest.mark.parametrize('feature', [
    signals.correctness, signals.confidence, signals.entropy,
    signals.modified_entropy, signals.probabilities])
@pytest.mark.parametrize('classifier', [None, linear_model.LogisticRegression()])
def test_classifier_attack_is_the_protocol(feature, classifier):
  retain, test, forget = (
      draws.blobs(seed, 120, apart) for seed, apart in enumerate((2.5, 1.5, 2.)))
  column = lambda pair: np.asarray(feature(*pair), np.float64).reshape(120, -1)
  model = classifier or svm.SVC(C=3, gamma='auto', kernel='rbf')
  model.fit(np.concatenate([column(retain), column(test)]),
            np.repeat([1, 0], 120))
  ours = membership.classifier_attack(*retain, *test, *forget, KEY,
                                      feature=feature, classifier=classifier)
  called_member = model.predict(column(forget)).mean()
  np.testing.assert_allclose(ours.value, 1 - called_member, atol=1e-6)


def test_classifier_attack_draws_retain_examples_from_all_of_them():
  """The published code takes the first ones, here made useless."""
  retain, y = draws.blobs(0, 600, 6.)
  retain[:100] -= 12 * np.eye(4)[y[:100]]
  test, forget = draws.blobs(1, 100, 0.), draws.blobs(2, 100, 6.)
  drawn = membership.classifier_attack(retain, y, *test, *forget, KEY)
  first = membership.classifier_attack(retain[:100], y[:100], *test, *forget, KEY)
  assert drawn.value < 0.1 < 0.3 < first.value


def test_classifier_attack_flags_both_sides_of_retraining():
  def share(strength, seed):
    return membership.classifier_attack(
        *draws.blobs(1000 + seed, 300, 4.), *draws.blobs(2000 + seed, 300, 1.5),
        *draws.blobs(3000 + seed, 300, strength), KEY)
  references = [share(1.5, seed) for seed in range(5)]
  within = [bool(estimate_lib.gap(share(strength, 7), references).within)
            for strength in (1.5, 4., -3.)]
  assert within == [True, False, False]


def test_identical_models_cannot_be_told_apart():
  logits, y = draws.blobs(0, 61, 1.)
  attack = membership.retrained_attack(logits, logits, y, KEY)
  np.testing.assert_allclose(attack, 0.5, rtol=1e-6)


def test_retrained_attack_is_grouped_cross_validation():
  (a, y), (b, _) = draws.blobs(0, 40, 1.), draws.blobs(1, 40, 2.)
  loss = np.asarray([signals.loss(a, y), signals.loss(b, y)]).ravel()[:, None]
  groups = np.tile(np.arange(40), 2)
  # With as many folds as examples the shuffle does not matter.
  truth = model_selection.cross_val_score(
      linear_model.LogisticRegression(), loss, np.repeat([1, 0], 40),
      groups=groups, cv=model_selection.LeaveOneGroupOut()).mean()
  ours = membership.retrained_attack(a, b, y, KEY, folds=40)
  np.testing.assert_allclose(ours.value, truth, atol=1e-6)
  assert abs(truth - 0.5) > 0.03


def test_retrained_attack_does_not_judge_what_it_was_fitted_to():
  """With more features than examples a regression tells any two apart."""
  a, b = np.random.default_rng(0).normal(size=(2, 60, 300))
  attack = membership.retrained_attack(
      a, b, np.zeros(60, int), KEY, feature=lambda logits, _: logits)
  assert abs(attack.value - 0.5) < 0.2


def test_retrained_attack_flags_both_sides_and_passes_another_seed():
  y = np.random.default_rng(5).integers(0, 4, 400)
  model = lambda seed, strength: (
      np.random.default_rng(seed).normal(size=(400, 4)) + strength * np.eye(4)[y])
  again, remembers, over = (
      membership.retrained_attack(model(0, strength), model(1, 1.5), y, KEY)
      for strength in (1.5, 4., -2.))
  assert again.low < 0.5 + 0.03
  assert abs(again.value - 0.5) < 0.06
  assert min(remembers.low, over.low) > 0.6
