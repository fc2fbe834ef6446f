"""What forgetting leaves behind: attacks on membership, and the features."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from unsc_jax import batching
from unsc_jax.evaluation import outputs as outputs_lib
from unsc_jax.evaluation.metrics import clusters as clusters_lib
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import membership
from unsc_jax.evaluation.metrics import representation
from unsc_jax.evaluation.metrics import resampling
from unsc_jax.evaluation.metrics import rmia
from unsc_jax.evaluation.metrics import roc
from unsc_jax.evaluation.metrics import signals

_MOST = 2000  # examples of a kind: enough for two digits, quick for an SVM


def measure(outputs: outputs_lib.Outputs, references: Sequence[outputs_lib.Reference],
            key: jax.Array) -> dict[str, Any]:
  """Attacks and features of one network.

  Members are the forgotten training images, non-members test images of the
  same classes, or of all where single images are forgotten; attacks give the
  AUC, .5 for chance, the classifier the share of forgotten images that it calls
  members.

  Args:
    outputs: of the network.
    references: retrained networks, this one not among them.
    key: of what is drawn.

  Returns:
    Name to an estimate, a number, or None where it cannot be measured.
  """
  return {**thresholds(outputs), 'mia_classifier': classifier(outputs, key),
          'rmia_auc': _rmia(outputs, references), **_features(outputs, key)}


def thresholds(outputs: outputs_lib.Outputs) -> dict[str, Any]:
  """The attacks that compare one number of every image with a threshold."""
  train, test = outputs.forgotten, outputs.like_forgotten
  names = membership.ThresholdAttacks._fields
  if not test.any():
    return {f'mia_{name}': None for name in names}
  found = membership.threshold_attacks(
      outputs.train_logits[train], outputs.train_labels[train],
      outputs.test_logits[test], outputs.test_labels[test])
  return {f'mia_{name}': getattr(found, name).auc for name in names}


def classifier(outputs: outputs_lib.Outputs, key: jax.Array) -> estimate_lib.Estimate:
  """The share of forgotten images that an SVM on confidences calls members."""
  rng = np.random.default_rng(batching.seed_of(key))
  pick = lambda values, labels, mask: (
      values[at := outputs_lib.thin(rng, mask, _MOST)], labels[at])
  said = membership.classifier_attack(
      *pick(outputs.train_logits, outputs.train_labels, ~outputs.forgotten),
      *pick(outputs.test_logits, outputs.test_labels, np.ones(len(outputs.test_logits), bool)),
      *pick(outputs.train_logits, outputs.train_labels, outputs.forgotten), key)
  return estimate_lib.Estimate(1 - said.value, 1 - said.high, 1 - said.low)


def _rmia(outputs, references) -> estimate_lib.Estimate | None:
  test, labels = outputs.like_forgotten, outputs.test_labels
  if not references or not test.any():
    return None
  sure = lambda logits, labels: np.asarray(signals.confidence(logits, labels))
  asked = outputs.train_logits[outputs.forgotten], outputs.train_labels[outputs.forgotten]
  theirs = np.stack([sure(one.forget_logits, asked[1]) for one in references])
  unseen = sure(outputs.test_logits, labels)
  unseen_theirs = np.stack([sure(one.test_logits, labels) for one in references])
  score = lambda mine, others: rmia.rmia_scores(mine, others, unseen, unseen_theirs)
  return roc.auc(score(sure(*asked), theirs),
                 score(unseen[test], unseen_theirs[:, test]))


def _features(outputs, key) -> dict[str, Any]:
  """Clusters of the test features, and alignment of the training features."""
  rng = np.random.default_rng(batching.seed_of(key))
  train, test = outputs.forgotten, outputs.like_forgotten
  chosen = rng.permutation(outputs_lib.thin(rng, np.ones(len(outputs.test_logits), bool), _MOST))
  labels = outputs.test_labels[chosen]
  found = clusters_lib.k_means(
      outputs.test_features[chosen], len(np.unique(labels)), key)
  clusters = [resampling.jackknife(
      lambda sample, i=i: clusters_lib.assignment_scores(*sample)[i],
      (found, labels, test[chosen]), within=(0, 1)) for i in range(2)]
  of = lambda mask: outputs.train_features[
      rng.permutation(outputs_lib.thin(rng, mask, 2 * _MOST))]
  energy = lambda *both: representation.dimensional_alignment(*both).energy
  try:
    alignment = resampling.jackknife(
        energy, of(~train), of(train), within=(0, 1))
  except ValueError:  # collapsed features: not defined
    alignment = None
  return {'nmi': clusters[0], 'feature_f1': clusters[1], 'alignment': alignment}
