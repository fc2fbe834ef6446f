"""The forgetting score of the NeurIPS 2023 unlearning competition.

Each forget example is attacked on its own: how well do thresholds tell `M`
unlearned from `M` retrained models by its confidence? The best of them gives
an ε in the sense of differential privacy, and small ε score high. `N` forget
examples; entries are logit-scaled confidences (`signals.margin`).
"""

import functools
import math

import chex
import jax
import jax.numpy as jnp

from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import precision
from unsc_jax.evaluation.metrics import resampling

EPSILON_CAP = 50.
_DELTA = 1e-5
_BUFFER = 2.  # how far the two-sided rule's ends may stray
_PEAKY = 0.01  # ratio of ranges below which an example counts as caught
_BUCKET = 0.5


def _epsilon(false_positive: jax.Array, false_negative: jax.Array,
             models: int) -> jax.Array:
  """ε of each decision rule from its error counts; NaN where discarded."""
  fpr, fnr = false_positive / models, false_negative / models
  def bound(a, b):
    rest = 1 - _DELTA - a
    valid = (rest > 0) & (b > 0)
    return jnp.where(valid, jnp.log(jnp.where(valid, rest, 1))
                     - jnp.log(jnp.where(valid, b, 1)), -jnp.inf)
  epsilon = jnp.maximum(jnp.maximum(bound(fpr, fnr), bound(fnr, fpr)), 0)
  # One error count of zero alone tells of too few models, not of privacy.
  one_is_zero = (false_positive == 0) != (false_negative == 0)
  both_are_zero = (false_positive == 0) & (false_negative == 0)
  return jnp.where(both_are_zero, EPSILON_CAP,
                   jnp.where(one_is_zero, jnp.nan, epsilon))


def _example_epsilon(unlearned: jax.Array, retrained: jax.Array) -> jax.Array:
  """ε of one example, from confidences [M] and [M]."""
  m = unlearned.size
  cuts = jnp.sort(jnp.concatenate([unlearned, retrained]))  # [2M]

  # One threshold: "from the kind with the larger median" at c >= cut.
  swap = jnp.median(retrained) > jnp.median(unlearned)
  high = jnp.where(swap, retrained, unlearned)
  low = jnp.where(swap, unlearned, retrained)
  below = lambda x, side: jnp.searchsorted(jnp.sort(x), cuts, side=side)
  single = _epsilon(m - below(low, 'left'), below(high, 'left'), m)

  # Two thresholds: "from the peakier kind" at left <= c <= right. With sorted
  # cuts s, the rule that begins at s_i and ends at s_j is the same for all
  # left in (s_{i-1}, s_i] and right in [s_j, s_{j+1}); it belongs to the
  # competition's family if some of them obey its two limits.
  ranges = jnp.ptp(unlearned), jnp.ptp(retrained)
  flip = jnp.where(ranges[0] == ranges[1], ~swap, ranges[1] < ranges[0])
  peaky = jnp.where(flip, retrained, unlearned)
  wide = jnp.where(flip, unlearned, retrained)
  width = jnp.minimum(*ranges)
  inside = lambda x: below(x, 'right')[None, :] - below(x, 'left')[:, None]
  infinity = jnp.full(1, jnp.inf)
  before = jnp.concatenate([-infinity, cuts[:-1]])
  after = jnp.concatenate([cuts[1:], infinity])
  right_low = jnp.maximum(cuts, peaky.max() - _BUFFER)
  right_high = jnp.minimum(after, peaky.max() + _BUFFER)
  allowed = (((right_low < after) & (right_low <= right_high))[None, :]
             & (right_low[None, :] - cuts[:, None] <= width + _BUFFER)
             & (right_high[None, :] - before[:, None] > width - _BUFFER)
             & (cuts[:, None] <= cuts[None, :]))
  double = _epsilon(inside(wide), m - inside(peaky), m)
  double = jnp.where(allowed, double, jnp.nan)

  best = jnp.fmax(*(jnp.nanmax(rules, initial=-1) for rules in (single, double)))
  # No rule survives only if the kinds touch in their extremes and are apart
  # everywhere else.
  best = jnp.where(best < 0, EPSILON_CAP, jnp.minimum(best, EPSILON_CAP))
  widest = jnp.maximum(*ranges)
  best = jnp.where((widest > 0) & (width < _PEAKY * widest), EPSILON_CAP, best)
  return jnp.where(cuts[0] == cuts[-1], 0., best)


