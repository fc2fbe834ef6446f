"""U-LiRA: was this example unlearned, or never seen? A likelihood ratio.

The strongest of the attacks here, because every example is compared with
itself, under models that learnt and unlearned it and models that never saw it.
`M` models unlearned, `M'` models without, `K = min(M, M')`, `N` examples;
entries are logit-scaled confidences φ (`signals.margin`).
"""

import functools
import math
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import jax.scipy.stats

from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import precision
from unsc_jax.evaluation.metrics import roc

_MIN_STD = 1e-3  # nats: models that agree to the last bit still have a width


class ULira(NamedTuple):
  """The outcome of U-LiRA; blind values are .5, .5, .01 and .001."""
  auc: estimate_lib.Estimate
  accuracy: estimate_lib.Estimate  # of calling "unlearned" where the ratio > 1
  tpr_at_1pct: estimate_lib.Estimate  # true positive rate at 1 % FPR
  tpr_at_0_1pct: estimate_lib.Estimate  # at .1 %
  unlearned_scores: jax.Array  # [K, N] log ratios, for `roc.roc_curve`
  out_scores: jax.Array  # [K, N]


def _log_ratio(x, mean_u, var_u, mean_o, var_o) -> jax.Array:
  log_density = lambda mean, var: jax.scipy.stats.norm.logpdf(
      x, mean, jnp.maximum(jnp.sqrt(jnp.maximum(var, 0)), _MIN_STD))
  return log_density(mean_u, var_u) - log_density(mean_o, var_o)


@precision.precise
def ulira_scores(observed: chex.Array, unlearned: chex.Array, out: chex.Array,
                 *, pooled_variance: bool = False) -> jax.Array:
  """The log likelihood ratio of "unlearned" against "never seen".

  log N(φ; μ_u, σ_u) - log N(φ; μ_o, σ_o), a Gaussian fitted to each example.

  Args:
    observed: [N] φ of the attacked model.
    unlearned: [M, N] φ of shadow models that unlearned the example, M >= 2.
    out: [M', N] φ of shadow models that never saw it, M' >= 2.
    pooled_variance: one variance for all examples (one for each of the two
      kinds), which is steadier with few models.

  Returns:
    [N], above 0 where "unlearned" is more likely.

  Example:
    >>> unlearned, out = jnp.array([[4.], [6.]]), jnp.array([[1.], [3.]])
    >>> bool(ulira_scores([5.], unlearned, out)[0] > 0)
    True

  Source: Hayes et al., arXiv 2403.01218; variances have ddof 1.
  """
  observed = checks.values(observed, 'observed')
  unlearned = checks.models(unlearned, 'unlearned', least=2)
  out = checks.models(out, 'out', least=2)
  checks.same_examples(observed, unlearned, 'observed and unlearned')
  checks.same_examples(observed, out, 'observed and out')
  def fit(x):
    var = jnp.var(x, axis=0, ddof=1)
    return jnp.mean(x, axis=0), jnp.mean(var) if pooled_variance else var
  return _log_ratio(observed, *fit(unlearned), *fit(out))


def _fits_without_each(x: jax.Array, count: int, pooled: bool):
  """Mean and variance (ddof 1) of x [M, N] without model i, for i < count."""
  m = x.shape[0]
  mean = jnp.mean(x, axis=0, keepdims=True)
  away = x - mean
  square = jnp.sum(away**2, axis=0, keepdims=True) - away[:count]**2 * (m / (m - 1))
  var = square / (m - 2)
  if pooled:
    var = jnp.mean(var, axis=1, keepdims=True)
  return mean - away[:count] / (m - 1), var


def _over_pairs(value: jax.Array, each: jax.Array) -> estimate_lib.Estimate:
  """Student's interval over K pairs, with Nadeau & Bengio's correction.

  Examples under one model are not independent, so pairs are counted. Each
  pair also sits in the fits of all others: without the term 1/(K - 1), 15 % of
  the intervals miss the truth instead of 5 %.
  """
  k = each.size
  half = (estimate_lib.t_quantile(0.95, k - 1) * jnp.std(each, ddof=1)
          * math.sqrt(1 / k + 1 / (k - 1)))
  return estimate_lib.around(value, half, within=(0, 1))


_three_or_more = functools.partial(checks.models, least=3)


@checks.jitted('pooled_variance', unlearned=_three_or_more, out=_three_or_more)
def ulira(unlearned: jax.Array, out: jax.Array, *,
          pooled_variance: bool = False) -> ULira:
  """Runs U-LiRA on every shadow model in turn.

  Model i of either kind is held out, the Gaussians are fitted to the others,
  and both held-out models are scored by them. If unlearning were exact the two
  would be draws of one distribution, so that .5 is what a blind attack gets
  without bias, whatever M and N. Residual knowledge *and* over-unlearning
  raise the figures; a value clearly below .5 cannot be meant and says that the
  models of the two kinds were paired wrongly.

  Args:
    unlearned: [M, N] φ of shadow models that trained on the example and then
      unlearned it, M >= 3.
    out: [M', N] φ of shadow models that never saw it, M' >= 3.
    pooled_variance: see `ulira_scores`.

  Returns:
    ULira; intervals are over the K held-out pairs, corrected for their
    sharing fits (Nadeau & Bengio, Machine Learning 52, 2003).

  Example:
    >>> noise = jax.random.normal(jax.random.key(0), (2, 8, 50))
    >>> result = ulira(noise[0] + 3, noise[1])
    >>> bool(result.auc.low > .9)
    True

  Source: Hayes et al., arXiv 2403.01218; the pairwise hold-out is ours (their
  attack scores separate target models; variances here have ddof 1).
  """
  checks.same_examples(unlearned, out, 'unlearned and out')
  k = min(unlearned.shape[0], out.shape[0])
  fits = (*_fits_without_each(unlearned, k, pooled_variance),
          *_fits_without_each(out, k, pooled_variance))
  ours = _log_ratio(unlearned[:k], *fits)
  theirs = _log_ratio(out[:k], *fits)
  positive, negative = ours.ravel(), theirs.ravel()

  areas = jax.vmap(lambda p, n: roc.auc(p, n).value)(ours, theirs)
  # A ratio of exactly 1 decides nothing: it counts a half for either side.
  called = lambda s: (1 + jnp.sign(s)) / 2
  right = jnp.mean(called(ours) + called(-theirs), axis=1) / 2
  def tpr(fpr):
    above = ours > roc.threshold_at_fpr(negative, fpr)
    return _over_pairs(jnp.mean(above), jnp.mean(above, axis=1))
  return ULira(_over_pairs(roc.auc(positive, negative).value, areas),
               _over_pairs(jnp.mean(right), right),
               tpr(0.01), tpr(0.001), ours, theirs)
