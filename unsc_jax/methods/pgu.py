"""PGU: projected-gradient unlearning, without the retained data."""

import dataclasses

import jax
import jax.numpy as jnp
import optax

from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import lengths
from unsc_jax.parts import objectives
from unsc_jax.parts import passes
from unsc_jax.parts import schedules
from unsc_jax.parts import stopping
from unsc_jax.parts import targets


@dataclasses.dataclass(frozen=True)
class amplitude_rank:
  r"""Keeps the fewest directions that carry a share of the singular values.

  .. math:: k = \min \{ k : \textstyle\sum_{i \le k} \sqrt{\lambda_i}
    \ge \rho \sum_i \sqrt{\lambda_i} \}

  Roots weigh small directions more than `energy_rank` does.

  Args:
    share: `rho`, in (0, 1].
    published: stops one short of it, with one direction at least.

  Raises:
    ValueError: the share is not in (0, 1].

  Example:
    >>> values = jnp.array([9., 4., 1.])
    >>> [int(amplitude_rank(.6, published=p)(values)) for p in (False, True)]
    [2, 1]
  """
  share: float
  published: bool = dataclasses.field(default=False, kw_only=True)

  def __post_init__(self):
    null_space.energy_rank(self.share)  # for its check of the range

  def __call__(self, eigenvalues: jax.Array) -> jax.Array:
    amplitudes = jnp.sqrt(jnp.maximum(eigenvalues, 0))
    rank = null_space.energy_rank(self.share)(amplitudes)
    return jnp.maximum(rank - 1, 1) if self.published else rank


def pgu(
    optimizer: optax.GradientTransformation | None = None, *,
    everything: moments_lib.Moments | None = None, share: float = .9,
    entropy_weight: float = .2, offset: float = .05, published: bool = False,
    steps: int | None = None, epochs: float | None = None, batch_size: int = 128,
    stop_below: float = .01, moments_batch_size: int = 256,
    select: moments_lib.Select = moments_lib.all_of_them,
) -> problem_lib.Method:
  r"""Lowers the label's probability where the retained data do not feel it.

  .. math:: L = -\log(1 - (p_y - o)) - w \, H(p), \quad x \in D_f, \quad
    M_{retain} = M_{all} - M_{forget}

  and every update is projected away from the leading directions of
  `M_retain`. Biases, scales and running statistics are frozen. For whole classes
  and for single examples; the entropy term asks for evenly spread answers, which
  a retrained network does not give.

  Args:
    optimizer: any of Optax, confined by `project_updates`; SGD at 1 (published: from .1
      to .01 over all steps).
    everything: moments of the whole training set, stored when the network was
      trained: then no retained example is touched. By default they are taken
      here, of both sets.
    share: of each layer's singular values that is kept; .9 to .95 is published.
    entropy_weight: `w`.
    offset: `o`.
    published: takes one direction less in every layer, as the code does.
    steps: updates to make. The published stop, when held-out accuracy passes
      that of the forget set, is left to the caller.
    epochs: instead, over the forget set; 100 if neither is given.
    batch_size: forget examples a step.
    stop_below: mean probability of the forget examples' labels under which to stop; of
      single examples that of held-out ones, where there are some. Negative to make all
      steps.
    moments_batch_size: examples a step of the passes for moments.
    select: which layers may be trained, from a `Site` to a boolean: leave out one that
      is too wide for a `[d, d]` matrix, as `lambda site: site.folded[1] < 10_000` does.

  Returns:
    The method. Cost: one pass over the forget set, `3 * epochs` passes over
    it, and one over the retained data without `everything`.

  Example:
    >>> method = pgu(optax.sgd(.01), share=.7)

  Source: PGU (arXiv 2312.04095), exact from code, with the patches that a
  convolution sees and dropout at rest while moments are taken.
  """
  schedule = schedules.forget_only(
      steps, batch_size, epochs=lengths.unless(steps, epochs, 100))
  unlikely = objectives.unlikelihood(offset)
  rule = amplitude_rank(share, published=published)

  def term(logits, y):
    return unlikely(logits, y) - entropy_weight * objectives.entropy(logits, y)

  def transform(problem, params, key):
    del params, key
    take = lambda x: passes.moments(problem, x, moments_batch_size, select=select)
    retain = (take(problem.retain.x) if everything is None
              else everything - take(problem.forget.x))
    bases = null_space.null_space_bases(retain, rule)
    return parts.Confined(
        null_space.project_updates(optimizer or optax.sgd(1.), bases), retain, bases)

  return parts.compose(
      name='pgu',
      objective=objectives.objective(
          forget=term, forget_target=targets.not_to_say()),
      transform=transform, schedule=schedule,
      watch=stopping.until_forgotten(stop_below, or_never=True))
