"""Dimensional alignment: forget features in the directions of the retained."""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import optax

from unsc_jax import null_space
from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import head
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import schedules
from unsc_jax.parts import targets

_mul = functools.partial(jnp.matmul, precision=lax.Precision.HIGHEST)


def dimensional_alignment(
    optimizer: optax.GradientTransformation | parts.Transform | None = None, *,
    weight: float = 1., energy: float = .99, rounds: int = 5,
    forget_steps: int | None = None, retain_steps: int | None = None,
    basis_examples: int = 5000, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Alternates self-distillation with alignment, and recovery.

  .. math:: \min_\theta \mathrm{KL}(q \,\|\, p_\theta) + \lambda
    \Bigl(1 - \frac{\|V_k^\top z\|^2}{\|z\|^2}\Bigr) \text{ on } D_f,
    \quad \text{then} \quad \min_\theta \mathrm{CE} \text{ on } D_r

  `z` are the head's inputs, `V_k` the leading eigenvectors of their second
  moment on retained data, found anew every round; `q` is what the original
  network says when its answer is ruled out. For whole classes and for single
  examples (see `delete` for what `q` means there). Collapsed features align
  perfectly: read alignment beside accuracy, as a gap to retraining.

  Args:
    optimizer: any of Optax, one for both; SGD at 3e-3, momentum .9 and
      weight decay 5e-4. Or one that `parts.optimizers.null_space` confines, which
      moves what remains less, see `docs/soft-null-space.md`.
    weight: `lambda`.
    energy: of the retained features that `V_k` carries.
    rounds: of forgetting and recovering.
    forget_steps: in a round; by default one epoch.
    retain_steps: in a round; by default one epoch.
    basis_examples: retain examples, drawn at random, that `V_k` is found from;
      ten a feature at least.
    batch_size: examples a step.

  Returns:
    The method. Cost a round: `3` passes over both sets, one over
    `basis_examples`, and an eigendecomposition.

  Example:
    >>> method = dimensional_alignment(optax.sgd(.01, momentum=.9), rounds=5)

  Source: **a reconstruction** of MUDA (arXiv 2407.17710), of whose text only the
  abstract could be read: metric, regulariser, self-distillation and alternating
  training are there, their exact form and constants are ours.
  """
  schedule = schedules.alternating(
      rounds, forget_steps=forget_steps, retain_steps=retain_steps,
      batch_size=batch_size)

  def given(problem, key):
    projector = _Projector(
        problem, problem.retain.drawn(basis_examples, key).x, energy, head.inputs(problem))
    return training.Refresh(
        sum(schedule.in_round(problem.forget, problem.retain)), projector)

  def method(problem, key):
    loss = functools.partial(_Loss, read=head.inputs(problem), weight=weight)
    return parts.compose(
        objective=objectives.Objective(loss, forget=targets.other_logits(), given=given),
        transform=optimizer or optimizers.sgd(3e-3),
        schedule=schedule)(problem, key)
  return method


@dataclasses.dataclass(frozen=True)
class _Loss:
  """Self-distillation and alignment on forget batches, the error on retained ones."""
  fn: Callable
  read: Callable
  weight: float

  def __call__(self, params: Any, batch: Any, key: jax.Array, projector: jax.Array
               ) -> tuple[jax.Array, Any]:
    del key
    forget, retain = batch
    value = jnp.zeros(())
    if forget is not None:  # XLA shares the two forward passes
      value += objectives.distillation()(self.fn(params, forget.x), forget.y)
      value += self.weight * misalignment(self.read(params, forget.x), projector)
    if retain is not None:
      value += objectives.cross_entropy(self.fn(params, retain.x), retain.y)
    return value, params


@dataclasses.dataclass(frozen=True)
class _Projector:
  """The span of what the head reads of some examples, by the parameters of now."""
  problem: problem_lib.Problem
  x: Any
  energy: float
  read: Callable = dataclasses.field(compare=False)  # what the problem's network says

  def __call__(self, params: Any) -> tuple[jax.Array]:
    z = training.answers(self.problem, params, self.x, fn=self.read)
    return (span(jnp.asarray(z), self.energy),)


@functools.partial(jax.jit, static_argnums=1)
def span(z: jax.Array, energy: float) -> jax.Array:
  r"""The projector :math:`V_k V_k^\top` `[d, d]` of features `[n, d]`.

  Example:
    >>> print(span(jnp.array([[2., 0.], [0., .1]]), .9))
    [[1. 0.]
     [0. 0.]]
  """
  values, v = null_space.eigh(_mul(z.T, z) / len(z))
  v = v * (jnp.arange(len(values)) < null_space.energy_rank(energy)(values))
  return _mul(v, v.T)


def misalignment(z: jax.Array, projector: jax.Array) -> jax.Array:
  r"""The mean of :math:`1 - \|V_k^\top z\|^2 / \|z\|^2` over features `[n, d]`.

  Features of zero count as aligned. Its complement is `sample` of
  `evaluation.dimensional_alignment`.

  Example:
    >>> v = jnp.diag(jnp.array([1., 0.]))
    >>> print(misalignment(jnp.array([[3., 4.], [1., 0.]]), v))
    0.32
  """
  z = z.astype(jnp.float32)
  total = jnp.sum(z**2, -1)
  outside = z - _mul(z, projector)
  some = total > 0
  return jnp.where(
      some, jnp.sum(outside**2, -1) / jnp.where(some, total, 1), 0).mean()
