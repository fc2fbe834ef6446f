"""A price that can be set: how far retained outputs may move, at most.

Moments tell what a change of the weights costs, exactly for every layer with its
original inputs (`drift`). So the largest step that stays within a budget is known
before it is made: the root of a quadratic.

`B` layers that share a parameter, `d` fan-in, `o` fan-out.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
from jax import core
import jax.numpy as jnp
import numpy as np
import optax

from unsc_jax import moments as moments_lib
from unsc_jax import paths
from unsc_jax.null_space import bases as bases_lib
from unsc_jax.null_space import cholesky
from unsc_jax.null_space import placement
from unsc_jax.null_space import precision
from unsc_jax.null_space import projection
from unsc_jax.null_space import ranks
from unsc_jax.null_space import responses
from unsc_jax.null_space.drift import inner
from unsc_jax.null_space.drift import or_one

Uses = Sequence[moments_lib.Moment]


class BudgetState(NamedTuple):
  """State of `drift_budget`."""
  moments: moments_lib.Moments
  origin: Any  # the parameters that it was initialised with
  lengths: dict[str, jax.Array]  # by path: of the original outputs of every layer


def drift_budget(
    moments: moments_lib.Moments, budget: float
) -> optax.GradientTransformation:
  r"""Shortens every layer's step so that its drift stays within a budget.

  Of an update `U`, with the change :math:`\Delta` so far, passes :math:`s\,U`,

  .. math:: s = \max \{ s \le 1 :
    \mathrm{tr}\,(\Delta + s U)^\top M\, (\Delta + s U)
    \le b^2\, \mathrm{tr}\, W_0^\top M\, W_0 \}

  so that `drift` from the parameters of `init` is at most `b` in every layer; of those
  that share a parameter, stacked ones or groups, in each. A layer whose budget is spent
  goes on only where retained inputs do not lead. Put it last in a chain, after
  `project_updates`: what follows could lengthen the step again. Parameters of 16 bits
  are rounded after it, which moves outputs as well: by less than .001, of bfloat16 .005.

  It bounds each layer's own outputs on its original inputs. The logits of a network
  whose layers all move add these changes up, so that they may move by more.

  Args:
    moments: of the inputs to be retained.
    budget: `b`, the relative change of a layer's output, .05 for 5 %; of
      `optax.inject_hyperparams` as well.

  Returns:
    The transformation. Parameters without moments are frozen: what they cost is not
    known. It costs two products with `M` a step, as a soft filter does.

  Raises:
    ValueError: the budget is not positive or infinite, or the moments are none, by which
      any step would be free, or those of outputs; or, on `init`, a moment finds no
      parameter of its shape.

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
  check(budget)
  _check_moments(moments)

  def init_fn(params) -> Any:
    projection.check_fit(moments, params)
    leaves = paths.leaf_paths(params)
    placed = jax.tree.map(jnp.copy, placement.follow(moments, leaves))
    lengths = {
        path: _length(uses, leaves[path]) if path in leaves else jnp.zeros(())
        for path, uses in placed.by_path.items()}
    return BudgetState(placed, jax.tree.map(jnp.copy, params), lengths)

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
      moved = now.astype(jnp.float32) - origin.astype(jnp.float32)
      s = _largest(uses, update.astype(jnp.float32), moved, budget * state.lengths[name])
      return _scaled(uses, s, update)

    return jax.tree_util.tree_map_with_path(
        one, updates, params, state.origin), state

  return optax.GradientTransformation(init_fn, update_fn)


def check(budget: float | jax.Array) -> None:
  """Raises unless it is a budget."""
  if isinstance(budget, core.Tracer):
    return
  if not 0 < ranks.number('a drift budget', budget, '0.05') < np.inf:
    raise ValueError(
        f'a drift budget is a positive relative change, not {budget}; try .05, or leave '
        'it out for none.')


def _check_moments(moments: moments_lib.Moments) -> None:
  """Raises for what a filter would refuse as well."""
  bases_lib.check(moments)
  for moment in moments:
    if moment.site.kind == 'output':
      raise ValueError(
          f'the moments of {moment.site.path} are of its outputs; a drift budget is told '
          'by those of inputs, which `input_moments` takes.')
    if moment.site.kind == 'lookup':
      precision.check_counts(moment)
    elif not isinstance(moment.second, core.Tracer):
      _check_positive(moment)


