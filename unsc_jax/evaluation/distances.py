"""How far a network is from retrained ones."""

from collections.abc import Callable, Mapping, Sequence
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import batching
from unsc_jax.evaluation import attacks
from unsc_jax.evaluation import measured
from unsc_jax.evaluation import outputs as outputs_lib
from unsc_jax.evaluation.metrics import accuracy
from unsc_jax.evaluation.metrics import agreement
from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import membership
from unsc_jax.evaluation.metrics import representation

_MOST = 2000  # images
# A mean over more of them takes minutes longer and says the same.
_MOST_REFERENCES = 8
# What is summed up. In the second a membership attack stands for forget accuracy.
_ACCURACIES = ('forget_test', 'retain_test', 'forget_train', 'retain_train')
_GAPS = {
    'tow': (accuracy.tug_of_war, _ACCURACIES),
    'tow_mia': (accuracy.tug_of_war, ('mia_classifier', 'retain_test', 'retain_train')),
    'average_gap': (accuracy.average_gap, (*_ACCURACIES, 'mia_classifier'))}
NAMES = (*_GAPS, 'agreement', 'js_divergence', 'js_forget', 'told_from_retrained',
         'cka')


def measure(outputs: outputs_lib.Outputs, scores: Mapping[str, Any],
            references: Sequence[outputs_lib.Reference], key: jax.Array) -> dict[str, Any]:
  """Gaps and distances; all missing without a retrained network.

  Args:
    outputs: of the network.
    scores: its accuracies and its classifier attack, as each reference has them.
    references: retrained networks, this one not among them. Accuracies are
      compared with the mean of all; distances are the mean of those to each of
      at most eight.
    key: of what is drawn.

  Returns:
    Name to an estimate, or why it cannot be measured. The references share their
    images, so the interval of a mean over them is the mean of the intervals.
  """
  if not references:
    return dict.fromkeys(NAMES, measured.Missing(attacks.NO_REFERENCE))
  rng = np.random.default_rng(batching.seed_of(key))
  chosen = outputs_lib.shuffled(rng, np.ones(len(outputs.test_labels), bool), _MOST)
  mine, labels = outputs.train(outputs.forgotten)
  some = outputs_lib.thin(rng, np.ones(len(labels), bool), _MOST)
  # A mean of five folds, of fewer examples of as many as there are.
  folds = min(5, len(some))
  mean = lambda distance: functools.partial(
      _mean, distance, references[:_MOST_REFERENCES])
  return measured.tried({
      **summaries(scores, [one.scores for one in references]),
      'agreement': mean(lambda one: agreement.prediction_agreement(
          outputs.test_logits, one.test_logits)),
      'js_divergence': mean(lambda one: agreement.js_divergence(
          outputs.test_logits, one.test_logits)),
      'js_forget': mean(lambda one: agreement.js_divergence(mine, one.forget_logits)),
      'told_from_retrained': mean(lambda one: membership.retrained_attack(
          mine[some], one.forget_logits[some], labels[some], key, folds=folds)),
      'cka': mean(lambda one: representation.linear_cka(
          outputs.test_features[chosen], one.test_features[chosen]))})


def summaries(
    mine: Mapping[str, Any], theirs: Sequence[Mapping[str, Any]],
) -> dict[str, Callable[[], estimate_lib.Estimate]]:
  """Tug of war and average gap: what the gaps of several scores come to.

  Args:
    mine: the network's accuracies and attacks, as `measured.tried` has them.
    theirs: those of each retrained network.

  Returns:
    Name to what measures the estimate, over the scores that all of them have.
  """
  def summary(measure, keys):
    there = [key for key in keys if all(
        isinstance(scores.get(key), estimate_lib.Estimate) for scores in (mine, *theirs))]
    if not there:
      raise checks.DoesNotApply('none of the scores that it sums up has a value.')
    return measure(*([scores[key] for key in there] for scores in (mine, *theirs)))
  return {name: functools.partial(summary, measure, keys)
          for name, (measure, keys) in _GAPS.items()}


def _mean(distance: Callable[[outputs_lib.Reference], estimate_lib.Estimate],
          references: Sequence[outputs_lib.Reference]) -> estimate_lib.Estimate:
  """Over the references."""
  each = [distance(one) for one in references]
  return jax.tree.map(lambda *values: jnp.mean(jnp.stack(values)), *each)
