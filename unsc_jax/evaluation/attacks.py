"""What forgetting leaves behind: attacks on membership, and the features."""

from collections.abc import Sequence
import functools

import jax
import numpy as np

from unsc_jax import batching
from unsc_jax.evaluation import outputs as outputs_lib
from unsc_jax.evaluation.metrics import clusters as clusters_lib
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import membership
from unsc_jax.evaluation.metrics import representation
from unsc_jax.evaluation.metrics import rmia
from unsc_jax.evaluation.metrics import roc
from unsc_jax.evaluation.metrics import signals

_MOST = 2000  # examples of a kind: enough for two digits, quick for an SVM


def measure(outputs: outputs_lib.Outputs, references: Sequence[outputs_lib.Reference],
            key: jax.Array) -> dict[str, estimate_lib.Estimate | None]:
  """The attacks that take longer than `thresholds`, and the features.

  Members are the forgotten training images, non-members test images of the
  same classes, or of all where single images are forgotten; attacks give the
  AUC, .5 for chance, the classifier the share of forgotten images that it calls
  members.

  Args:
    outputs: of the network.
    references: retrained networks, this one not among them.
    key: of what is drawn.

  Returns:
    Name to an estimate, or None where it cannot be measured.
  """
  return {'mia_classifier': classifier(outputs, key),
          'rmia_auc': _rmia(outputs, references), **_features(outputs, key)}


def thresholds(outputs: outputs_lib.Outputs) -> dict[str, estimate_lib.Estimate | None]:
  """The attacks that compare one number of every image with a threshold."""
  names = membership.ThresholdAttacks._fields
  if not outputs.like_forgotten.any():
    return {f'mia_{name}': None for name in names}
  attacks = membership.threshold_attacks(
      *outputs.train(outputs.forgotten), *outputs.test(outputs.like_forgotten))
  return {f'mia_{name}': attack.auc for name, attack in zip(names, attacks)}


def classifier(outputs: outputs_lib.Outputs, key: jax.Array) -> estimate_lib.Estimate:
  """The share of forgotten images that an SVM on confidences calls members."""
  rng = np.random.default_rng(batching.seed_of(key))
  some = functools.partial(outputs_lib.thin, rng, most=_MOST)
  return estimate_lib.complement(membership.classifier_attack(
      *outputs.train(some(~outputs.forgotten)),
      *outputs.test(some(np.ones(len(outputs.test_labels), bool))),
      *outputs.train(some(outputs.forgotten)), key))


def _rmia(outputs, references) -> estimate_lib.Estimate | None:
  alike = outputs.like_forgotten
  if not references or not alike.any():
    return None
  logits, labels = outputs.train(outputs.forgotten)
  sure = lambda logits, labels: np.asarray(signals.confidence(logits, labels))
  theirs = np.stack([sure(one.forget_logits, labels) for one in references])
  unseen = sure(*outputs.test())
  unseen_theirs = np.stack(
      [sure(one.test_logits, outputs.test_labels) for one in references])
  score = lambda mine, others: rmia.rmia_scores(mine, others, unseen, unseen_theirs)
  return roc.auc(score(sure(logits, labels), theirs),
                 score(unseen[alike], unseen_theirs[:, alike]))


def _features(outputs, key) -> dict[str, estimate_lib.Estimate | None]:
  """Clusters of the test features, and alignment of the training features."""
  rng = np.random.default_rng(batching.seed_of(key))
  chosen = outputs_lib.shuffled(rng, np.ones(len(outputs.test_labels), bool), _MOST)
  clusters = clusters_lib.cluster_scores(
      outputs.test_features[chosen], outputs.test_labels[chosen], key,
      forget=outputs.like_forgotten[chosen])
  retain, forget = (
      outputs.train_features[outputs_lib.shuffled(rng, mask, 2 * _MOST)]
      for mask in (~outputs.forgotten, outputs.forgotten))
  alignment = outputs_lib.unless_collapsed(
      representation.dimensional_alignment, retain, forget)
  return {'nmi': clusters.nmi, 'feature_f1': clusters.f1,
          'alignment': alignment and alignment.energy}
