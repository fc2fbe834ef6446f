"""Accuracies against scikit-learn; gaps by what they have to say."""

import numpy as np
import pytest
from sklearn import metrics

from unsc_jax.evaluation.metrics import accuracy
from unsc_jax.evaluation.metrics import estimate as estimate_lib


@pytest.fixture(name='case')
def _case():
  rng = np.random.default_rng(0)
  y = rng.integers(0, 5, 300)
  return rng.normal(size=(300, 5)) + 1.5 * np.eye(5)[y], y


def test_accuracies_are_scikit_learns(case):
  logits, y = case
  guess = logits.argmax(1)
  close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6)
  close(accuracy.overall_accuracy(logits, y).value,
        metrics.accuracy_score(y, guess))
  recall = metrics.recall_score(y, guess, average=None)
  close(accuracy.per_class_accuracy(logits, y).value, recall)
  close(accuracy.macro_accuracy(logits, y).value,
        metrics.balanced_accuracy_score(y, guess))
  close(accuracy.macro_accuracy(logits, y, [1, 4]).value, recall[[1, 4]].mean())


def test_intervals_hold_their_values_and_shrink(case):
  logits, y = case
  e = accuracy.macro_accuracy(logits, y)
  assert e.low < e.value < e.high
  ten = accuracy.macro_accuracy(np.tile(logits, (10, 1)), np.tile(y, 10))
  np.testing.assert_allclose((ten.high - ten.low) / (e.high - e.low),
                             10**-0.5, rtol=0.05)


def test_an_absent_class_is_nan_alone_and_refused_in_a_mean(case):
  logits, y = case
  y = np.where(y == 3, 2, y)
  each = accuracy.per_class_accuracy(logits, y)
  np.testing.assert_array_equal(np.isnan(each.value), np.arange(5) == 3)
  with pytest.raises(ValueError, match=r'\[3\] have no examples'):
    accuracy.macro_accuracy(logits, y)
  with pytest.raises(ValueError, match='0..4'):
    accuracy.macro_accuracy(logits, y, [5])


def test_masking_the_forgotten_class_scores_zero_there_only(case):
  logits, y = case
  masked = logits.copy()
  masked[:, 0] = -np.inf
  assert accuracy.macro_accuracy(masked, y, [0]).value == 0
  rest = accuracy.macro_accuracy(masked, y, [1, 2, 3, 4]).value
  assert rest >= accuracy.macro_accuracy(logits, y, [1, 2, 3, 4]).value


def test_no_gap_and_gaps_on_either_side():
  retrained = np.array([0.7, 0.95, 0.9])
  assert accuracy.tug_of_war(retrained, retrained).value == 1
  assert accuracy.average_gap(retrained, retrained).value == 0
  off = np.array([0.25, -0.05, 0.])
  for sign in (1, -1):
    method = retrained + sign * off
    # The retrained models' mean counts, whatever they do apart.
    for references in ((retrained,), (retrained - .05, retrained + .05)):
      np.testing.assert_allclose(
          accuracy.tug_of_war(method, *references).value, 0.75 * 0.95, rtol=1e-5)
      np.testing.assert_allclose(
          accuracy.average_gap(method, *references).value, 0.1, rtol=1e-5)


def test_gaps_have_the_intervals_of_what_they_are_made_of():
  """By Newcombe's interval of the difference of two proportions, twice."""
  wilson = lambda *counts: [estimate_lib.wilson(k, 200) for k in counts]
  method, retrained = wilson(30, 180), wilson(2, 190)
  gaps = [estimate_lib.gap(a, [b]) for a, b in zip(method, retrained)]
  size = [abs(gap.value) for gap in gaps]
  low, high = ([np.clip(s + sign * gap.band, 0, 1) for s, gap in zip(size, gaps)]
               for sign in (-1, 1))
  np.testing.assert_allclose(accuracy.average_gap(method, retrained),
                             (np.mean(size), np.mean(low), np.mean(high)), rtol=1e-5)
  left = lambda ends: np.prod(1 - np.array(ends))
  np.testing.assert_allclose(accuracy.tug_of_war(method, retrained),
                             (left(size), left(high), left(low)), rtol=1e-5)
  assert np.isnan(accuracy.average_gap([.5], [.4]).low)


def test_an_over_unlearned_forget_set_is_outside_the_band():
  seeds = [estimate_lib.wilson(k, 500) for k in (440, 447, 452)]
  within = lambda k: bool(estimate_lib.gap(estimate_lib.wilson(k, 500), seeds).within)
  assert within(445)
  assert not within(500)
  assert not within(0)
