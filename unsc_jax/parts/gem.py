"""GEM: a loss whose gradient does not go against one that is remembered."""

from collections.abc import Callable
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from unsc_jax.parts import leaves
from unsc_jax.problem import trainable


def held(
    loss: Callable[[Any], jax.Array], params: Any, memory: Any, *,
    margin: float = 0., ridge: float = 0.,
) -> jax.Array:
  r"""A loss with its own value, and the gradient that `projected` makes of its own.

  Written as a loss, see `leaves.having`, since the memory changes while one trains:
  pass it as `training.Refresh`.

  Args:
    loss: from parameters to a scalar.
    params: pytree of arrays.
    memory: as for `projected`.
    margin: as for `projected`.
    ridge: as for `projected`.

  Returns:
    The loss. Its gradient costs no more than it would without.

  Example:
    >>> loss = lambda w: -2 * w[0] + 3 * w[1]
    >>> print(jax.grad(lambda w: held(loss, w, jnp.array([1., 0.])))(jnp.zeros(2)))
    [0. 3.]
  """
  here = lax.stop_gradient(trainable.floats(params))
  value, gradient = trainable.value_and_grad(loss)(trainable.merged(here, params))
  memory = jax.tree.map(
      lambda leaf, m: m if trainable.is_floating(leaf) else None, params, memory)
  gradient = projected(gradient, memory, margin=margin, ridge=ridge)
  return leaves.having(value, trainable.floats(params), gradient)


def projected(
    gradient: Any, memory: Any, *, margin: float = 0., ridge: float = 0.
) -> Any:
  r"""Takes back what a gradient does against a remembered one.

  .. math:: \tilde g = g + v\, m, \quad
    v = \max(\text{margin}, -\langle g, m \rangle / (\|m\|^2 + \text{ridge}))
    \quad \text{where } \langle g, m \rangle < 0

  With the defaults it is the nearest gradient with
  :math:`\langle \tilde g, m \rangle \ge 0`; otherwise it passes unchanged.

  Args:
    gradient: pytree of arrays.
    memory: gradient of what may not grow, like `gradient`. Where it is zero, as it
      should be for what is not trained, it has no say.
    margin: the least multiplier where the constraint is active.
    ridge: added to the squared norm.

  Returns:
    The gradient `g~`.

  Example:
    >>> print(projected(jnp.array([-2., 3.]), jnp.array([1., 0.])))
    [0. 3.]

  Source: GEM (Lopez-Paz and Ranzato, 2017), from memory, for one memory, whose
  quadratic program has this closed form; margin .5 and ridge 1e-3 are exact from
  Scissorhands' code.
  """
  inner, square = leaves.dot(gradient, memory), leaves.dot(memory, memory) + ridge
  v = jnp.maximum(margin, -inner / jnp.where(square > 0, square, 1))
  v = jnp.where(inner < 0, v, 0)
  return jax.tree.map(lambda g, m: g + (v * m).astype(g.dtype), gradient, memory)
