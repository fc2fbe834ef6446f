"""Accuracies against scikit-learn; gaps by what they have to say."""

import jax
import jax.numpy as jnp
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
  assert accuracy.tug_of_war(retrained, retrained) == 1
  assert accuracy.average_gap(retrained, retrained) == 0
  off = np.array([0.25, -0.05, 0.])
  for sign in (1, -1):
    np.testing.assert_allclose(
        accuracy.tug_of_war(retrained + sign * off, retrained), 0.75 * 0.95,
        rtol=1e-5)
    np.testing.assert_allclose(
        accuracy.average_gap(retrained + sign * off, retrained), 0.1,
        rtol=1e-5)


def test_an_over_unlearned_forget_set_is_outside_the_band():
  seeds = [estimate_lib.wilson(k, 500) for k in (440, 447, 452)]
  within = lambda k: bool(estimate_lib.gap(estimate_lib.wilson(k, 500), seeds).within)
  assert within(445)
  assert not within(500)
  assert not within(0)


def test_accuracies_trace(case):
  logits, y = map(jnp.asarray, case)
  for f in (accuracy.overall_accuracy, accuracy.per_class_accuracy,
            lambda a, b: accuracy.macro_accuracy(a, b, (0, 2))):
    np.testing.assert_allclose(jax.jit(f)(logits, y), f(logits, y), rtol=1e-5)


@pytest.mark.parametrize(('method', 'retrained', 'words'), [
    ([90., 80.], [0.9, 0.8], 'divide percentages'),
    ([0.9], [0.9, 0.8], 'same shape'),
    ([], [], 'empty'),
    ([np.nan], [0.5], 'NaN'),
])
def test_bad_input_is_named(method, retrained, words):
  with pytest.raises(ValueError, match=words):
    accuracy.tug_of_war(method, retrained)
