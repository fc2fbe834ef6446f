"""How far a network is from retrained ones."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import batching
from unsc_jax.evaluation import outputs as outputs_lib
from unsc_jax.evaluation.metrics import accuracy
from unsc_jax.evaluation.metrics import agreement
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


def measure(outputs: outputs_lib.Outputs, scores: Mapping[str, estimate_lib.Estimate | None],
            references: Sequence[outputs_lib.Reference], key: jax.Array) -> dict[str, Any]:
  """Gaps and distances; all None without a retrained network.

  Args:
    outputs: of the network.
    scores: its accuracies and its classifier attack, as each reference has them.
    references: retrained networks, this one not among them. Accuracies are
      compared with the mean of all; distances are the mean of those to each of
      at most eight.
    key: of what is drawn.

  Returns:
    Name to an estimate, or None where it cannot be measured. The references share
    their images, so the interval of a mean over them is the mean of the intervals.
  """
  if not references:
    return dict.fromkeys(NAMES)
  rng = np.random.default_rng(batching.seed_of(key))
  chosen = outputs_lib.shuffled(rng, np.ones(len(outputs.test_labels), bool), _MOST)
  mine, labels = outputs.train(outputs.forgotten)
  some = outputs_lib.thin(rng, np.ones(len(labels), bool), _MOST)
  mean = lambda distance: _mean(distance, references[:_MOST_REFERENCES])
  return {
      **summaries(scores, [one.scores for one in references]),
      'agreement': mean(lambda one: agreement.prediction_agreement(
          outputs.test_logits, one.test_logits)),
      'js_divergence': mean(lambda one: agreement.js_divergence(
          outputs.test_logits, one.test_logits)),
      'js_forget': mean(lambda one: agreement.js_divergence(mine, one.forget_logits)),
      'told_from_retrained': mean(lambda one: membership.retrained_attack(
          mine[some], one.forget_logits[some], labels[some], key)),
      'cka': mean(lambda one: outputs_lib.unless_collapsed(
          representation.linear_cka, outputs.test_features[chosen],
          one.test_features[chosen]))}


def summaries(
    mine: Mapping[str, estimate_lib.Estimate | None],
    theirs: Sequence[Mapping[str, Any]],
) -> dict[str, estimate_lib.Estimate]:
  """Tug of war and average gap: what the gaps of several scores come to.

  Args:
    mine: the network's accuracies and attacks; None where there are none.
    theirs: those of each retrained network, which has the same.

  Returns:
    Name to the estimate.
  """
  def summary(measure, keys):
    there = [key for key in keys if mine.get(key) is not None]
    return measure(*([scores[key] for key in there] for scores in (mine, *theirs)))
  return {name: summary(measure, keys) for name, (measure, keys) in _GAPS.items()}


def _mean(distance: Callable[[outputs_lib.Reference], estimate_lib.Estimate | None],
          references: Sequence[outputs_lib.Reference]) -> estimate_lib.Estimate | None:
  """Over the references; None where a distance is not defined."""
  each = [distance(one) for one in references]
  if None in each:
    return None
  return jax.tree.map(lambda *values: jnp.mean(jnp.stack(values)), *each)
