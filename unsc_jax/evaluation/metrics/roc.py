"""How well a score separates two samples: ROC, AUC, TPR at a low FPR.

Scores are [N+] for positives (members) and [N-] for negatives (non-members);
higher means "positive". An AUC of .5 is no separation. **An AUC far below .5
is separation too**, with the sign turned: lower is not better.
"""

import functools
import math
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import precision


class Curve(NamedTuple):
  """Points of a ROC curve, from (0, 0) to (1, 1)."""
  fpr: jax.Array  # [N+ + N- + 1]
  tpr: jax.Array  # [N+ + N- + 1]


def _twice_below(x: jax.Array, sample: jax.Array) -> jax.Array:
  """Twice how many of `sample` are below each x, ties counting a half."""
  sample = jnp.sort(sample)
  left = jnp.searchsorted(sample, x, side='left')
  right = jnp.searchsorted(sample, x, side='right')
  return left + right


@precision.precise
def roc_curve(positive: chex.Array, negative: chex.Array) -> Curve:
  """The ROC curve at every threshold that occurs.

  Args:
    positive: [N+] scores.
    negative: [N-] scores.

  Returns:
    Curve; tied scores repeat a point.

  Example:
    >>> roc_curve([2., 3.], [1., 2.]).tpr.tolist()
    [0.0, 0.5, 1.0, 1.0, 1.0]

  Source: definition; exact.
  """
  positive = checks.scores(positive, 'positive')
  negative = checks.scores(negative, 'negative')
  thresholds = jnp.sort(jnp.concatenate([positive, negative]))[::-1]
  rate = lambda s: 1 - jnp.searchsorted(jnp.sort(s), thresholds) / s.size
  start = jnp.zeros(1)
  return Curve(jnp.concatenate([start, rate(negative)]),
               jnp.concatenate([start, rate(positive)]))


@checks.jitted('level', positive=checks.scores, negative=checks.scores)
def auc(positive: jax.Array, negative: jax.Array,
        level: float = 0.95) -> estimate_lib.Estimate:
  """Area under the ROC curve with DeLong's interval.

  AUC = P(s+ > s-) + P(s+ = s-)/2; its variance is
  var_i(F-(s+_i))/N+ + var_j(F+(s-_j))/N-. Where that is zero (perfect
  separation, or one single score) Wilson's interval of min(N+, N-) trials
  stands in, which is wide enough.

  Good is the AUC of retrained models, near .5 when members and non-members
  come from one distribution. Far above: still remembered. Far below: over-
  unlearned, forget examples stand out as *worse* than unseen ones.

  Args:
    positive: [N+] scores.
    negative: [N-] scores.
    level: confidence level.

  Returns:
    Estimate of scalars.

  Example:
    >>> round(float(auc([2., 3., 4.], [1., 2., 3.]).value), 3)
    0.778

  Source: DeLong, DeLong & Clarke-Pearson, Biometrics 44, 1988; exact.
  """
  twice_wins = _twice_below(positive, negative)  # [N+]
  twice_losses = _twice_below(negative, positive)  # [N-]
  wins = twice_wins.astype(float) / (2 * negative.size)
  losses = twice_losses.astype(float) / (2 * positive.size)
  value = jnp.clip(jnp.mean(wins), 0, 1)
  n = min(positive.size, negative.size)
  if n < 2:
    return estimate_lib.without_interval(value)
  spread = jnp.sqrt(jnp.var(wins, ddof=1) / wins.size
                    + jnp.var(losses, ddof=1) / losses.size)
  delong = estimate_lib.around(
      value, spread * estimate_lib.normal_quantile(level), within=(0, 1))
  fallback = estimate_lib.wilson(value * n, n, level)._replace(value=value)
  flat = (jnp.ptp(twice_wins) == 0) & (jnp.ptp(twice_losses) == 0)
  return jax.tree.map(functools.partial(jnp.where, flat), fallback, delong)


