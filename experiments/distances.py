"""How far a network is from retrained ones."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments import views
from unsc_jax import batching
from unsc_jax import evaluation

_NAMES = ('tow', 'average_gap', 'agreement', 'js_divergence',
          'told_from_retrained', 'cka')
_MOST = 2000
# Of the training images only those that were to be forgotten tell more than the
# test images do.
_ACCURACIES = ('forget_test', 'retain_test', 'forget_train', 'retain_train')


def measure(view: views.View, references: Sequence[views.View],
            key: jax.Array) -> dict[str, Any]:
  """Gaps and distances; all None without a retrained network.

  Args:
    view: of the network.
    references: of retrained networks, this one not among them. Accuracies are
      compared with the mean of all, answers and features with the first.
    key: of what is drawn.

  Returns:
    Name to an estimate, a number, or None where it cannot be measured.
  """
  if not references:
    return dict.fromkeys(_NAMES)
  other, rng = references[0], np.random.default_rng(batching.seed_of(key))
  chosen = views.thin(rng, np.ones(len(view.test), bool), _MOST)
  forgotten = views.thin(rng, view.forgotten, _MOST)
  try:
    order = rng.permutation(chosen)
    cka = evaluation.jackknife(
        lambda pair: evaluation.linear_cka(*pair),
        (view.test_features[order], other.test_features[order]), within=(0, 1))
  except ValueError:  # collapsed features: not defined
    cka = None
  return {
      **_summaries(view, references),
      'agreement': evaluation.prediction_agreement(view.test, other.test),
      'js_divergence': evaluation.js_divergence(view.test, other.test),
      'told_from_retrained': evaluation.retrained_attack(
          view.train[forgotten], other.train[forgotten],
          view.train_labels[forgotten], key),
      'cka': cka}


def _summaries(view, references) -> dict[str, Any]:
  """Tug of war and average gap, with what the accuracies' intervals allow."""
  mine, theirs = views.accuracies(view), [*map(views.accuracies, references)]
  names = [name for name in _ACCURACIES if mine[name] is not None]
  against = lambda some: [evaluation.gap(mine[name], [one[name] for one in some])
                          for name in names]
  size = jnp.array([jnp.abs(gap.value) for gap in against(theirs)])
  # The sampling error of both sides, even where seeds say more.
  band = jnp.array([gap.band for gap in against(theirs[:1])])
  low, high = jnp.maximum(size - band, 0), jnp.minimum(size + band, 1)
  return {
      'tow': evaluation.Estimate(*(jnp.prod(1 - g) for g in (size, high, low))),
      'average_gap': evaluation.Estimate(*map(jnp.mean, (size, low, high)))}