def _check_positive(moment: moments_lib.Moment) -> None:
  """Of many layers a factor tells, which is cheap; eigenvalues give the sentence."""
  moment = bases_lib.on_host(moment)
  count = np.maximum(moment.count, 1)  # in NumPy, as this may be while a step is traced
  means = np.asarray(moment.second) / count[:, None, None]
  room = precision.IMPOSSIBLE * moment.gross.sum(-1) / count
  diagonal = np.diagonal(means, axis1=-2, axis2=-1)
  bad = [not cholesky.is_positive(mean + some * np.eye(len(mean), dtype=mean.dtype))
         for mean, some in zip(means, room + np.finfo(np.float32).tiny)]
  responses.check(moment, np.linalg.eigvalsh(means) if any(bad) else diagonal)


def _length(uses: Uses, w: jax.Array) -> jax.Array:
  """Of a layer's outputs: the root of their energy, in units of its moments."""
  size = _sizes(uses, w)
  return size * jnp.sqrt(jnp.maximum(_inner(uses, (w, size), (w, size)), 0))


def _largest(uses: Uses, step: jax.Array, moved: jax.Array, radius: jax.Array) -> jax.Array:
  """The largest `s <= 1` of every layer for which `moved + s step` is within a radius.

  The root of a quadratic whose coefficients are about 1, whatever the scales of inputs and
  weights: squares of these may lie out of float32's range.
  """
  size, unit = _sizes(uses, step), or_one(jnp.maximum(radius, _sizes(uses, moved)))
  square = jnp.maximum(_inner(uses, (step, size), (step, size)), 0)
  across = _inner(uses, (moved, unit), (step, size))
  so_far = _inner(uses, (moved, unit), (moved, unit))
  left = (radius / unit)**2 - so_far
  root = jnp.sqrt(jnp.maximum(across**2 + square * left, 0))
  # Of the two ways to write the root that in which nothing cancels.
  ahead = left / jnp.where(across > 0, root + across, 1)
  back = (root - across) / jnp.where(square > 0, square, 1)
  reach = unit * jnp.where(across > 0, ahead, back)
  free = (square == 0) | (reach >= size)
  return jnp.where(free, 1, jnp.maximum(reach, 0) / or_one(size))


def _scaled(uses: Uses, s: jax.Array, update: jax.Array) -> jax.Array:
  """Every layer's update times its share, rounded once."""
  wide = update.astype(jnp.promote_types(update.dtype, jnp.float32))
  if len(uses) > 1:
    return (s[0].astype(wide.dtype) * wide).astype(update.dtype)
  site, = (moment.site for moment in uses)
  folded = s[:, None, None].astype(wide.dtype) * site.fold(wide)
  return site.unfold(folded, update.shape).astype(update.dtype)


def _inner(uses: Uses, a: tuple[jax.Array, jax.Array], b: tuple[jax.Array, jax.Array]
           ) -> jax.Array:
  """The inner product of two changes, each with its size, of every layer `[B]`.

  In units of the largest moment. What a parameter is used for twice is one layer, `[1]`.
  """
  largest = [jnp.abs(m.second).max([*range(1, m.second.ndim)]) for m in uses]
  if len(uses) > 1:
    largest = [jnp.stack([one.max() for one in largest]).max()[None]] * len(uses)
  found = [inner(
      m.site, m.second / or_one(unit).reshape(-1, *(1,) * (m.second.ndim - 1)),
      *(m.site.fold(w.astype(jnp.float32)) / or_one(size)[:, None, None]
        for w, size in (a, b)))
           for m, unit in zip(uses, largest)]
  return found[0] if len(found) == 1 else jnp.stack([one.sum() for one in found]).sum()[None]


def _sizes(uses: Uses, w: jax.Array) -> jax.Array:
  """The largest entry of every layer's weights `[B]`."""
  w = jnp.abs(w.astype(jnp.float32))
  return w.max()[None] if len(uses) > 1 else uses[0].site.fold(w).max((1, 2))
