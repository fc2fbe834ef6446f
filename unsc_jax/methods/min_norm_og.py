"""MinNorm-OG: the smallest weights that answer the retained data as before."""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import leaves as leaves_lib
from unsc_jax.parts import lengths
from unsc_jax.parts import objectives
from unsc_jax.parts import orthogonal
from unsc_jax.parts import schedules


def min_norm_og(
    optimizer: optax.GradientTransformation | None = None, *,
    strength: float = .1, decay: float = .8, descent_share: float = .2,
    examples: int = 50, steps: int | None = None, epochs: float | None = None,
    batch_size: int = 128,
) -> problem_lib.Method:
  r"""Shrinks all weights but for what retained outputs read, and repairs.

  .. math:: \theta \leftarrow \theta - c_t (I - Q Q^\top) \theta, \quad
    \mathrm{span}\, Q = \mathrm{span} \{ \nabla \max_k f_\theta(x_i)_k : i \in B_r \},
    \quad \text{then} \quad \theta \leftarrow \theta - \eta \nabla \mathrm{CE}_{B_r}

  The first is the smallest change of `\theta` for its norm, in closed form:
  :math:`\min_\Delta \|\theta + \Delta\|^2 + \lambda_t \|\Delta\|^2` over
  :math:`\Delta \perp \nabla f(x_i)`, with :math:`c_t = 1 / (1 + \lambda_t)`. Among the
  networks that fit the retained data the smallest is one that has not seen the rest. For
  whole classes and for single examples.

  Args:
    optimizer: any of Optax, for the descent; Adam at 1e-3.
    strength: `c_0`, in [0, 1]; .01 to .9 is published.
    decay: of `c_t` from one step to the next, in [0, 1]; .2 to .8 is published.
    descent_share: of all steps, the last ones, that descend alone.
    examples: of every retained batch whose outputs are kept, evenly over its classes;
      their gradients are held in memory.
    steps: updates to make.
    epochs: instead, over the retained data; 10 if neither is given.
    batch_size: retained examples a step.

  Returns:
    The method. Cost: `3 * epochs` passes over the retained data, `3 * examples` a
    step example by example, and a Gram-Schmidt of so many gradients; the forget set is
    not touched.

  Raises:
    ValueError: strength, decay or share are not in [0, 1].

  Example:
    >>> method = min_norm_og(optax.adam(1e-3), strength=.1, epochs=10)

  Source: Machine Unlearning under Overparameterization (arXiv 2505.22601), exact from
  its algorithm 1 and code: largest logits, `c_t` and the last steps. A batch's examples
  are taken in turn from its classes, where the code draws as many of each; which
  optimiser it uses was not read.
  """
  for name, value in (('strength', strength), ('decay', decay),
                      ('descent_share', descent_share)):
    if not 0 <= value <= 1:
      raise ValueError(f'{name} is a number in [0, 1], not {value}.')
  schedule = schedules.retain_only(
      steps, batch_size, epochs=lengths.unless(steps, epochs, 10))

  def given(problem, key):
    del key
    length = schedule.length(problem.forget, problem.retain)
    return training.Scheduled(fading(strength, decay, round((1 - descent_share) * length)))

  def method(problem, key):
    return parts.compose(
        objective=objectives.Objective(
            functools.partial(_Loss, trainable=problem.trainable, examples=examples),
            given=given),
        transform=optimizer or optax.adam(1e-3), schedule=schedule)(problem, key)
  return method


@dataclasses.dataclass(frozen=True)
class fading:
  """What is multiplied in every step, and zero from some step on.

  Example:
    >>> [fading(.8, .5, 3)(step) for step in range(4)]
    [0.8, 0.4, 0.2, 0.0]
  """
  start: float
  decay: float
  steps: int

  def __call__(self, step: int) -> float:
    return self.start * self.decay**step if step < self.steps else 0.


def in_turn(labels: jax.Array, count: int) -> jax.Array:
  """The places of so many examples, from one label after the other as long as they last.

  Example:
    >>> print(in_turn(jnp.array([0, 0, 0, 1, 0, 1]), 4))
    [0 3 1 5]
  """
  earlier = jnp.tril(labels[:, None] == labels, -1).sum(-1)  # of the same label
  return jnp.argsort(earlier, stable=True)[:count]


@dataclasses.dataclass(frozen=True)
class _Loss:
  """The retained error after the shrinking, which it hands on as rewritten parameters."""
  fn: Callable
  trainable: Callable[[str], bool]
  examples: int

  def __call__(self, params: Any, batch: Any, key: jax.Array, strength: jax.Array
               ) -> tuple[jax.Array, Any]:
    del key
    retain = batch.retain
    leaves = leaves_lib.of(params, self.trainable)
    labels = retain.y if retain.y.ndim == 1 else retain.y.argmax(-1)
    x = jax.tree.map(lambda leaf: leaf[in_turn(labels, self.examples)], retain.x)
    step = lax.cond(
        strength > 0, lambda: self._shrinking(params, lax.stop_gradient(leaves), x),
        lambda: jax.tree.map(jnp.zeros_like, leaves))
    shrunk = leaves_lib.put(params, jax.tree.map(
        lambda leaf, s: leaf - lax.stop_gradient((strength * s).astype(leaf.dtype)),
        leaves, step))
    return objectives.cross_entropy(self.fn(shrunk, retain.x), retain.y), shrunk

  def _shrinking(self, params: Any, leaves: dict[str, jax.Array], x: Any
                 ) -> dict[str, jax.Array]:
    """The part of the parameters that no largest logit reads."""
    largest = lambda leaves, x: self.fn(leaves_lib.put(params, leaves), x).max(-1).sum()
    free = orthogonal.to_rows(leaves, orthogonal.gradients(largest, leaves, x))
    return jax.tree.map(lambda leaf, f: f.astype(leaf.dtype), leaves, free)
