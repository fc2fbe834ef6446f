"""Membership inference from one model's outputs, and "unlearned or retrained?"

Members are forget examples, non-members unseen examples *of the same
distribution* (for class unlearning: of the same classes, otherwise the attack
measures the classes). Good is always the retrained model's figure, which
`estimate.gap` compares with. An AUC far below .5, or every forget example
called a non-member, is over-unlearning: it gives the forget set away as surely
as a high AUC does. `N` examples, `C` classes.
"""

from typing import Any, NamedTuple

import chex
import jax
import numpy as np

from unsc_jax import batching
from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import roc
from unsc_jax.evaluation.metrics import signals

Feature = signals.Signal


class Attack(NamedTuple):
  """What one score tells about membership."""
  auc: estimate_lib.Estimate  # .5 blind; above remembered, below over-unlearned
  balanced_accuracy: estimate_lib.Estimate  # .5 blind; above on either side


class ThresholdAttacks(NamedTuple):
  """One attack for each signal."""
  correctness: Attack
  confidence: Attack
  entropy: Attack
  modified_entropy: Attack


def threshold_attack(members: chex.Array, non_members: chex.Array) -> Attack:
  """The attack that thresholds one score, higher meaning "member".

  The threshold is one for all classes; the AUC needs none.

  Args:
    members: [N+] scores of forget examples.
    non_members: [N-] scores of unseen examples.

  Returns:
    Attack. Good is the retrained model's, about .5 and .5.

  Example:
    >>> attack = threshold_attack(np.arange(20.) - 50, np.arange(20.))
    >>> float(attack.auc.value), float(attack.balanced_accuracy.value)
    (0.0, 1.0)

  Source: Yeom et al., arXiv 1709.01604; exact but for the cross-fitting (see
  `roc.balanced_accuracy`).
  """
  return Attack(roc.auc(members, non_members),
                roc.balanced_accuracy(members, non_members))


def threshold_attacks(member_logits: chex.Array, member_labels: chex.Array,
                      non_member_logits: chex.Array,
                      non_member_labels: chex.Array) -> ThresholdAttacks:
  """Threshold attacks on correctness, confidence and both entropies.

  Args:
    member_logits: [N+, C] on forget examples.
    member_labels: [N+].
    non_member_logits: [N-, C] on unseen examples.
    non_member_labels: [N-].

  Returns:
    ThresholdAttacks; entropies enter with a minus, so that higher is "member".

  Example:
    >>> logits, labels = np.eye(4), np.arange(4)
    >>> result = threshold_attacks(logits, labels, logits, labels)
    >>> float(result.modified_entropy.auc.value)
    0.5

  Source: Song & Mittal, arXiv 2003.10595, with the correct modified entropy
  and one threshold for all classes (theirs are fitted to each class).
  """
  members = scores(member_logits, member_labels)
  non_members = scores(non_member_logits, non_member_labels)
  return ThresholdAttacks(**{
      name: threshold_attack(members[name], non_members[name]) for name in members})


def scores(logits: chex.Array, labels: chex.Array) -> dict[str, jax.Array]:
  """What each of `ThresholdAttacks` compares, `[N]` by name; higher is "member"."""
  return {'correctness': signals.correctness(logits, labels),
          'confidence': signals.confidence(logits, labels),
          'entropy': -signals.entropy(logits, labels),
          'modified_entropy': -signals.modified_entropy(logits, labels)}


def _shuffled(key: jax.Array, n: int) -> np.ndarray:
  # On the host: XLA would compile a program for every n.
  return np.random.default_rng(batching.seed_of(key)).permutation(n)


def _columns(feature: Feature, logits, labels) -> np.ndarray:
  x = np.asarray(feature(logits, labels), dtype=np.float64)
  return x.reshape(len(x), -1)


