"""A price that can be set: how far retained outputs may move, at most.

Moments tell what a change of the weights costs, exactly for every layer with its
original inputs (`drift`). So the largest step that stays within a budget is known
before it is made: the root of a quadratic.

`B` layers that share a parameter, `d` fan-in, `o` fan-out.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from unsc_jax import moments as moments_lib
from unsc_jax import paths
from unsc_jax.null_space import bases as bases_lib
from unsc_jax.null_space import placement
from unsc_jax.null_space import precision
from unsc_jax.null_space import projection
from unsc_jax.null_space import ranks
from unsc_jax.null_space import responses
from unsc_jax.null_space.drift import inner


class BudgetState(NamedTuple):
  """State of `drift_budget`."""
  moments: moments_lib.Moments
  origin: Any  # the parameters that it was initialised with
  limits: dict[str, jax.Array]  # by path: the energy that a change may have


def drift_budget(
    moments: moments_lib.Moments, budget: float
) -> optax.GradientTransformation:
  r"""Shortens every layer's step so that its drift stays within a budget.

  Of an update `U`, with the change :math:`\Delta` so far, passes :math:`s\,U`,

  .. math:: s = \max \{ s \le 1 :
    \mathrm{tr}\,(\Delta + s U)^\top M\, (\Delta + s U)
    \le b^2\, \mathrm{tr}\, W_0^\top M\, W_0 \}

  so that `drift` from the parameters of `init` is at most `b` in every layer. A layer
  whose budget is spent goes on only where retained inputs do not lead. Put it last in
  a chain, after `project_updates`: what follows could lengthen the step again.

  It bounds each layer's own outputs on its original inputs. The logits of a network
  whose layers all move add these changes up, so that they may move by more.

  Args:
    moments: of the inputs to be retained.
    budget: `b`, the relative change of a layer's output, .05 for 5 %.

  Returns:
    The transformation. Parameters without moments are frozen: what they cost is not
    known. It costs two products with `M` a step, as a soft filter does.

  Raises:
    ValueError: the budget is not positive, or the moments are none, by which any step
      would be free; or, on `init`, a moment finds no parameter of its shape.

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> params = {'w': jnp.array([[2.], [1.]])}
    >>> _, M = fn(params, jnp.array([[1., 0.]]))
    >>> tx = optax.chain(optax.sgd(1.), drift_budget(M, .05))
    >>> gradient = {'w': jnp.array([[1.], [0.]])}
    >>> update, _ = jax.jit(tx.update)(gradient, tx.init(params), params)
    >>> round(update['w'][0].item(), 3)  # of a layer whose output was 2
    -0.1

  Source: ours; a trust region in the metric of the retained layer outputs.
  """
  if not ranks.number('a drift budget', budget) > 0:
    raise ValueError(
        f'a drift budget is a positive relative change, not {budget}; try .05.')
  _check(moments)

  def init_fn(params) -> Any:
    projection.check_fit(moments, params)
    leaves = paths.leaf_paths(params)
    placed = jax.tree.map(jnp.copy, placement.follow(moments, leaves))
    limits = {
        path: budget**2 * inner(uses, leaves[path], leaves[path])
        if path in leaves else jnp.zeros(()) for path, uses in placed.by_path.items()}
    return BudgetState(placed, jax.tree.map(jnp.copy, params), limits)

  def update_fn(updates, state, params=None):
    if params is None:
      raise ValueError(
          'a drift budget is told by the parameters; pass them: '
          'update(updates, state, params).')

    def one(path, update, now, origin):
      name = paths.path_name(path)
      uses = state.moments.by_path.get(name)
      if uses is None:
        return jnp.zeros_like(update)
      step, moved = (x.astype(jnp.float32) for x in (update, now))
      moved -= origin.astype(jnp.float32)
      product = functools.partial(inner, uses)
      s = _largest(product(step, step), product(moved, step), product(moved, moved),
                   state.limits[name])
      return (s * step).astype(update.dtype)

    return jax.tree_util.tree_map_with_path(
        one, updates, params, state.origin), state

  return optax.GradientTransformation(init_fn, update_fn)


def _check(moments: moments_lib.Moments) -> None:
  """Raises for what a filter would refuse as well."""
  bases_lib.check(moments)
  for moment in moments:
    if moment.site.kind == 'lookup':
      precision.check_counts(moment)
    else:
      responses.check(moment, jnp.diagonal(moment.mean_square, axis1=-2, axis2=-1))


def _largest(square, across, so_far, limit) -> jax.Array:
  """The largest `s <= 1` with `so_far + 2 s across + s^2 square <= limit`."""
  root = jnp.sqrt(jnp.maximum(across**2 + square * (limit - so_far), 0))
  s = (root - across) / jnp.where(square > 0, square, 1)
  return jnp.where(square > 0, jnp.clip(s, 0, 1), 1)

