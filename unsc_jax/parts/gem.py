"""A gradient that must not undo an earlier one: GEM's constraint as a transform."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from unsc_jax import paths


class GemState(NamedTuple):
  """State of `gem_projection`."""
  memory: dict[str, jax.Array]  # by path


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
    memory: gradient of what may not grow, a pytree like the parameters. Where
      only some of these are updated, the rest of it has no say.
    margin: the least multiplier where the constraint is active.
    ridge: added to the squared norm.

  Returns:
    The transformation. The memory lives in its state.

  Example:
    >>> tx = gem_projection(jnp.array([1., 0.]))
    >>> update, _ = tx.update(jnp.array([-2., 3.]), tx.init(jnp.zeros(2)))
    >>> print(update)
    [0. 3.]

  Source: GEM (Lopez-Paz and Ranzato, 2017), from memory, for one memory, whose
  quadratic program has this closed form; margin .5 and ridge 1e-3 are exact from
  Scissorhands' code.
  """
  by_path = paths.leaf_paths(memory)

  def init_fn(params):
    own = by_path if params is None else paths.leaf_paths(params)
    return GemState({path: jnp.array(by_path[path]) for path in own})

  def update_fn(updates, state, params=None):
    del params
    of = lambda path: state.memory[paths.path_name(path)]
    dot = lambda tree: jax.tree.reduce(jnp.add, jax.tree_util.tree_map_with_path(
        lambda path, g: jnp.vdot(g, of(path)), tree))
    inner = dot(updates)
    square = sum(map(jnp.vdot, state.memory.values(), state.memory.values())) + ridge
    v = jnp.maximum(margin, -inner / jnp.where(square > 0, square, 1))
    v = jnp.where(inner < 0, v, 0)
    return jax.tree_util.tree_map_with_path(
        lambda path, g: g + (v * of(path)).astype(g.dtype), updates), state

  return optax.GradientTransformation(init_fn, update_fn)
