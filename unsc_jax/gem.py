"""A gradient that must not undo an earlier one: GEM's constraint as a transform."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax


class GemState(NamedTuple):
  """State of `gem_projection`."""
  memory: Any


def gem_projection(
    memory: Any, *, margin: float = 0., ridge: float = 0.
) -> optax.GradientTransformation:
  r"""Takes back what a gradient does against a remembered one.

  .. math:: \tilde g = g + v\, m, \quad
    v = \max(\text{margin}, -\langle g, m \rangle / (\|m\|^2 + \text{ridge}))
    \quad \text{where } \langle g, m \rangle < 0

  With the defaults it is the nearest gradient with
  :math:`\langle \tilde g, m \rangle \ge 0`; otherwise it passes unchanged. Put
  it before the optimiser: what it constrains is the gradient.

  Args:
    memory: gradient of what may not grow, a pytree like the parameters.
    margin: the least multiplier where the constraint is active.
    ridge: added to the squared norm.

  Returns:
    The transformation. The memory lives in its state.

  Example:
    >>> tx = gem_projection(jnp.array([1., 0.]))
    >>> update, _ = tx.update(jnp.array([-2., 3.]), tx.init(jnp.zeros(2)))
    >>> print(update)
    [0. 3.]

  Source: GEM (Lopez-Paz and Ranzato, 2017) for one memory, whose quadratic
  program has this closed form; exact. Scissorhands uses margin .5, ridge 1e-3.
  """
  dot = lambda a, b: sum(
      jnp.vdot(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)))

  def init_fn(params):
    del params
    return GemState(jax.tree.map(jnp.array, memory))

  def update_fn(updates, state, params=None):
    del params
    inner = dot(updates, state.memory)
    square = dot(state.memory, state.memory) + ridge
    v = jnp.maximum(margin, -inner / jnp.where(square > 0, square, 1))
    v = jnp.where(inner < 0, v, 0)
    return jax.tree.map(
        lambda g, m: g + (v * m).astype(g.dtype), updates, state.memory), state

  return optax.GradientTransformation(init_fn, update_fn)
