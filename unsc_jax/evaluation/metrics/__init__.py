"""Measures as pure functions of arrays.

A measure returns an `Estimate`: a value and its interval, NaN where none is known.
Good is never "low" or "high", but what models retrained without the forget set
reach: pass every value through `gap` with several of them. A value beyond the
retrained models' on the far side is over-unlearning.
"""

from unsc_jax.evaluation.metrics.accuracy import average_gap
from unsc_jax.evaluation.metrics.accuracy import macro_accuracy
from unsc_jax.evaluation.metrics.accuracy import overall_accuracy
from unsc_jax.evaluation.metrics.accuracy import per_class_accuracy
from unsc_jax.evaluation.metrics.accuracy import tug_of_war
from unsc_jax.evaluation.metrics.agreement import activation_distance
from unsc_jax.evaluation.metrics.agreement import js_divergence
from unsc_jax.evaluation.metrics.agreement import prediction_agreement
from unsc_jax.evaluation.metrics.agreement import zero_retrain_forgetting
from unsc_jax.evaluation.metrics.clusters import assignment_scores
from unsc_jax.evaluation.metrics.clusters import cluster_scores
from unsc_jax.evaluation.metrics.clusters import ClusterScores
from unsc_jax.evaluation.metrics.clusters import k_means
from unsc_jax.evaluation.metrics.clusters import normalized_mutual_information
from unsc_jax.evaluation.metrics.clusters import pairwise_f1
from unsc_jax.evaluation.metrics.control import blind_measures
from unsc_jax.evaluation.metrics.control import ties
from unsc_jax.evaluation.metrics.estimate import Estimate
from unsc_jax.evaluation.metrics.estimate import Gap
from unsc_jax.evaluation.metrics.estimate import gap
from unsc_jax.evaluation.metrics.estimate import mean_of_proportions
from unsc_jax.evaluation.metrics.estimate import normal
from unsc_jax.evaluation.metrics.estimate import wilson
from unsc_jax.evaluation.metrics.estimate import without_interval
from unsc_jax.evaluation.metrics.forgetting_score import attack_epsilons
from unsc_jax.evaluation.metrics.forgetting_score import competition_score
from unsc_jax.evaluation.metrics.forgetting_score import forgetting_quality
from unsc_jax.evaluation.metrics.klom import kl_of_margins
from unsc_jax.evaluation.metrics.lira import ULira
from unsc_jax.evaluation.metrics.lira import ulira
from unsc_jax.evaluation.metrics.lira import ulira_scores
from unsc_jax.evaluation.metrics.membership import Attack
from unsc_jax.evaluation.metrics.membership import classifier_attack
from unsc_jax.evaluation.metrics.membership import retrained_attack
from unsc_jax.evaluation.metrics.membership import threshold_attack
from unsc_jax.evaluation.metrics.membership import threshold_attacks
from unsc_jax.evaluation.metrics.membership import ThresholdAttacks
from unsc_jax.evaluation.metrics.preservation import flips
from unsc_jax.evaluation.metrics.preservation import logit_drift
from unsc_jax.evaluation.metrics.representation import dimensional_alignment
from unsc_jax.evaluation.metrics.representation import DimensionalAlignment
from unsc_jax.evaluation.metrics.representation import linear_cka
from unsc_jax.evaluation.metrics.resampling import bootstrap
from unsc_jax.evaluation.metrics.resampling import jackknife
from unsc_jax.evaluation.metrics.rmia import rmia_scores
from unsc_jax.evaluation.metrics.rmia import tuned_offline_a
from unsc_jax.evaluation.metrics.roc import auc
from unsc_jax.evaluation.metrics.roc import balanced_accuracy
from unsc_jax.evaluation.metrics.roc import Curve
from unsc_jax.evaluation.metrics.roc import roc_curve
from unsc_jax.evaluation.metrics.roc import threshold_at_fpr
from unsc_jax.evaluation.metrics.roc import tpr_at_fpr
from unsc_jax.evaluation.metrics.signals import confidence
from unsc_jax.evaluation.metrics.signals import correctness
from unsc_jax.evaluation.metrics.signals import entropy
from unsc_jax.evaluation.metrics.signals import loss
from unsc_jax.evaluation.metrics.signals import margin
from unsc_jax.evaluation.metrics.signals import modified_entropy
from unsc_jax.evaluation.metrics.signals import probabilities

__all__ = (
    'Attack', 'ClusterScores', 'Curve', 'DimensionalAlignment', 'Estimate', 'Gap',
    'ThresholdAttacks', 'ULira', 'activation_distance', 'assignment_scores',
    'attack_epsilons', 'auc', 'average_gap', 'balanced_accuracy', 'blind_measures',
    'bootstrap', 'classifier_attack', 'cluster_scores', 'competition_score',
    'confidence', 'correctness', 'dimensional_alignment', 'entropy', 'flips',
    'forgetting_quality', 'gap', 'jackknife', 'js_divergence', 'k_means',
    'kl_of_margins', 'linear_cka', 'logit_drift', 'loss', 'macro_accuracy', 'margin',
    'mean_of_proportions', 'modified_entropy', 'normal',
    'normalized_mutual_information', 'overall_accuracy', 'pairwise_f1',
    'per_class_accuracy', 'prediction_agreement', 'probabilities', 'retrained_attack',
    'rmia_scores', 'roc_curve', 'threshold_at_fpr', 'threshold_attack',
    'threshold_attacks', 'ties', 'tpr_at_fpr', 'tug_of_war', 'tuned_offline_a', 'ulira',
    'ulira_scores', 'wilson', 'without_interval', 'zero_retrain_forgetting',
)
