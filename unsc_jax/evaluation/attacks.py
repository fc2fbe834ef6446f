"""What forgetting leaves behind: attacks on membership, and the features."""

from collections.abc import Callable, Sequence
import functools
from typing import Any

import jax
import numpy as np

from unsc_jax import batching
from unsc_jax.evaluation import measured
from unsc_jax.evaluation import outputs as outputs_lib
from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import clusters as clusters_lib
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import membership
from unsc_jax.evaluation.metrics import representation
from unsc_jax.evaluation.metrics import rmia
from unsc_jax.evaluation.metrics import roc
from unsc_jax.evaluation.metrics import signals

NO_REFERENCE = 'there is no other retrained network to compare with.'
_MOST = 2000  # examples of a kind: enough for two digits, quick for an SVM


def measure(outputs: outputs_lib.Outputs, references: Sequence[outputs_lib.Reference],
            key: jax.Array) -> dict[str, Any]:
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
    Name to an estimate, or why it cannot be measured.
  """
  return measured.tried({
      'mia_classifier': lambda: classifier(outputs, key),
      'rmia_auc': lambda: _rmia(outputs, references), **_features(outputs, key)})


def thresholds(outputs: outputs_lib.Outputs) -> dict[str, Any]:
  """The attacks that compare one number of every image with a threshold."""
  sides = functools.cache(lambda: (
      membership.scores(*outputs.train(outputs.forgotten)),
      membership.scores(*outputs.test(_alike(outputs)))))
  return measured.tried({
      f'mia_{name}': lambda name=name: roc.auc(*(side[name] for side in sides()))
      for name in membership.ThresholdAttacks._fields})


def _alike(outputs: outputs_lib.Outputs) -> np.ndarray:
  """Which test images are non-members: those like what was forgotten."""
  if not outputs.like_forgotten.any():
    raise checks.DoesNotApply('no test image is of the forgotten classes.')
  return outputs.like_forgotten


def classifier(outputs: outputs_lib.Outputs, key: jax.Array) -> estimate_lib.Estimate:
  """The share of forgotten images that an SVM on confidences calls members."""
  rng = np.random.default_rng(batching.seed_of(key))
  some = functools.partial(outputs_lib.thin, rng, most=_MOST)
  return estimate_lib.complement(membership.classifier_attack(
      *outputs.train(some(~outputs.forgotten)),
      *outputs.test(some(np.ones(len(outputs.test_labels), bool))),
      *outputs.train(some(outputs.forgotten)), key))


def _rmia(outputs, references) -> estimate_lib.Estimate:
  alike = _alike(outputs)
  if not references:
    raise checks.DoesNotApply(NO_REFERENCE)
  logits, labels = outputs.train(outputs.forgotten)
  sure = lambda logits, labels: np.asarray(signals.confidence(logits, labels))
  theirs = np.stack([sure(one.forget_logits, labels) for one in references])
  unseen = sure(*outputs.test())
  unseen_theirs = np.stack(
      [sure(one.test_logits, outputs.test_labels) for one in references])
  score = lambda mine, others: rmia.rmia_scores(mine, others, unseen, unseen_theirs)
  return roc.auc(score(sure(logits, labels), theirs),
                 score(unseen[alike], unseen_theirs[:, alike]))


def _features(outputs, key) -> dict[str, Callable[[], estimate_lib.Estimate]]:
  """Clusters of the test features, and alignment of the training features."""
  rng = np.random.default_rng(batching.seed_of(key))
  chosen = outputs_lib.shuffled(rng, np.ones(len(outputs.test_labels), bool), _MOST)
  clusters = functools.cache(lambda: clusters_lib.cluster_scores(
      outputs.test_features[chosen], outputs.test_labels[chosen], key,
      forget=outputs.like_forgotten[chosen]))
  retain, forget = (
      outputs.train_features[outputs_lib.shuffled(rng, mask, 2 * _MOST)]
      for mask in (~outputs.forgotten, outputs.forgotten))
  return {'nmi': lambda: clusters().nmi, 'feature_f1': lambda: clusters().f1,
          'alignment': lambda: representation.dimensional_alignment(
              retain, forget).energy}
