"""What confines an optimiser: the null space, or a saliency mask."""

import dataclasses

import jax
import optax

from unsc_jax import moments as moments_lib
from unsc_jax import problem as problem_lib
from unsc_jax.null_space import budget
from unsc_jax.null_space import combining
from unsc_jax.null_space import gains
from unsc_jax.null_space import projection
from unsc_jax.parts import composition
from unsc_jax.parts import masks
from unsc_jax.parts import passes
from unsc_jax.parts import retained


def sgd(learning_rate: float = .01) -> optax.GradientTransformation:
  """SGD with momentum .9 and weight decay 5e-4, as most published recipes have it."""
  return optax.chain(
      optax.add_decayed_weights(5e-4), optax.sgd(learning_rate, momentum=.9))


@dataclasses.dataclass(frozen=True)
class null_space:
  """The transform that confines an optimiser to what the retained inputs leave free.

  Args:
    optimizer: any of Optax.
    combine: from the moments of the retained classes to bases or gains; or these.
    batch_size: retained examples a step of the pass for the moments.
    examples: about how many of them to take, evenly spread over every class, in
      whole batches; by default all.
    select: which layers to take moments of, as for `input_moments`; the others are
      frozen. Leave out one that is too wide for a `[d, d]` matrix.
    drift_budget: how far the outputs of every layer may move on the retained inputs,
      relative to what they were, .05 for 5 %; see `null_space.drift_budget`. By
      default as far as they do.

  Raises:
    ValueError: the budget is not positive; or, when used, there is one, but bases or
      gains without moments.

  With a checkpoint in the problem's session a run that goes on takes the bases that
  it made; those of other data, parameters or choices are refused. Cost: a forward
  pass over the retain set, an eigendecomposition of every layer's moments as often
  as `combine` asks for one (a soft filter for none), and two projections of the
  update in every step.

  Example:
    >>> transform = null_space(optax.adam(1e-3), combining.merged(.97))
  """
  optimizer: optax.GradientTransformation
  combine: combining.Combine | gains.Confinement
  _: dataclasses.KW_ONLY
  batch_size: int = 256
  examples: int | None = None
  select: moments_lib.Select = moments_lib.all_of_them
  drift_budget: float | None = None

  def __post_init__(self):
    if self.drift_budget is not None:
      budget.check(self.drift_budget)

  def __call__(
      self, problem: problem_lib.Problem, params: problem_lib.Params, key: jax.Array
  ) -> composition.Confined:
    bases, moments = retained.bases(
        problem, self.combine, self.batch_size, self.examples, self.select)
    confined = projection.project_updates(self.optimizer, bases)
    if self.drift_budget is not None:
      if moments is None:
        raise ValueError(
            'a drift budget is told by moments, and only bases or gains are given; '
            'give a filter or a way to combine classes in their place.')
      confined = optax.chain(confined, budget.drift_budget(moments, self.drift_budget))
    return composition.Confined(confined, moments, bases)


@dataclasses.dataclass(frozen=True)
class saliency:
  r"""The transform that confines an optimiser to the largest forget gradients.

  .. math:: m_j = 1 \iff \Bigl|\sum_{D_f} \nabla_j \mathrm{CE}\Bigr|
    \text{ is among the largest } \alpha P

  Args:
    optimizer: any of Optax, weight decay and all.
    share: `alpha`, of all weights, in [0, 1].

  Cost: 3 passes over the forget set.

  Example:
    >>> transform = saliency(optax.sgd(.01, momentum=.9), share=.5)

  Source: SalUn (arXiv 2310.12508), exact from code; see `masks.confine`.
  """
  optimizer: optax.GradientTransformation
  share: float

  def __call__(
      self, problem: problem_lib.Problem, params: problem_lib.Params, key: jax.Array
  ) -> composition.Confined:
    gradient = passes.gradient(problem, params, problem.forget)
    scores = masks.only_trainable(masks.absolute(gradient), problem.trainable)
    mask = masks.top(scores, self.share)
    return composition.Confined(masks.confine(self.optimizer, mask))