_two_or_more = functools.partial(checks.models, least=2)


@checks.jitted(unlearned=_two_or_more, retrained=_two_or_more)
def attack_epsilons(unlearned: jax.Array, retrained: jax.Array) -> jax.Array:
  """ε of each forget example: 0 indistinguishable, 50 told apart for certain.

  ε = max over rules of log((1 - δ - FPR)/FNR) and log((1 - δ - FNR)/FPR), with
  δ = 1e-5. Rules with just one error rate of zero are left out, a rule without
  errors gives 50, and so does a kind whose range is below 1 % of the other's.
  Two models' worth of confidences that are equal in every entry give 0.

  Over-unlearning is seen as clearly as residual knowledge. Even a perfect
  method has ε above 0: M draws of one distribution differ.

  Args:
    unlearned: [M, N] confidences of models after unlearning; the competition
      has M = 512.
    retrained: [M, N] those of models retrained from scratch.

  Returns:
    [N] in 0..50. Memory is O(M²) for each of up to 4 examples at a time.

  Example:
    >>> apart = jnp.linspace(0, 1, 8)[:, None]
    >>> attack_epsilons(apart, apart + 9).tolist()
    [50.0]

  Source: Triantafillou et al., arXiv 2406.09073, and the code of
  google-deepmind/unlearning_evaluation, whose grid of 100 thresholds a unit is
  replaced by all rules of the same two families. It is the limit of an ever
  finer grid: ε is at least the published one.
  """
  checks.same_shape(unlearned, retrained, 'unlearned and retrained')
  return jax.lax.map(lambda pair: _example_epsilon(*pair),
                     (unlearned.T, retrained.T), batch_size=4)


@precision.precise
def forgetting_quality(epsilons: chex.Array, models: int) -> estimate_lib.Estimate:
  """Mean score of the forget examples: 1 for ε < ½, ½ for ε < 1, ¼ …

  F = mean_x 2^(-⌊2 ε_x⌋), and 0 from ⌈log(models - 1)⌉ on, beyond which so few
  models show nothing.

  Args:
    epsilons: [N] from `attack_epsilons`.
    models: M, the number of models of each kind.

  Returns:
    Estimate of scalars in 0..1, jackknife interval over the examples. Good is the
    quality of retrained models against others of their kind, which is far below 1:
    .19 for 2 × 512 draws of one normal distribution, since the best of many rules
    is taken.

  Example:
    >>> float(forgetting_quality([.2, .7, 50.], 512).value)
    0.5

  Source: arXiv 2406.09073 and its code; exact.
  """
  epsilons = checks.values(epsilons, 'epsilons')
  if checks.count(models, 'models') < 3:
    raise ValueError(f'models is {models}, but below 3 models of each kind '
                     'every score would be 0.')
  last = math.ceil(math.log(models - 1))
  score = jnp.exp2(-jnp.floor(epsilons / _BUCKET))
  return resampling.share(jnp.mean, jnp.where(epsilons < last, score, 0))


@precision.unknown_is_nan
def competition_score(quality: estimate_lib.Estimate | chex.Numeric,
                      retain: tuple[float, float], test: tuple[float, float]
                      ) -> estimate_lib.Estimate:
  """F × RA_unlearned/RA_retrained × TA_unlearned/TA_retrained.

  A product, so neither forgetting nor use can be bought with the other. (The
  ratios are not capped: a model better than retrained gets a little more.)

  Args:
    quality: F from `forgetting_quality`.
    retain: retain accuracy of the unlearned and of the retrained models.
    test: test accuracy, likewise.

  Returns:
    Estimate of scalars; the interval is the quality's, the accuracies as given.

  Example:
    >>> round(float(competition_score(.5, (.9, 1.), (.8, .8)).value), 3)
    0.45

  Source: arXiv 2406.09073; exact.
  """
  quality = estimate_lib.as_estimate(quality)
  checks.unit_interval(quality.value, 'quality')
  factor = 1.
  for name, accuracies in (('retain', retain), ('test', test)):
    accuracies = checks.unit_interval(accuracies, name)
    if accuracies.shape != (2,):
      raise ValueError(f'{name} should be two accuracies, of the unlearned and of the '
                       f'retrained models, but its shape is {accuracies.shape}.')
    unlearned, retrained = accuracies
    factor = factor * unlearned / retrained
  return jax.tree.map(lambda end: factor * end, quality)
