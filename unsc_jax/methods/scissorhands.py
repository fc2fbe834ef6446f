"""Scissorhands: trim what is most connected to the forget set, then repair."""

import jax
import jax.numpy as jnp
import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import edits
from unsc_jax.parts import masks
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import passes
from unsc_jax.parts import schedules


def scissorhands(
    optimizer: optax.GradientTransformation | None = None, *,
    share: float = .03, weight: float = .05, examples: int = 256,
    published: bool = False, steps: int = 200, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Re-initialises the most connected weights, and repairs under a constraint.

  .. math:: s = |\theta \odot \nabla \mathrm{CE}_{D_f}|, \quad
    \min_\theta \mathrm{CE}_{D_r} - \lambda \mathrm{CE}_{D_f} \quad \text{with}
    \quad \langle \tilde g, g_o \rangle \ge 0, \;
    g_o = -\nabla \mathrm{CE}_{D_f}(\theta_{trimmed})

  For whole classes and for single examples.

  Args:
    optimizer: any of Optax, after the constraint; SGD at 5e-3, momentum .9 and
      weight decay 5e-4.
    share: of all weights that are trimmed; .03, or .1 for classes of SVHN.
    weight: `lambda`.
    examples: of the forget set, drawn at random, for `s` and `g_o`.
    published: GEM's margin of .5 and ridge of 1e-3, by which an active
      constraint adds half of `g_o` at least.
    steps: updates to make.
    batch_size: examples of each set a step.

  Returns:
    The method. Cost: `6 * steps * batch_size` passes, half of them over either
    set, and 6 over `examples`. It needs `Network.init`.

  Example:
    >>> method = scissorhands(optax.sgd(.003, momentum=.9), share=.1, steps=100)

  Source: Scissorhands (arXiv 2401.05779), exact from code, but that trimming
  and constraint take all layers, where the code names some of a ResNet, and that
  trimmed weights come from `Network.init`, where the code draws Kaiming uniform
  ones and biases of 0.
  """
  optimizer = optimizer or optimizers.sgd(5e-3)
  margin, ridge = (.5, 1e-3) if published else (0., 0.)

  def edit(problem, key):
    fresh_key, part_key = jax.random.split(key)
    gradient = _gradient(problem, problem.params, examples, part_key)
    scores = masks.only_trainable(
        masks.weighted(gradient, problem.params), problem.network.trainable)
    return edits.reset(
        problem.params, training.fresh(problem.network, fresh_key),
        masks.top(scores, share))

  def transform(problem, params, key):
    memory = jax.tree.map(
        jnp.negative, _gradient(problem, params, examples, key))
    return parts.Confined(optax.chain(
        optimizers.gem_projection(memory, margin=margin, ridge=ridge), optimizer))

  return parts.compose(
      edit=edit,
      objective=objectives.objective(
          forget=objectives.scaled(objectives.cross_entropy, -weight),
          retain=objectives.cross_entropy),
      transform=transform, schedule=schedules.paired(steps, batch_size))


def _gradient(problem, params, examples: int, key):
  """The mean gradient of the cross-entropy over some forget examples."""
  part = problem.forget.drawn(examples, key)
  return jax.tree.map(
      lambda g: g / len(part), passes.gradient(problem, params, part))