@precision.precise
def threshold_at_fpr(negative: chex.Array, fpr: float) -> jax.Array:
  """The score to exceed so that at most `fpr` of the negatives exceed it.

  Args:
    negative: [N-] scores.
    fpr: false positive rate in 0..1; below 1/N- no negative may exceed it.

  Returns:
    Scalar; -inf for fpr 1.

  Example:
    >>> float(threshold_at_fpr([1., 2., 3., 4.], 0.25))
    3.0

  Source: definition; exact.
  """
  negative = checks.scores(negative, 'negative')
  if not 0 <= fpr <= 1:
    raise ValueError(f'fpr is {fpr}, but a rate lies between 0 and 1.')
  # .29 * 100 is 28.999999999999996: forgive the rounding of the product.
  allowed = math.floor(fpr * negative.size + 1e-9)
  if allowed == negative.size:
    return jnp.asarray(-jnp.inf)
  return jnp.sort(negative)[negative.size - 1 - allowed]


@precision.precise
def tpr_at_fpr(positive: chex.Array, negative: chex.Array,
               fpr: float) -> estimate_lib.Estimate:
  """The best true positive rate with a false positive rate of at most `fpr`.

  What a cautious attacker learns; averages such as the AUC hide it. Good is
  the `fpr` itself. The interval is Wilson's over the positives and takes the
  threshold as given, so have many more than 1/fpr negatives.

  Args:
    positive: [N+] scores.
    negative: [N-] scores.
    fpr: allowed false positive rate, such as .01 or .001.

  Returns:
    Estimate of scalars.

  Example:
    >>> float(tpr_at_fpr([2., 5., 6., 7.], [1., 2., 3., 4.], 0.01).value)
    0.75

  Source: Carlini et al., arXiv 2112.03570; exact, without interpolation.
  """
  positive = checks.scores(positive, 'positive')
  above = positive > threshold_at_fpr(negative, fpr)
  return estimate_lib.wilson(jnp.sum(above), above.size)


@checks.jitted(positive=checks.scores, negative=checks.scores)
def balanced_accuracy(positive: jax.Array,
                      negative: jax.Array) -> estimate_lib.Estimate:
  """Accuracy of the best threshold, each class weighing a half.

  The threshold **and its direction** are chosen on every second example and
  judged on the others, then the roles change: .5 is what a blind attack gets,
  instead of a little more, and an over-unlearned model that gives the forget
  set away by low scores gets well above .5.

  Args:
    positive: [N+] scores, N+ >= 2.
    negative: [N-] scores, N- >= 2.

  Returns:
    Estimate of scalars. The interval takes the two halves for independent;
    for a blind attack it covers .5 in about 90 % of cases, not 95.

  Example:
    >>> s = jnp.arange(10.)
    >>> round(float(balanced_accuracy(s, s + 100).value), 2)
    1.0

  Source: definition, with two-fold cross-fitting.
  """
  if min(positive.size, negative.size) < 2:
    raise checks.DoesNotApply(
        'balanced_accuracy needs two positives and two negatives at least: one half '
        'chooses the threshold, the other judges it.')
  even, odd = [(positive[i::2], negative[i::2]) for i in range(2)]
  right = _right_calls(*even, *odd) + _right_calls(*odd, *even)
  return estimate_lib.mean_of_proportions(
      right, jnp.array([positive.size, negative.size]))


def _right_calls(fit_positive, fit_negative, positive, negative):
  """How many positives and negatives the first two arrays' threshold gets."""
  scores = jnp.sort(jnp.concatenate([fit_positive, fit_negative]))
  below = lambda s: jnp.searchsorted(jnp.sort(s), scores) / s.size
  excess = below(fit_negative) - below(fit_positive)  # tpr - fpr
  best = jnp.argmax(jnp.abs(excess))
  # Halfway to the score below, so that neither kind is favoured.
  middle = (scores[best] + scores[jnp.maximum(best - 1, 0)]) / 2
  cut = jnp.where(jnp.isfinite(middle), middle, scores[best])
  called = lambda s: (s >= cut) == (excess[best] >= 0)
  return jnp.stack([jnp.sum(called(positive)), jnp.sum(~called(negative))])
