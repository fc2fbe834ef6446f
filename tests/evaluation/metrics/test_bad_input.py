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
