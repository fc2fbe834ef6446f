"""RMIA: relative membership inference, strong with one or two references.

An example is a member if the target model likes it better, relative to models
that never saw it, than it likes most of a population. The retrained models
that an evaluation has anyway are such references for the forget set. `N`
examples, `P` population examples, `R` reference models; probabilities are
those of the true class (`signals.confidence`).
"""

import chex
import jax
import jax.numpy as jnp

from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import precision
from unsc_jax.evaluation.metrics import roc

_TINY = 1e-30  # keeps ratios of vanished probabilities defined


def _checked(target: chex.Array, references: chex.Array, name: str):
  """Probabilities [N] and [R, N]."""
  target = checks.unit_interval(checks.values(target, name), name)
  references = checks.unit_interval(
      checks.models(references, f'{name} of the references'),
      f'{name} of the references')
  checks.same_examples(target, references, f'{name} and its references')
  return target, references


def _ratio(target: jax.Array, references: jax.Array, offline_a) -> jax.Array:
  """log p_target(x) - log p(x), [N]."""
  out = jnp.mean(references, axis=0)
  prior = ((1 + offline_a) * out + (1 - offline_a)) / 2
  return (jnp.log(jnp.maximum(target, _TINY))
          - jnp.log(jnp.maximum(prior, _TINY)))


@precision.precise
def rmia_scores(target: chex.Array, references: chex.Array,
                population: chex.Array, population_references: chex.Array, *,
                offline_a: float = 0.3, gamma: float = 1.) -> jax.Array:
  """The share of the population that each example dominates.

  score(x) = P_z( LR(x)/LR(z) >= γ ), LR(x) = p_target(x)/p(x), where p(x) is
  the mean over models with and without x. Of those only the latter are at
  hand, so p(x) = ((1 + a) p_out(x) + (1 - a))/2.

  Feed the scores of forget and of unseen examples to `roc.auc` and
  `roc.tpr_at_fpr`. Good is the retrained model's AUC, about .5; far below is
  over-unlearning.

  Args:
    target: [N] probabilities of the attacked model.
    references: [R, N] those of models trained without these examples.
    population: [P] the attacked model's, on examples that no model has seen.
    population_references: [R, P] the references', on the same.
    offline_a: a in 0..1, see `tuned_offline_a`.
    gamma: γ, how clearly z must be dominated.

  Returns:
    [N] scores in 0..1, higher for members.

  Example:
    >>> half = jnp.full((1, 3), .5)
    >>> rmia_scores([.9, .5, .1], half, [.2, .4, .6], half).tolist()
    [1.0, 0.6666666865348816, 0.0]

  Source: Zarifzadeh et al., arXiv 2312.03262, eq. 2-4 and 11, offline form,
  and Privacy Meter; exact, with >= as in the paper (the code has >).
  """
  if not 0 <= offline_a <= 1:
    raise ValueError(f'offline_a is {offline_a}, but should lie in 0..1.')
  if not gamma > 0:
    raise ValueError(f'gamma is {gamma}, but should be above 0.')
  return _scores(*_checked(target, references, 'target'),
                 *_checked(population, population_references, 'population'),
                 offline_a, gamma)


@jax.jit
def _scores(target, references, population, population_references, a, gamma):
  x = _ratio(target, references, a)
  z = _ratio(population, population_references, a)
  # LR(z) <= LR(x)/γ, counted by bisection instead of a table [N, P].
  below = jnp.searchsorted(jnp.sort(z), x - jnp.log(gamma), side='right')
  return below / z.size


@precision.precise
def tuned_offline_a(paired: chex.Array, members: chex.Array,
                    references: chex.Array, population: chex.Array,
                    population_references: chex.Array) -> float:
  """The `offline_a` with which RMIA best attacks a model of known membership.

  Tried are 0, .1 … 1. Use a model of the same recipe that is *not* the
  attacked one, such as the original of another split.

  Args:
    paired: [N] its probabilities.
    members: [N] booleans: which examples it was trained on.
    references: [R, N], as in `rmia_scores`.
    population: [P] the paired model's.
    population_references: [R, P].

  Returns:
    The best of the eleven values, the smallest of equals.

  Example:
    >>> half = jnp.full((1, 4), .5)
    >>> member = jnp.array([True, True, False, False])
    >>> p = jnp.array([.9, .8, .2, .1])
    >>> tuned_offline_a(p, member, half, p, half)
    0.0

  Source: Privacy Meter, `tune_offline_a`; exact.
  """
  paired = checks.values(paired, 'paired')
  members = jnp.asarray(members, dtype=bool)
  checks.same_shape(paired, members, 'paired and members')
  if not checks.holds(lambda m: m.any() & ~m.all(), members):
    raise ValueError('members should mark some examples and leave out others: '
                     'an attack cannot be tuned on one kind.')
  def strength(a):
    score = rmia_scores(paired, references, population, population_references,
                        offline_a=a)
    return float(roc.auc(score[members], score[~members]).value)
  return max((i / 10 for i in range(11)), key=strength)
