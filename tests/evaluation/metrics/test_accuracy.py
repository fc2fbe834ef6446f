"""Accuracies against scikit-learn; gaps by what they have to say."""

import functools

import numpy as np
from sklearn import metrics

from tests.evaluation import draws
from unsc_jax.evaluation.metrics import accuracy
from unsc_jax.evaluation.metrics import estimate as estimate_lib

LOGITS, Y = draws.blobs(0, 300, 1.5, classes=5)
close = functools.partial(np.testing.assert_allclose, rtol=1e-5)


def test_accuracies_are_scikit_learns():
  guess = LOGITS.argmax(1)
  recall = metrics.recall_score(Y, guess, average=None)
  for ours, theirs in (
      (accuracy.overall_accuracy(LOGITS, Y), metrics.accuracy_score(Y, guess)),
      (accuracy.per_class_accuracy(LOGITS, Y), recall),
      (accuracy.macro_accuracy(LOGITS, Y), metrics.balanced_accuracy_score(Y, guess)),
      (accuracy.macro_accuracy(LOGITS, Y, [1, 4]), recall[[1, 4]].mean())):
    close(ours.value, theirs, rtol=1e-6)


def test_intervals_hold_their_values_and_shrink():
  e = accuracy.macro_accuracy(LOGITS, Y)
  assert e.low < e.value < e.high
  ten = accuracy.macro_accuracy(np.tile(LOGITS, (10, 1)), np.tile(Y, 10))
  close((ten.high - ten.low) / (e.high - e.low), 10**-0.5, rtol=0.05)


def test_an_absent_class_is_nan_alone():
  y = np.where(Y == 3, 2, Y)
  each = accuracy.per_class_accuracy(LOGITS, y)
  np.testing.assert_array_equal(np.isnan(each.value), np.arange(5) == 3)


def test_masking_the_forgotten_class_scores_zero_there_only():
  masked = np.where(np.arange(5) == 0, -np.inf, LOGITS)
  assert accuracy.macro_accuracy(masked, Y, [0]).value == 0
  rest = accuracy.macro_accuracy(masked, Y, [1, 2, 3, 4]).value
  assert rest >= accuracy.macro_accuracy(LOGITS, Y, [1, 2, 3, 4]).value


def test_no_gap_and_gaps_on_either_side():
  retrained = np.array([0.7, 0.95, 0.9])
  assert accuracy.tug_of_war(retrained, retrained).value == 1
  assert accuracy.average_gap(retrained, retrained).value == 0
  off = np.array([0.25, -0.05, 0.])
  for sign in (1, -1):
    method = retrained + sign * off
    # The retrained models' mean counts, whatever they do apart.
    for references in ((retrained,), (retrained - .05, retrained + .05)):
      close(accuracy.tug_of_war(method, *references).value, 0.75 * 0.95)
      close(accuracy.average_gap(method, *references).value, 0.1)


def test_gaps_have_the_intervals_of_what_they_are_made_of():
  """By Newcombe's interval of the difference of two proportions, twice."""
  wilson = lambda *counts: [estimate_lib.wilson(k, 200) for k in counts]
  method, retrained = wilson(30, 180), wilson(2, 190)
  gaps = [estimate_lib.gap(a, [b]) for a, b in zip(method, retrained)]
  size = [abs(gap.value) for gap in gaps]
  low, high = ([np.clip(s + sign * gap.band, 0, 1) for s, gap in zip(size, gaps)]
               for sign in (-1, 1))
  close(accuracy.average_gap(method, retrained), [*map(np.mean, (size, low, high))])
  close(accuracy.tug_of_war(method, retrained),
        [np.prod(1 - np.array(ends)) for ends in (size, high, low)])
  assert np.isnan(accuracy.average_gap([.5], [.4]).low)


def test_classes_may_be_a_set():
  of = functools.partial(accuracy.macro_accuracy, LOGITS, Y)
  close(of({4, 1}), of([1, 4]))
  close(of(range(1, 4)), of(np.array([3, 2, 1])))


def test_counts_may_be_beyond_what_int32_holds():
  for counts in ((2**40, 2**41), (np.array(2**40), np.array(2**41))):
    close(estimate_lib.wilson(*counts).value, .5)
