"""Evaluation of unlearning, from outputs and features of models.

Pure functions of arrays. Good is never "low" or "high", but what models
retrained without the forget set reach: pass every value through `gap` with
several of them. A value beyond the retrained models' on the far side is
over-unlearning.
"""

from unsc_jax.evaluation.accuracy import (
    average_gap,
    macro_accuracy,
    overall_accuracy,
    per_class_accuracy,
    tug_of_war,
)
from unsc_jax.evaluation.agreement import (
    activation_distance,
    js_divergence,
    prediction_agreement,
    zero_retrain_forgetting,
)
from unsc_jax.evaluation.estimate import (
    Estimate,
    Gap,
    bootstrap,
    gap,
    mean_of_proportions,
    normal,
    wilson,
    without_interval,
)
from unsc_jax.evaluation.forgetting_score import (
    attack_epsilons,
    competition_score,
    forgetting_quality,
)
from unsc_jax.evaluation.klom import kl_of_margins
from unsc_jax.evaluation.lira import ULira, ulira, ulira_scores
from unsc_jax.evaluation.membership import (
    Attack,
    ThresholdAttacks,
    classifier_attack,
    retrained_attack,
    threshold_attack,
    threshold_attacks,
)
from unsc_jax.evaluation.representation import (
    ClusterScores,
    DimensionalAlignment,
    cluster_scores,
    dimensional_alignment,
    linear_cka,
    normalized_mutual_information,
    pairwise_f1,
)
from unsc_jax.evaluation.rmia import rmia_scores, tuned_offline_a
from unsc_jax.evaluation.roc import (
    Curve,
    auc,
    balanced_accuracy,
    roc_curve,
    threshold_at_fpr,
    tpr_at_fpr,
)
from unsc_jax.evaluation.signals import (
    confidence,
    correctness,
    entropy,
    loss,
    margin,
    modified_entropy,
    probabilities,
)

__all__ = (
    'Attack', 'ClusterScores', 'Curve', 'DimensionalAlignment', 'Estimate',
    'Gap', 'ThresholdAttacks', 'ULira', 'activation_distance',
    'attack_epsilons', 'auc', 'average_gap', 'balanced_accuracy', 'bootstrap',
    'classifier_attack', 'cluster_scores', 'competition_score', 'confidence',
    'correctness', 'dimensional_alignment', 'entropy', 'forgetting_quality',
    'gap', 'js_divergence', 'kl_of_margins', 'linear_cka', 'loss',
    'macro_accuracy', 'margin', 'mean_of_proportions', 'modified_entropy',
    'normal', 'normalized_mutual_information', 'overall_accuracy',
    'pairwise_f1', 'per_class_accuracy', 'prediction_agreement',
    'probabilities', 'retrained_attack', 'rmia_scores', 'roc_curve',
    'threshold_at_fpr', 'threshold_attack', 'threshold_attacks', 'tpr_at_fpr',
    'tug_of_war', 'tuned_offline_a', 'ulira', 'ulira_scores', 'wilson',
    'without_interval', 'zero_retrain_forgetting',
)
