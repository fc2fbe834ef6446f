"""What a step minimises: terms on forget and on retain batches.

A term is `(logits [B, C], y) -> scalar`, a mean over examples; `y` is whatever
the set's target gave: labels `[B]`, probabilities or a teacher's logits `[B, C]`.
The network is as in evaluation: dropout off, running statistics used and left
alone.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import targets

Term = Callable[[jax.Array, Any], jax.Array]


class Objective(NamedTuple):
  """A loss, and what it wants to know of the problem.

  Attributes:
    loss: from `fn` to a loss on a `schedules.Batch`, see `training`.
    forget: what the forget set's examples carry as `y`; their labels if None.
    retain: the same for the retain set.
    given: `(problem, key)` to the further arguments of the loss, or to a
      `training.Refresh`.
  """
  loss: Callable[[Callable], training.Loss]
  forget: targets.Target | None = None
  retain: targets.Target | None = None
  given: Callable[[problem_lib.Problem, jax.Array], Any] = lambda problem, key: ()


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
  def loss_of(fn):
    def loss(params, batch, key):
      del key
      value, count = jnp.zeros(()), 0
      for name, term, examples in zip(
          batch._fields, (forget, retain), batch):
        if examples is None:
          continue
        if term is None:
          raise ValueError(
              f'the schedule brings {name} batches, for which this objective '
              'has no term; give it one, or choose another schedule.')
        size = len(examples.x) if per_example else 1
        value += size * term(fn(params, examples.x), examples.y)
        count += len(examples.x)
      return value / (count if per_example else 1), params
    return loss
  return Objective(loss_of, forget_target, retain_target)


cross_entropy: Term = training.cross_entropy


def scaled(term: Term, weight: float) -> Term:
  """A term times a number.

  Example:
    >>> print(scaled(entropy, 2.)(jnp.zeros((1, 2)), None).round(3))
    1.386
  """
  return lambda logits, y: weight * term(logits, y)


def distillation(temperature: float = 1.) -> Term:
  r"""How far the network is from a teacher whose logits are `y`.

  .. math:: T^2 \, \mathrm{KL}(\mathrm{softmax}(t / T) \,\|\,
    \mathrm{softmax}(z / T))

  Args:
    temperature: `T`.

  Returns:
    The term.

  Example:
    >>> z = jnp.array([[1., 2.]])
    >>> float(distillation(2.)(z, z))
    0.0
  """
  def term(logits, y):
    t = jax.nn.log_softmax(y.astype(jnp.float32) / temperature)
    s = jax.nn.log_softmax(logits.astype(jnp.float32) / temperature)
    # Masked classes have probability zero, and 0 log 0 is 0.
    each = jnp.where(jnp.exp(t) > 0, jnp.exp(t) * (t - s), 0).sum(-1)
    return temperature**2 * each.mean()
  return term


def entropy(logits: jax.Array, y: Any) -> jax.Array:
  """The mean entropy of what the network says, in nats; `y` is ignored.

  Example:
    >>> print(entropy(jnp.zeros((1, 2)), None).round(3))
    0.693
  """
  del y
  log_p = jax.nn.log_softmax(logits.astype(jnp.float32))
  return -(jnp.exp(log_p) * log_p).sum(-1).mean()


def unlikelihood(offset: float = .05) -> Term:
  r"""How likely the label is; bounded, unlike a negated cross-entropy.

  .. math:: -\log(1 - (p_y - o))

  Args:
    offset: keeps the logarithm finite at `p_y = 1`.

  Returns:
    The term; `y` are integer labels.

  Example:
    >>> print(unlikelihood(.5)(jnp.zeros((1, 2)), jnp.array([0])).round(3))
    -0.0

  Source: PGU (arXiv 2312.04095), exact from its code.
  """
  def term(logits, y):
    p = jax.nn.softmax(logits.astype(jnp.float32))
    p_y = jnp.take_along_axis(p, y[:, None], 1)[:, 0]
    return -jnp.log(1 - (p_y - offset)).mean()
  return term
