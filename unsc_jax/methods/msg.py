"""MSG: resets the weights with small gradients, and trains those faster than the rest."""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import composition
from unsc_jax.parts import edits
from unsc_jax.parts import leaves as leaves_lib
from unsc_jax.parts import lengths
from unsc_jax.parts import masks
from unsc_jax.parts import objectives
from unsc_jax.parts import passes
from unsc_jax.parts import schedules


def msg(
    optimizer: optax.GradientTransformation | None = None, *,
    share: float = .7, slow: float = .1, published: bool = False,
    steps: int | None = None, epochs: float | None = None, batch_size: int = 64,
) -> problem_lib.Method:
  r"""Masked small gradients.

  .. math:: g = \sum_{D_r'} \nabla \mathrm{CE} - \sum_{D_f} \nabla \mathrm{CE},
    \quad m_j = 1 \iff |g_j| \text{ is among the smallest } \alpha P_l \text{ of its layer}

  for as many retained examples `D_r'` as there are to forget. Weights that `m` marks are
  reset; then it trains on retained data, and the gradients of the other weights of these
  layers count a tenth. For whole classes and for single examples.

  Args:
    optimizer: any of Optax; SGD with momentum .9 and weight decay 5e-4, its rate up to
      .1 and down again. An adaptive one would undo what `slow` does.
    share: `alpha`, of every layer's weights, in [0, 1]; .3 is published.
    slow: what is left of the gradients of weights that are not reset.
    published: of convolutions alone, as the code has it; by default all layers.
    steps: updates to make.
    epochs: instead, over the retained data; 10 if neither is given.
    batch_size: retain examples a step.

  Returns:
    The method. Cost: 3 passes over the forget set and over as many retained examples,
    `3 * epochs` over the retained data, and one for running statistics after the reset.
    It needs `Network.init`.

  Raises:
    ValueError: the share is not in [0, 1]; when used: `published`, and there is no
      convolution.

  Example:
    >>> method = msg(optax.sgd(.01, momentum=.9), share=.3, epochs=5)

  Source: MSG of Deep Unlearn (arXiv 2410.01276), there `kgltop2`, one of the first in the
  unlearning competition of NeurIPS 2023; exact from code, but that every example counts
  alike in `g`, that reset weights come from `Network.init` where the code draws Kaiming
  normal ones, and that rates change by step rather than by epoch.
  """
  if not 0 <= share <= 1:
    raise ValueError(f'share is the part of the weights to reset, in [0, 1], not {share}.')
  schedule = schedules.retain_only(
      steps, batch_size, epochs=lengths.unless(steps, epochs, 10))

  def method(problem, key):
    stopwatch = parts.Stopwatch()
    fresh_key, part_key, *keys = jax.random.split(key, 5)
    with stopwatch('edit'):
      retain = problem.retain.drawn(len(problem.forget), part_key)
      gradient = jax.tree.map(jnp.subtract, *(
          passes.gradient(problem, problem.params, part)
          for part in (retain, problem.forget)))
      marks = smallest(leaves_lib.of(gradient, layers(problem, published)), share)
      whole = jax.tree.map(lambda leaf: jnp.zeros(jnp.shape(leaf), bool), problem.params)
      params = problem.network.finish(edits.reset(
          problem.params, training.fresh(problem.network, fresh_key),
          leaves_lib.put(whole, marks)), problem.retain.x)
      speed = {path: jnp.where(mark, 1., slow) for path, mark in marks.items()}
    length = schedule.length(problem.forget, problem.retain)
    return composition.train(
        problem, params,
        objectives.Objective(_Loss, given=lambda problem, key: (speed,)),
        optimizer or up_and_down(.1, max(2, length)), schedule, keys, stopwatch)
  return method


def smallest(gradient: Mapping[str, jax.Array], share: float) -> dict[str, jax.Array]:
  """Marks the smallest entries of every leaf, so many of each; ties go by position.

  Example:
    >>> print(smallest({'w': jnp.array([3., -1., 2., 4.])}, .5)['w'])
    [False  True  True False]
  """
  def of_leaf(leaf):
    exactly = min(1, (round(share * leaf.size) + .5) / leaf.size)
    return masks.top(-jnp.abs(leaf), exactly)
  return {path: of_leaf(leaf) for path, leaf in gradient.items()}


def up_and_down(peak: float, steps: int) -> optax.GradientTransformation:
  """SGD with momentum and weight decay, its rate up in a half of the steps, and down."""
  half = steps // 2
  rate = optax.join_schedules(
      [optax.linear_schedule(peak / half, peak, half),
       optax.linear_schedule(peak, 0., steps - half)], [half])
  return optax.chain(optax.add_decayed_weights(5e-4), optax.sgd(rate, momentum=.9))


def layers(problem: problem_lib.Problem, convolutions: bool) -> Callable[[str], bool]:
  """Tells by path which layers' weights may be reset: all, or convolutions alone.

  Raises:
    ValueError: there are none.
  """
  paths = frozenset(
      path for path, site in passes.sites(problem).items() if problem.trainable(path)
      and (site.kind == 'conv' or not convolutions))
  if not paths:
    raise ValueError(
        'the network has no convolutions that may be reset; drop published.'
        if convolutions else
        'the network has no layers that may be reset; choose another method.')
  return paths.__contains__


@dataclasses.dataclass(frozen=True)
class _Loss:
  """The retained error, whose gradients some weights feel less of."""
  fn: Callable

  def __call__(self, params: Any, batch: Any, key: jax.Array, speed: dict[str, jax.Array]
               ) -> tuple[jax.Array, Any]:
    del key
    leaves = leaves_lib.of(params, speed.__contains__)
    here = lax.stop_gradient(leaves)
    slowed = jax.tree.map(
        lambda leaf, held, s: held + (s * (leaf - held)).astype(leaf.dtype),
        leaves, here, speed)
    logits = self.fn(leaves_lib.put(params, slowed), batch.retain.x)
    return objectives.cross_entropy(logits, batch.retain.y), params
