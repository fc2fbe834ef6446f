"""What forgetting leaves behind: attacks on membership, and the features."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from unsc_jax import batching
from unsc_jax.evaluation import outputs
from unsc_jax.evaluation.metrics import clusters as clusters_lib
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import membership
from unsc_jax.evaluation.metrics import representation
from unsc_jax.evaluation.metrics import resampling
from unsc_jax.evaluation.metrics import rmia
from unsc_jax.evaluation.metrics import roc
from unsc_jax.evaluation.metrics import signals

_MOST = 2000  # examples of a kind: enough for two digits, quick for an SVM


def measure(view: outputs.View, references: Sequence[outputs.Reference],
            key: jax.Array) -> dict[str, Any]:
  """Attacks and features of one network.

  Members are the forgotten training images, non-members test images of the
  same classes, or of all where single images are forgotten; attacks give the
  AUC, .5 for chance, the classifier the share of forgotten images that it calls
  members.

  Args:
    view: of the network.
    references: retrained networks, this one not among them.
    key: of what is drawn.

  Returns:
    Name to an estimate, a number, or None where it cannot be measured.
  """
  return {**thresholds(view), 'mia_classifier': classifier(view, key),
          'rmia_auc': _rmia(view, references), **_features(view, key)}


def thresholds(view: outputs.View) -> dict[str, Any]:
  """The attacks that compare one number of every image with a threshold."""
  train, test = view.forgotten, view.alike
  names = membership.ThresholdAttacks._fields
  if not test.any():
    return {f'mia_{name}': None for name in names}
  found = membership.threshold_attacks(
      view.train[train], view.train_labels[train],
      view.test[test], view.test_labels[test])
  return {f'mia_{name}': getattr(found, name).auc for name in names}


def classifier(view: outputs.View, key: jax.Array) -> estimate_lib.Estimate:
  """The share of forgotten images that an SVM on confidences calls members."""
  rng = np.random.default_rng(batching.seed_of(key))
  pick = lambda values, labels, mask: (
      values[at := outputs.thin(rng, mask, _MOST)], labels[at])
  said = membership.classifier_attack(
      *pick(view.train, view.train_labels, ~view.forgotten),
      *pick(view.test, view.test_labels, np.ones(len(view.test), bool)),
      *pick(view.train, view.train_labels, view.forgotten), key)
  return estimate_lib.Estimate(1 - said.value, 1 - said.high, 1 - said.low)


def _rmia(view, references) -> estimate_lib.Estimate | None:
  test, labels = view.alike, view.test_labels
  if not references or not test.any():
    return None
  sure = lambda logits, labels: np.asarray(signals.confidence(logits, labels))
  asked = view.train[view.forgotten], view.train_labels[view.forgotten]
  theirs = np.stack([sure(one.forget, asked[1]) for one in references])
  unseen = sure(view.test, labels)
  unseen_theirs = np.stack([sure(one.test, labels) for one in references])
  score = lambda mine, others: rmia.rmia_scores(mine, others, unseen, unseen_theirs)
  return roc.auc(score(sure(*asked), theirs),
                 score(unseen[test], unseen_theirs[:, test]))


def _features(view, key) -> dict[str, Any]:
  """Clusters of the test features, and alignment of the training features."""
  rng = np.random.default_rng(batching.seed_of(key))
  train, test = view.forgotten, view.alike
  chosen = rng.permutation(outputs.thin(rng, np.ones(len(view.test), bool), _MOST))
  labels = view.test_labels[chosen]
  found = clusters_lib.k_means(
      view.test_features[chosen], len(np.unique(labels)), key)
  clusters = [resampling.jackknife(
      lambda sample, i=i: clusters_lib.assignment_scores(*sample)[i],
      (found, labels, test[chosen]), within=(0, 1)) for i in range(2)]
  of = lambda mask: view.train_features[
      rng.permutation(outputs.thin(rng, mask, 2 * _MOST))]
  energy = lambda *both: representation.dimensional_alignment(*both).energy
  try:
    alignment = resampling.jackknife(
        energy, of(~train), of(train), within=(0, 1))
  except ValueError:  # collapsed features: not defined
    alignment = None
  return {'nmi': clusters[0], 'feature_f1': clusters[1], 'alignment': alignment}
