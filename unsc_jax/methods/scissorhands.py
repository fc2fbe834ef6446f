"""Scissorhands: trim what is most connected to the forget set, then repair."""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import jax
import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import edits
from unsc_jax.parts import gem
from unsc_jax.parts import lengths
from unsc_jax.parts import masks
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import passes
from unsc_jax.parts import schedules
from unsc_jax.parts import targets


def scissorhands(
    optimizer: optax.GradientTransformation | None = None, *,
    share: float = .03, weight: float = .05, examples: int = 256,
    published: bool = False, steps: int | None = None, epochs: float | None = None,
    batch_size: int = 128,
) -> problem_lib.Method:
  r"""Re-initialises the most connected weights, and repairs under a constraint.

  .. math:: s = |\theta \odot \nabla \mathrm{CE}_{D_f}|, \quad
    \min_\theta \mathrm{CE}_{D_r} - \lambda \mathrm{CE}_{D_f} \quad \text{with}
    \quad \langle \tilde g, g_o \rangle \ge 0, \;
    g_o = -\nabla \mathrm{CE}_{D_f}(\theta_{epoch})

  Every epoch over the retained data takes `g_o` anew where it begins, and sees each
  forget example once: when those are through, what is left of it is fine-tuning. For
  whole classes and for single examples.

  Args:
    optimizer: any of Optax, after the constraint; SGD at 5e-3, momentum .9 and
      weight decay 5e-4.
    share: of all weights that are trimmed; .03, or .1 for classes of SVHN.
    weight: `lambda`; .05, or .1 for classes of SVHN.
    examples: of the forget set, drawn at random, for `s` and `g_o`.
    published: GEM's margin of .5 and ridge of 1e-3, by which an active
      constraint adds half of `g_o` at least.
    steps: updates to make.
    epochs: instead, over the retained data; 10 if neither is given.
    batch_size: examples of each set a step.

  Returns:
    The method. Cost: `3 * epochs` passes over both sets, one over the retained
    data for running statistics after the trimming, and `3 * (epochs + 1)` over
    `examples`. It needs `Network.init`.

  Example:
    >>> method = scissorhands(optax.sgd(.003, momentum=.9), share=.1, epochs=5)

  Source: Scissorhands (arXiv 2401.06187), exact from code, but that trimming and
  constraint take all layers, where the code names some of a ResNet; that trimmed
  weights come from `Network.init`, where the code draws Kaiming uniform ones and
  biases of 0; and that `g_o` is of the same examples in every epoch.
  """
  schedule = schedules.forget_first(
      steps, batch_size, epochs=lengths.unless(steps, epochs, 10))
  margin, ridge = (.5, 1e-3) if published else (0., 0.)

  def edit(problem, key):
    fresh_key, part_key = jax.random.split(key)
    part = problem.forget.drawn(examples, part_key)
    scores = masks.only_trainable(
        masks.weighted(_gradient(problem, problem.params, part), problem.params),
        problem.trainable)
    trimmed = edits.reset(
        problem.params, training.fresh(problem.network, fresh_key),
        masks.top(scores, share))
    return problem.network.finish(trimmed, problem.retain.x)

  def given(problem, key):
    unsaid = problem.forget.replace(y=targets.not_to_say()(problem, key))
    part = unsaid.drawn(examples, key)

    def memory(params):
      ascent = _gradient(problem, params, part, sign=-1)
      return (masks.only_trainable(ascent, problem.trainable, 0.),)

    _, every = schedule.in_epoch(problem.forget, problem.retain)
    return training.Refresh(every, memory)

  return parts.compose(
      name='scissorhands',
      edit=edit, objective=objectives.Objective(
          functools.partial(_Loss, weight=weight, margin=margin, ridge=ridge),
          forget=targets.not_to_say(), given=given),
      transform=optimizer or optimizers.sgd(5e-3), schedule=schedule)


@dataclasses.dataclass(frozen=True)
class _Loss:
  """The retained error less the forget error under the constraint; or the former alone."""
  fn: Callable
  weight: float
  margin: float
  ridge: float

  def __call__(self, params: Any, batch: Any, key: jax.Array, memory: Any
               ) -> tuple[jax.Array, Any]:
    del key
    error = lambda params, examples: objectives.cross_entropy(
        self.fn(params, examples.x), examples.y)
    both = lambda params: (
        error(params, batch.retain) - self.weight * error(params, batch.forget))
    if batch.forget is None:
      return error(params, batch.retain), params
    held = gem.held(both, params, memory, margin=self.margin, ridge=self.ridge)
    return held, params


def _gradient(problem, params, examples, sign=1):
  """The mean gradient of the cross-entropy over some examples, or minus that."""
  return _over(passes.gradient(problem, params, examples), sign * len(examples))


@jax.jit
def _over(total, count):
  return jax.tree.map(lambda g: g / count, total)