def classifier_attack(retain_logits: chex.Array, retain_labels: chex.Array,
                      test_logits: chex.Array, test_labels: chex.Array,
                      forget_logits: chex.Array, forget_labels: chex.Array,
                      key: jax.Array, *,
                      feature: Feature = signals.confidence,
                      classifier: Any = None) -> estimate_lib.Estimate:
  """The share of forget examples that a classifier calls non-members.

  A classifier learns "trained on" from retain (1) and test (0) examples and is
  asked about the forget examples. Good is the retrained model's share, which
  is *not* 1: unseen examples of a well-learnt kind look like members. A share
  above it is over-unlearning. For class unlearning the classifier has never
  seen the class among the members, and the figure says little.

  Args:
    retain_logits: [N_r, C] on training examples that are kept.
    retain_labels: [N_r].
    test_logits: [N_t, C] on unseen examples.
    test_labels: [N_t].
    forget_logits: [N_f, C] on the forget set.
    forget_labels: [N_f].
    key: draws as many retain as test examples (or the reverse), at random; the
      published code takes the first ones.
    feature: what the classifier sees; any of `signals`. SalUn's rows are
      correctness, confidence, entropy, modified_entropy and probabilities.
    classifier: a scikit-learn estimator; SVC(C=3, gamma='auto', kernel='rbf')
      as in SalUn by default. LogisticRegression() on `signals.entropy` is the
      attack of Bad Teacher and SSD, which report one minus this share.

  Returns:
    Estimate of scalars, Wilson interval over the forget examples.

  Raises:
    ImportError: without scikit-learn.

  Example:
    >>> sure, unsure = np.eye(2).repeat(9, 0) * 9, np.eye(2).repeat(9, 0)
    >>> y = np.arange(2).repeat(9)
    >>> key = jax.random.key(0)
    >>> float(classifier_attack(sure, y, unsure, y, unsure, y, key).value)
    1.0

  Source: SalUn's SVC_MIA protocol (arXiv 2310.12508), with correct features.
  """
  svm = checks.optional_import('sklearn.svm')
  base = checks.optional_import('sklearn.base')
  retain = _columns(feature, retain_logits, retain_labels)
  test = _columns(feature, test_logits, test_labels)
  forget = _columns(feature, forget_logits, forget_labels)
  n = min(len(retain), len(test))
  drawn = [x if len(x) == n else x[_shuffled(one_key, len(x))[:n]]
           for one_key, x in zip(jax.random.split(key), (retain, test))]
  model = (svm.SVC(C=3, gamma='auto', kernel='rbf') if classifier is None
           else base.clone(classifier))
  called = model.fit(np.concatenate(drawn), np.repeat([1, 0], n)).predict(forget)
  return estimate_lib.wilson(int(np.sum(called == 0)), len(forget))


def retrained_attack(logits: chex.Array, retrained: chex.Array,
                     labels: chex.Array, key: jax.Array, *,
                     feature: Feature = signals.loss,
                     folds: int = 5) -> estimate_lib.Estimate:
  """"Unlearned or retrained?": accuracy of a logistic regression, ideally .5.

  Both models' outputs on the same forget examples are told apart by a logistic
  regression, cross-validated. An example's two rows always stay in one fold:
  identical models then score .5. Residual knowledge and
  over-unlearning both raise it. One retrained model against another shows
  how much a seed alone gives away, which may be above .5.

  Args:
    logits: [N, C] of the unlearned model.
    retrained: [N, C] of the retrained model, on the same examples.
    labels: [N].
    key: shuffles the examples into folds.
    feature: what the regression sees; any of `signals`.
    folds: number of folds.

  Returns:
    Estimate of scalars. The normal interval over the N examples takes folds
    for independent; for equal distributions it covers .5 in about 90 % of
    cases, not 95.

  Raises:
    ImportError: without scikit-learn.

  Example:
    >>> logits, labels = np.eye(4).repeat(5, 0), np.arange(4).repeat(5)
    >>> key = jax.random.key(0)
    >>> float(retrained_attack(logits, logits, labels, key).value)
    0.5

  Source: reconstruction of the UNSC notebooks' loss attack, whose function is
  not in their repository (logistic regression on losses, 20 % held out).
  """
  linear = checks.optional_import('sklearn.linear_model')
  ours = _columns(feature, logits, labels)
  if len(ours) < 2:
    raise checks.DoesNotApply(
        'of a single example no part can be held out, by which networks are told apart.')
  theirs = _columns(feature, retrained, labels)
  if not 2 <= checks.count(folds, 'folds') <= len(ours):
    raise ValueError(f'folds is {folds}, but should lie between 2 and the '
                     f'number of examples, {len(ours)}.')
  order = _shuffled(key, len(ours))
  right = np.zeros(len(ours))
  for held in np.array_split(order, folds):
    rest = np.setdiff1d(order, held)
    model = linear.LogisticRegression(max_iter=1000)
    model.fit(np.concatenate([ours[rest], theirs[rest]]),
              np.repeat([1, 0], len(rest)))
    right[held] = ((model.predict(ours[held]) == 1)
                   + 0. + (model.predict(theirs[held]) == 0)) / 2
  return estimate_lib.normal(right, within=(0, 1))
