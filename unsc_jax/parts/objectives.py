"""What a step minimises: terms on forget and on retain batches.

A term is `(logits [B, C], y) -> scalar`, a mean over examples; `y` is whatever
the set's target gave: labels `[B]`, probabilities or a teacher's logits `[B, C]`.
The network is as in evaluation: dropout off, running statistics used and left
alone.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from unsc_jax import batching
from unsc_jax import problem as problem_lib
from unsc_jax import programs
from unsc_jax import training
from unsc_jax.parts import targets

Term = Callable[[jax.Array, Any], jax.Array]


def nothing_given(problem: problem_lib.Problem, key: jax.Array) -> tuple:
  """No further arguments."""
  del problem, key
  return ()


@dataclasses.dataclass(frozen=True)
class Objective:
  """A loss, and what it wants to know of the problem.

  Attributes:
    loss: from `fn` to a loss on a `schedules.Batch`, see `training`.
    forget: what the forget set's examples carry as `y`; their labels if None.
    retain: the same for the retain set.
    given: `(problem, key)` to the further arguments of the loss, or to a
      `training.Refresh` or `training.Scheduled`.
  """
  loss: Callable[[Callable], training.Loss]
  forget: targets.Target | None = None
  retain: targets.Target | None = None
  given: Callable[[problem_lib.Problem, jax.Array], Any] = nothing_given


def objective(
    *, forget: Term | None = None, retain: Term | None = None,
    forget_target: targets.Target | None = None,
    retain_target: targets.Target | None = None,
    per_example: bool = False,
) -> Objective:
  r"""Adds up a term on each set.

  .. math:: L = T_f(f_\theta(x), y)_{x \in B_f} + T_r(f_\theta(x), y)_{x \in B_r}

  Args:
    forget: term on forget batches.
    retain: term on retain batches.
    forget_target: what forget examples should say; by default their labels.
    retain_target: the same for retain examples.
    per_example: whether the mean is taken over all examples of a batch, rather
      than over each set.

  Returns:
    The objective.

  Raises:
    ValueError: when used: a batch brings a set that has no term.

  Source: ours.
  """
  forget, retain = (None if term is None else programs.hashable(term)
                    for term in (forget, retain))
  return Objective(_Sum(forget, retain, per_example), forget_target, retain_target)


@dataclasses.dataclass(frozen=True)
class _Sum:
  """The loss of a network that adds up a term on each set."""
  forget: Term | None
  retain: Term | None
  per_example: bool

  def __call__(self, fn: Callable) -> training.Loss:
    return _Loss(fn, self)


@dataclasses.dataclass(frozen=True)
class _Loss:
  """The sum of a network's terms; equal for equal networks and terms."""
  fn: Callable
  terms: _Sum

  def __call__(self, params: Any, batch: Any, key: jax.Array) -> tuple[jax.Array, Any]:
    del key
    value, count, terms = jnp.zeros(()), 0, self.terms
    for name, examples in batch._asdict().items():
      if examples is None:
        continue
      term = getattr(terms, name)
      if term is None:
        raise ValueError(
            f'the schedule brings {name} batches, for which this objective '
            'has no term; give it one, or choose another schedule.')
      n = batching.count(examples.x)
      size = n if terms.per_example else 1
      value += size * term(self.fn(params, examples.x), examples.y)
      count += n
    return value / (count if terms.per_example else 1), params


cross_entropy: Term = training.cross_entropy


@dataclasses.dataclass(frozen=True)
class scaled:
  """A term times a number.

  Example:
    >>> print(scaled(entropy, 2.)(jnp.zeros((1, 2)), None).round(3))
    1.386
  """
  term: Term
  weight: float

  def __call__(self, logits: jax.Array, y: Any) -> jax.Array:
    return self.weight * self.term(logits, y)


@dataclasses.dataclass(frozen=True)
class distillation:
  r"""How far the network is from a teacher whose logits are `y`.

  .. math:: T^2 \, \mathrm{KL}(\mathrm{softmax}(t / T) \,\|\,
    \mathrm{softmax}(z / T))

  Args:
    temperature: `T`.

  Example:
    >>> z = jnp.array([[1., 2.]])
    >>> float(distillation(2.)(z, z))
    0.0
  """
  temperature: float = 1.

  def __call__(self, logits: jax.Array, y: jax.Array) -> jax.Array:
    t = jax.nn.log_softmax(y.astype(jnp.float32) / self.temperature)
    s = jax.nn.log_softmax(logits.astype(jnp.float32) / self.temperature)
    # Masked classes have probability zero, and 0 log 0 is 0.
    each = jnp.where(jnp.exp(t) > 0, jnp.exp(t) * (t - s), 0).sum(-1)
    return self.temperature**2 * each.mean()


def entropy(logits: jax.Array, y: Any) -> jax.Array:
  """The mean entropy of what the network says, in nats.

  `y` is ignored, but for booleans `[B, C]`: the classes that it marks count as one.

  Example:
    >>> print(entropy(jnp.zeros((1, 2)), None).round(3))
    0.693
  """
  logits = logits.astype(jnp.float32)
  if y is not None and y.dtype == bool:
    marked = jax.nn.logsumexp(logits, -1, where=y, keepdims=True)
    logits = jnp.concatenate([jnp.where(y, -1e9, logits), marked], -1)
  log_p = jax.nn.log_softmax(logits)
  return -(jnp.exp(log_p) * log_p).sum(-1).mean()


@dataclasses.dataclass(frozen=True)
class unlikelihood:
  r"""How likely the label is; bounded, unlike a negated cross-entropy.

  .. math:: -\log(1 - (p_y - o))

  Args:
    offset: keeps the logarithm finite at `p_y = 1`.

  Example:
    >>> print(unlikelihood(.5)(jnp.zeros((1, 2)), jnp.array([0])).round(3))
    -0.0

  Source: PGU (arXiv 2312.04095), exact from its code.
  """
  offset: float = .05

  def __call__(self, logits: jax.Array, y: jax.Array) -> jax.Array:
    p = jax.nn.softmax(logits.astype(jnp.float32))
    p_y = jnp.take_along_axis(p, y[:, None], 1)[:, 0] if y.ndim == 1 else (p * y).sum(-1)
    return -jnp.log(1 - (p_y - self.offset)).mean()
