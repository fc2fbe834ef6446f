"""What a metric cannot be of is refused in one sentence that names it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax.evaluation import metrics

KEY = jax.random.key(0)
Z, Y = np.zeros((2, 3)), np.zeros(2, int)  # logits and labels
FEATURES = np.arange(12.).reshape(4, 3)
HALF, HALVES = np.full(3, .5), np.full((1, 3), .5)  # probabilities
NAN, EMPTY = np.full((3, 4), np.nan), np.zeros((0, 4))
BOTH = np.eye(2, 3)  # logits that are not all zero
MASKED = np.ma.masked_array([1., 2.], [0, 1])
with_ = functools.partial


@pytest.mark.parametrize(('metric', 'given', 'words'), [
    (metrics.margin, (Z[:0], Y[:0]), 'empty'),
    (metrics.margin, (Z[:, :1], Y), 'one class only'),
    (metrics.margin, (np.zeros(3), np.zeros(3, int)), r'\[N, C\]'),
    (metrics.margin, (Z + np.nan, Y), 'NaN'),
    (metrics.margin, (Z + np.inf, Y), 'inf'),
    (metrics.margin, (Z - np.inf, Y), '-inf only'),
    (metrics.margin, (Z, np.array([0, 3])), 'run from 0 to 3, but .* classes 0..2'),
    (metrics.margin, (Z, np.array([-1, 0])), 'run from -1'),
    (metrics.margin, (Z, np.zeros(3, int)), r'array \[2\]'),
    (metrics.margin, (Z, np.zeros(2)), 'integers'),
    (metrics.js_divergence, (Z, np.zeros((3, 3))), 'same shape'),
    (metrics.js_divergence, (Z, Z + np.nan), 'second logits.*NaN'),
    (metrics.js_divergence, (Z[:0], Z[:0]), 'empty'),
    (metrics.macro_accuracy, (Z, Y), r'\[1, 2\] have no examples'),
    (metrics.macro_accuracy, (Z, Y, [3]), 'set out of 0..2'),
    *[(metric, (*given, classes), words)
      for metric, given in ((metrics.macro_accuracy, (Z, Y)), (metrics.logit_drift, (BOTH, BOTH)))
      for classes, words in (
          ([99], r'out of 0..2, but is \[99\]'), ([-1], r'\[-1\]'), ([], 'non-empty'),
          (set(), 'non-empty'), ([0, 0, 0, 1], r'\[0\] more than once'),
          (np.array([True, False, True]), 'mask of booleans'), ([.5], 'integers'),
          ([[0, 1]], 'list of integers'), ('01', 'real numbers'))],
    (metrics.logit_drift, (BOTH, BOTH[:1], [0]), 'same shape'),
    (metrics.logit_drift, (BOTH, np.eye(7, 3), [0]), 'same shape'),
    (metrics.logit_drift, (BOTH, BOTH[:, :2], [0]), 'same shape'),
    (metrics.logit_drift, (BOTH, BOTH, [2]), 'zero throughout the classes'),
    (metrics.logit_drift, (BOTH, np.where(BOTH == 1, -np.inf, 0), [0]), 'after masks'),
    (metrics.logit_drift, (BOTH, BOTH * np.nan, [0]), 'NaN'),
    (metrics.margin, (Z, np.array([2**33, 0])), 'run from 0 to 8589934592'),
    (metrics.margin, (Z, [2**33, 0]), 'run from 0 to 8589934592'),
    (metrics.margin, (Z, [None, 0]), 'labels should hold real numbers'),
    (metrics.tug_of_war, ([.5],), 'at least one retrained model'),
    (metrics.average_gap, ([.5],), 'at least one retrained model'),
    (metrics.tug_of_war, (.5, .5), 'method should be a list'),
    (metrics.tug_of_war, ([[.5], [.5, .6]], [.5, .5]), 'scores of method .* same shape'),
    (metrics.gap, (metrics.wilson(1, 2), metrics.wilson(1, 2)), 'references should be a list'),
    (metrics.gap, (.5, .5), 'references should be a list'),
    *[(with_(metrics.gap, models=models), (.5, [.4, .5, .6]), 'models should be at least 1')
      for models in (0, -1, np.nan, np.array([1, 0]))],
    (with_(metrics.ties, models=0), (.5, .5, [.4, .5, .6]), 'models should be at least 1'),
    *[(metrics.auc, (scores, [1., 2.]), words) for scores, words in (
        (MASKED, 'masked entries'), (['a', 'b'], 'real numbers'), ([None, 1.], 'real numbers'),
        (None, 'real numbers'), (np.array([1, 'a'], object), 'real numbers'),
        (np.array([1j, 2.]), 'complex128'), ([[1.], [1., 2.]], 'rows of equal length'))],
    (metrics.gap, (None, [.4, .5, .6]), 'The estimate should hold real numbers'),
    (metrics.wilson, ('a', 3), 'successes should hold real numbers'),
    (metrics.bootstrap, (jnp.mean, KEY, MASKED), 'masked entries'),
    (metrics.bootstrap, (jnp.mean, KEY, np.array(['a'])), 'real numbers'),
    (with_(metrics.bootstrap, draws=0), (jnp.mean, KEY, np.ones(2)), 'draws is 0'),
    (metrics.jackknife, (np.mean, [1., 2.]), 'common, non-empty first axis'),
    (metrics.jackknife, (np.mean, (np.ones(20), np.ones(21))), 'common, non-empty first axis'),
    (with_(metrics.jackknife, groups=2.5), (np.mean, np.ones(20)), 'groups is 2.5'),
    (with_(metrics.jackknife, level=95), (np.mean, np.ones(20)), 'between 0 and 1'),
    *[(with_(metrics.kl_of_margins, **{name: value}), (np.ones((3, 4)),) * 2, words)
      for name, value, words in (
          ('limit', np.nan, 'limit is nan'), ('limit', -1., 'limit is -1.0'),
          ('limit', 0, 'limit is 0'), ('bins', 2.5, 'bins is 2.5'), ('bins', 0, 'bins is 0'),
          ('epsilon', -1, 'epsilon is -1'), ('epsilon', np.nan, 'epsilon is nan'))],
    (metrics.pairwise_f1, (np.ones((1, 2)), np.ones((1, 3))), 'same shape'),
    (metrics.normalized_mutual_information, ([[1, -1]],), 'negative'),
    (metrics.assignment_scores, (Y, Y[:1], Y), 'assigned and labels .* same shape'),
    (metrics.competition_score, (.5, (.9,), (.8, .8)), 'retain should be two accuracies'),
    (metrics.forgetting_quality, ([0.], 3.5), 'models is 3.5'),
    (with_(metrics.dimensional_alignment, rank=1.5), (FEATURES,) * 2, 'rank is 1.5'),
    (with_(metrics.cluster_scores, clusters=0), (FEATURES, [1] * 4, KEY), 'clusters is 0'),
    (metrics.tug_of_war, ([90., 80.], [.9, .8]), 'divide percentages'),
    (metrics.tug_of_war, ([.9], [.9, .8]), 'same shape'),
    (metrics.tug_of_war, ([], []), 'empty'),
    (metrics.tug_of_war, ([np.nan], [.5]), 'NaN'),
    (metrics.gap, (.5, []), 'at least one retrained reference'),
    (metrics.gap, (.5, [.5, .6]), 'at least three references'),
    (metrics.gap, (np.nan, [.5, .6, .7]), 'NaN'),
    (metrics.wilson, (5, 4), 'between 0 and trials'),
    (with_(metrics.wilson, level=95), (5, 9), 'between 0 and 1'),
    (metrics.normal, ([],), 'empty'),
    (metrics.bootstrap, (jnp.mean, KEY, jnp.ones(0)), 'non-empty'),
    (metrics.jackknife, (np.mean, np.arange(3.)), '3 examples cannot be left out in 10'),
    (metrics.auc, ([], [1.]), 'empty'),
    (metrics.auc, ([np.nan], [1.]), 'NaN'),
    (metrics.auc, ([[1.]], [1.]), r'\[N\]'),
    (metrics.balanced_accuracy, ([1.], [1., 2.]), 'two positives'),
    (metrics.tpr_at_fpr, ([1.], [1.], 2), 'between 0 and 1'),
    (with_(metrics.retrained_attack, folds=3), (Z, Z, Y, KEY), 'folds is 3'),
    (metrics.threshold_attacks, (Z, Y[:1], Z, Y), r'array \[2\]'),
    (metrics.classifier_attack, (Z, Y, Z[:0], Y[:0], Z, Y, KEY), 'empty'),
    (metrics.kl_of_margins, (np.zeros((3, 4)), np.zeros((3, 5))), 'same examples'),
    (metrics.kl_of_margins, (np.zeros((3, 4)), NAN), 'NaN'),
    (metrics.kl_of_margins, (EMPTY, np.zeros((3, 4))), 'empty'),
    (metrics.ulira, (np.zeros((2, 5)), np.zeros((4, 5))), 'unlearned holds 2 model'),
    (metrics.ulira, (np.zeros((4, 5)), np.zeros((4, 6))), 'same examples'),
    (metrics.ulira, (np.zeros((4, 5)) - np.inf, np.zeros((4, 5))), 'infinite'),
    (metrics.ulira, (np.zeros(5), np.zeros((4, 5))), r'\[models, N\]'),
    (metrics.attack_epsilons, (np.zeros((3, 4)), np.zeros((4, 4))), 'same shape'),
    (metrics.attack_epsilons, (np.zeros((1, 4)), np.zeros((1, 4))), 'at least 2'),
    (metrics.attack_epsilons, (np.zeros((3, 4)), NAN), 'NaN'),
    (metrics.forgetting_quality, ([0.], 2), 'models is 2'),
    (metrics.rmia_scores, (HALF * 4, HALVES, HALF, HALVES), 'fractions'),
    (metrics.rmia_scores, (HALF, HALVES[:, :2], HALF, HALVES), 'same examples'),
    (metrics.rmia_scores, (HALF, HALF, HALF, HALVES), r'\[models, N\]'),
    (metrics.rmia_scores, (HALF, HALVES[:0], HALF, HALVES), 'empty'),
    (metrics.rmia_scores, (HALF * np.nan, HALVES, HALF, HALVES), 'NaN'),
    (with_(metrics.rmia_scores, offline_a=2), (HALF, HALVES) * 2, 'offline_a is 2'),
    (with_(metrics.rmia_scores, gamma=0), (HALF, HALVES) * 2, 'gamma is 0'),
    (metrics.tuned_offline_a, (HALF, [True] * 3, HALVES, HALF, HALVES),
     'mark some examples'),
    (metrics.linear_cka, (FEATURES, FEATURES[:2]), 'same examples'),
    (metrics.linear_cka, (0 * FEATURES + 1, FEATURES), 'collapsed'),
    (metrics.linear_cka, (FEATURES * np.nan, FEATURES), 'NaN'),
    (metrics.dimensional_alignment, (FEATURES, FEATURES[:, :2]), 'one layer'),
    (metrics.dimensional_alignment, (FEATURES, 0 * FEATURES), 'forget features are zero'),
    (with_(metrics.dimensional_alignment, rank=4), (FEATURES,) * 2, '1..3'),
    (with_(metrics.dimensional_alignment, energy=99), (FEATURES,) * 2, 'energy is 99'),
    (metrics.cluster_scores, (FEATURES, [1, 2], KEY), r'array \[4\]'),
    (with_(metrics.cluster_scores, clusters=5), (FEATURES, [1] * 4, KEY),
     'clusters is 5'),
    (metrics.cluster_scores, (FEATURES[:0], [], KEY), 'empty'),
])
def test_bad_input_is_one_sentence(metric, given, words):
  with pytest.raises(ValueError, match=words) as error:
    metric(*given)
  assert str(error.value).endswith('.')
  assert '\n' not in str(error.value)
