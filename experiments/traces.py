"""What forgetting leaves behind: attacks on membership, and the features."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from experiments import views
from unsc_jax import batching
from unsc_jax import evaluation
from unsc_jax.evaluation import signals

_MOST = 2000  # examples of a kind: enough for two digits, quick for an SVM


def measure(view: views.View, references: Sequence[views.View],
            key: jax.Array) -> dict[str, Any]:
  """Attacks and features of one network.

  Members are the forgotten training images, non-members test images of the
  same classes, or of all where single images are forgotten; attacks give the
  AUC, .5 for chance, the classifier the share of forgotten images that it calls
  members.

  Args:
    view: of the network.
    references: of retrained networks, this one not among them.
    key: of what is drawn.

  Returns:
    Name to an estimate, a number, or None where it cannot be measured.
  """
  rng = np.random.default_rng(batching.seed_of(key))
  return {**thresholds(view), 'mia_classifier': _classifier(view, rng, key),
          'rmia_auc': _rmia(view, references), **_features(view, rng, key)}


def thresholds(view: views.View) -> dict[str, Any]:
  """The attacks that compare one number of every image with a threshold."""
  train, test = view.forgotten, view.alike
  names = evaluation.ThresholdAttacks._fields
  if not test.any():
    return {f'mia_{name}': None for name in names}
  found = evaluation.threshold_attacks(
      view.train[train], view.train_labels[train],
      view.test[test], view.test_labels[test])
  return {f'mia_{name}': getattr(found, name).auc for name in names}


def _classifier(view, rng, key) -> evaluation.Estimate:
  pick = lambda values, labels, mask: (
      values[at := views.thin(rng, mask, _MOST)], labels[at])
  said = evaluation.classifier_attack(
      *pick(view.train, view.train_labels, ~view.forgotten),
      *pick(view.test, view.test_labels, np.ones(len(view.test), bool)),
      *pick(view.train, view.train_labels, view.forgotten), key)
  return evaluation.Estimate(1 - said.value, 1 - said.high, 1 - said.low)


def _rmia(view, references) -> evaluation.Estimate | None:
  train, test = view.forgotten, view.alike
  if not references or not test.any():
    return None
  sure = lambda v, mask, split: np.asarray(signals.confidence(
      getattr(v, split)[mask], getattr(v, f'{split}_labels')[mask]))
  everyone = np.ones(len(view.test), bool)
  stack = lambda mask, split: np.stack([sure(r, mask, split) for r in references])
  score = lambda mask, split: evaluation.rmia_scores(
      sure(view, mask, split), stack(mask, split),
      sure(view, everyone, 'test'), stack(everyone, 'test'))
  return evaluation.auc(score(train, 'train'), score(test, 'test'))


def _features(view, rng, key) -> dict[str, Any]:
  """Clusters of the test features, and alignment of the training features."""
  train, test = view.forgotten, view.alike
  chosen = rng.permutation(views.thin(rng, np.ones(len(view.test), bool), _MOST))
  labels = view.test_labels[chosen]
  found = evaluation.k_means(
      view.test_features[chosen], len(np.unique(labels)), key)
  clusters = [evaluation.jackknife(
      lambda sample, i=i: evaluation.assignment_scores(*sample)[i],
      (found, labels, test[chosen]), within=(0, 1)) for i in range(2)]
  of = lambda mask: view.train_features[
      rng.permutation(views.thin(rng, mask, 2 * _MOST))]
  energy = lambda *both: evaluation.dimensional_alignment(*both).energy
  try:
    alignment = evaluation.jackknife(
        energy, of(~train), of(train), within=(0, 1))
  except ValueError:  # collapsed features: not defined
    alignment = None
  return {'nmi': clusters[0], 'feature_f1': clusters[1], 'alignment': alignment}
