"""Accuracy from logits, and how it differs from a retrained model's.

For whole classes forget accuracy alone shows nothing: masking the forgotten
classes' logits already gives 0. `N` examples, `C` classes.
"""

from collections.abc import Collection, Sequence
import functools

import chex
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import precision
from unsc_jax.evaluation.metrics import signals

Scores = Sequence[estimate_lib.Estimate | chex.Numeric]


def overall_accuracy(logits: chex.Array,
                     labels: chex.Array) -> estimate_lib.Estimate:
  """The share of examples whose largest logit is at their label.

  Good is the retrained model's accuracy. On the forget set, above it means
  remembered, below it over-unlearned (a retrained model still classifies most
  single examples that it never saw).

  Args:
    logits: [N, C].
    labels: [N].

  Returns:
    Estimate of scalars, Wilson interval.

  Example:
    >>> logits = jnp.array([[2., 1.], [0., 3.], [1., 0.]])
    >>> round(float(overall_accuracy(logits, jnp.array([0, 1, 1])).value), 3)
    0.667

  Source: definition; exact.
  """
  right = signals.correctness(logits, labels)
  return estimate_lib.wilson(jnp.sum(right), right.size)


def _per_class(logits: chex.Array, labels: chex.Array):
  """Right answers and examples of each class, both [C]."""
  right = signals.correctness(logits, labels)
  return _counted(right, jnp.asarray(labels), np.shape(logits)[1])


@functools.partial(jax.jit, static_argnums=2)
def _counted(right: jax.Array, labels: jax.Array, classes: int):
  count = lambda x: jax.ops.segment_sum(x, labels, classes)
  return count(right), count(jnp.ones_like(right))


def per_class_accuracy(logits: chex.Array,
                       labels: chex.Array) -> estimate_lib.Estimate:
  """The accuracy of each class; NaN for a class without examples.

  Look here for retained classes that resemble the forgotten one: damage to
  them is over-unlearning which the overall figure hides.

  Args:
    logits: [N, C].
    labels: [N].

  Returns:
    Estimate of arrays [C], Wilson intervals.

  Example:
    >>> logits = jnp.array([[2., 1.], [0., 3.], [1., 0.]])
    >>> per_class_accuracy(logits, jnp.array([0, 1, 1])).value.tolist()
    [1.0, 0.5]

  Source: definition; exact.
  """
  return estimate_lib.wilson(*_per_class(logits, labels))


def macro_accuracy(logits: chex.Array, labels: chex.Array,
                   classes: Collection[int] | None = None
                   ) -> estimate_lib.Estimate:
  """The mean of the per-class accuracies over a set of classes.

  With the retained classes this is Acc_r, with the forgotten ones Acc_f of the
  UNSC paper.

  Args:
    logits: [N, C].
    labels: [N].
    classes: the classes to average over, as a list or a set; all C by default.

  Returns:
    Estimate of scalars; the interval combines the classes' Wilson intervals.

  Raises:
    ValueError: a class has no examples, is named twice, or is none of the C.

  Example:
    >>> logits = jnp.array([[2., 1.], [0., 3.], [1., 0.]])
    >>> float(macro_accuracy(logits, jnp.array([0, 1, 1])).value)
    0.75

  Source: UNSC's published evaluation; exact.
  """
  right, count = _per_class(logits, labels)
  chosen = checks.classes(range(right.size) if classes is None else classes, right.size)
  # On the host, where a choice of classes is no new program.
  traced = any(isinstance(x, jax.core.Tracer) for x in (chosen, right))
  right, count = (x if traced else np.asarray(x) for x in (right, count))
  right, count = (jnp.asarray(x[chosen]) for x in (right, count))
  if not checks.holds(lambda n: (n > 0).all(), count):
    empty = chosen[np.asarray(count) == 0].tolist()
    raise ValueError(f'Class(es) {empty} have no examples here: leave them out '
                     'of `classes`.')
  return estimate_lib.mean_of_proportions(right, count)


@precision.unknown_is_nan
def tug_of_war(method: Scores, *retrained: Scores) -> estimate_lib.Estimate:
  """ToW = Π_s (1 - |acc_s - acc_s^retrained|): 1 is no gap on any set.

  A gap on either side lowers it, so over-unlearning does not pay.

  Args:
    method: [S] accuracies in 0..1, usually of forget, retain and test set.
    *retrained: [S] those of each retrained model, one at least; gaps are to their mean.

  Returns:
    Estimate of scalars in 0..1. The interval is what those of the accuracies
    allow, all at once; NaN if these are bare numbers.

  Example:
    >>> round(float(tug_of_war([.1, .9, .9], [.0, 1., .9]).value), 3)
    0.81

  Source: Zhao et al., arXiv 2406.01257 and its code; exact.
  """
  size = _gaps(method, retrained)
  return estimate_lib.Estimate(
      *(jnp.prod(1 - gaps) for gaps in (size.value, size.high, size.low)))


@precision.unknown_is_nan
def average_gap(method: Scores, *retrained: Scores) -> estimate_lib.Estimate:
  """Mean over sets or metrics of |method - retrained|: 0 is no gap.

  Args:
    method: [S] fractions in 0..1 (accuracies, attack scores).
    *retrained: [S] those of each retrained model; gaps are to their mean.

  Returns:
    Estimate of scalars in 0..1, as of `tug_of_war`.

  Example:
    >>> round(float(average_gap([.1, .9, .9], [.0, 1., .9]).value), 3)
    0.067

  Source: Jia et al., arXiv 2304.04934, and SalUn; exact.
  """
  return jax.tree.map(jnp.mean, _gaps(method, retrained))


def _gaps(method: Scores, retrained: Sequence[Scores]) -> estimate_lib.Estimate:
  """Sizes [S] of the gaps to the mean of the retrained models."""
  if not retrained:
    raise ValueError('The scores of at least one retrained model are needed: a gap is one '
                     'to their mean.')
  mine, *theirs = (_stacked(method, 'method'),
                   *(_stacked(one, 'retrained') for one in retrained))
  for one in theirs:
    checks.same_shape(mine.value, one.value, 'method and retrained')
  return _sizes(mine, theirs)


@jax.jit
def _sizes(mine: estimate_lib.Estimate, theirs: Sequence[estimate_lib.Estimate]
           ) -> estimate_lib.Estimate:
  all_of = lambda some: jax.tree.map(lambda *x: jnp.stack(x), *some)
  difference, _ = estimate_lib.difference_to_mean(mine, all_of(theirs))
  # The sampling error of both sides, even where seeds say more.
  _, band = estimate_lib.difference_to_mean(mine, all_of(theirs[:1]))
  return estimate_lib.around(jnp.abs(difference), band, within=(0, 1))


def _stacked(scores: Scores, name: str) -> estimate_lib.Estimate:
  """Estimates of arrays [S]."""
  checks.several(scores, name, 'one score for each set or metric')
  each = [estimate_lib.as_estimate(score) for score in scores]
  for one in each:
    checks.same_shape(each[0].value, one.value, f'The scores of {name}')
  checks.unit_interval(jnp.array([one.value for one in each]), name)
  return jax.tree.map(lambda *x: jnp.stack(x), *each)
