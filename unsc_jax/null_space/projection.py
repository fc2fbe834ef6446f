"""Optax transforms that confine an update to the null space of what is kept.

Bases live in the optimiser's state: they are sharded like their parameters,
donated and checkpointed with it, and never become constants of the program.
"""

from collections.abc import Callable
import dataclasses
import difflib
import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from unsc_jax import paths
from unsc_jax import programs
from unsc_jax import sharding
from unsc_jax.null_space import gains as gains_lib
from unsc_jax.null_space import placement


class NullSpaceState(NamedTuple):
  """State of `null_space_projection`."""
  bases: gains_lib.Confinement


class ProjectedState(NamedTuple):
  """State of `project_updates`."""
  bases: gains_lib.Confinement
  inner: optax.OptState


def null_space_projection(
    bases: gains_lib.Confinement, *, train_others: bool = False
) -> optax.GradientTransformation:
  r"""Removes from updates what would change a layer's retained outputs.

  .. math:: \Delta W \leftarrow P \Delta W, \qquad P = I - Q Q^\top

  or the damping `P` of another filter, such as `soft`.

  .. warning::
    What comes *after* it must keep the null space. Momentum, scalar learning
    rates and clipping by global norm do; Adam, Lion, RMSProp, elementwise
    clipping and weight decay do not. `project_updates` is safe around any
    optimiser, and `assert_preserves` tells.

  Args:
    bases: of `null_space_bases` or another filter, by parameter path.
    train_others: whether parameters without a basis (biases, scales) pass
      unchanged. By default they are frozen, since moving them breaks the
      guarantee.

  Returns:
    The transformation.

  Raises:
    TypeError: these are no bases, but a filter or moments.
    ValueError: on `init`, where a basis names a parameter that is not there or
      does not fit its shape.

  Example:
    >>> from unsc_jax import moments as moments_lib
    >>> from unsc_jax import null_space
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> params = {'w': jnp.ones((2, 1))}
    >>> _, M = fn(params, jnp.array([[1., 0.]]))
    >>> tx = optax.chain(
    ...     null_space_projection(null_space.null_space_bases(M)), optax.sgd(1.))
    >>> gradient = {'w': jnp.array([[3.], [4.]])}
    >>> update, _ = tx.update(gradient, tx.init(params), params)
    >>> print(jnp.abs(update['w']).ravel())
    [0. 4.]

  Source: UNSC (IJCAI 2024), algorithm 2, which projects gradients of plain SGD;
  exact after its code, the paper's text was not read.
  """
  gains_lib.check(bases)
  return optax.GradientTransformation(
      programs.holding(_start_alone, bases), _Project(train_others))


def project_updates(
    optimizer: optax.GradientTransformation, bases: gains_lib.Confinement, *,
    train_others: bool = False,
) -> optax.GradientTransformationExtraArgs:
  r"""Runs any optimiser inside the null space: project, step, project.

  .. math:: \Delta W = P\, \mathrm{opt}(P\, G), \qquad P = I - Q Q^\top

  or the damping `P` of another filter, such as `soft`.

  The outer projection is what protects; the inner one lets an adaptive
  optimiser see only directions in which it may move, and so forget faster. Leaves
  of 16 bits are float32 to the optimiser, in its state as well: zeros that a
  projection makes would meet an epsilon that is zero in float16.

  What an optimiser keeps for evaluation is not confined by it. Averages of
  parameters go around: `optax.contrib.schedule_free(project_updates(...), rate)` and
  `optax.lookahead(project_updates(...), ...)` evaluate inside the null space.

  Args:
    optimizer: any Optax optimiser, weight decay and all.
    bases: of `null_space_bases` or another filter, by parameter path.
    train_others: as for `null_space_projection`.

  Returns:
    The optimiser, confined.

  Raises:
    TypeError: these are no bases, but a filter or moments.
    ValueError: on `init`, as for `null_space_projection`.

  Example:
    >>> from unsc_jax import moments as moments_lib
    >>> from unsc_jax import null_space
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> params = {'w': jnp.ones((2, 1))}
    >>> _, M = fn(params, jnp.array([[1., 0.]]))
    >>> tx = project_updates(optax.adam(.1), null_space.null_space_bases(M))
    >>> gradient = {'w': jnp.array([[3.], [4.]])}
    >>> update, _ = tx.update(gradient, tx.init(params), params)
    >>> print(jnp.abs(update['w']).round(3).ravel())
    [0.  0.1]

  Source: ours. Adam-NSCL projects after Adam alone; UNSC before SGD alone.
  """
  gains_lib.check(bases)
  return optax.GradientTransformationExtraArgs(
      programs.holding(functools.partial(_start, optimizer.init), bases),
      _ProjectTwice(programs.update_of(optimizer), train_others))


def _start_alone(bases: gains_lib.Confinement, params: Any) -> NullSpaceState:
  check_fit(bases, params)
  return NullSpaceState(_copy(bases, params))


def _start(init: Callable, bases: gains_lib.Confinement, params: Any) -> ProjectedState:
  check_fit(bases, params)
  return ProjectedState(_copy(bases, params), programs.begin(init, _widened(params)))


@dataclasses.dataclass(frozen=True)
class _Project:
  """The update of `null_space_projection`: equal for all bases, as a step is."""
  train_others: bool

  def __call__(self, updates, state, params=None) -> Any:
    del params
    return project(updates, state.bases, train_others=self.train_others), state


@dataclasses.dataclass(frozen=True)
class _ProjectTwice:
  """The update of `project_updates`: equal for all bases, as a step is."""
  inner: programs.Update
  train_others: bool

  def __call__(self, updates, state, params=None, **extra) -> Any:
    confine = lambda u: project(u, state.bases, train_others=self.train_others)
    wide, inner_state = self.inner(
        confine(_widened(updates)), state.inner, _widened(params), **_widened(extra))
    back = lambda u, given: u.astype(given.dtype) if _is_short(given) else u
    return (jax.tree.map(back, confine(wide), updates),
            ProjectedState(state.bases, inner_state))


def _is_short(leaf: Any) -> bool:
  return getattr(leaf, 'dtype', None) in (jnp.float16, jnp.bfloat16)


def _widened(tree: Any) -> Any:
  """Leaves of 16 bits as float32: Adam's epsilon is zero in float16."""
  return jax.tree.map(lambda x: x.astype(jnp.float32) if _is_short(x) else x, tree)


def project(updates: Any, bases: gains_lib.Confinement, *, train_others: bool = False) -> Any:
  """Projects a pytree of updates; see `null_space_projection`."""
  def one(path, update):
    name = paths.path_name(path)
    if sharding.is_key(update) or update.dtype == jax.dtypes.float0:
      return update  # no number that could move anything
    if name not in bases:
      return update if train_others else jnp.zeros_like(update)
    for basis in bases.by_path[name]:
      update = basis.project(update)
    return update
  return jax.tree_util.tree_map_with_path(one, updates)


def _copy(bases: gains_lib.Confinement, params: Any) -> gains_lib.Confinement:
  """Buffers of the state's own: a step may donate them, the caller's live on."""
  few = placement.in_few_shapes(bases)
  return programs.copy(placement.follow(few, paths.leaf_paths(params)))


def check_fit(what: paths.ByPath, params: Any) -> None:
  """Raises unless every basis, gain or moment finds its parameter, in its shape."""
  is_masked = lambda x: x is None or isinstance(x, optax.MaskedNode)
  leaves = {paths.path_name(path): leaf for path, leaf in
            jax.tree.leaves_with_path(params, is_leaf=is_masked)}
  if not leaves:
    return  # the placeholder of optax.tree_map_params
  masked = tuple(f'{path}/' for path in leaves if is_masked(leaves[path]))
  # Splitting axes of a shape leaves the ends that they had among the new ones.
  ends = lambda sizes: {math.prod(sizes[:i]) for i in range(len(sizes) + 1)}
  for path, uses in what.by_path.items():
    if f'{path}/'.startswith(masked):
      continue  # another transform's, or nobody's
    if path not in leaves:
      close = difflib.get_close_matches(path, leaves, 1, 0) or ['nothing']
      raise ValueError(
          f'the {type(what).__name__.lower()} name {path!r}, but the optimiser was given no such '
          f'parameter (the closest is {close[0]!r}); initialise it with the same '
          'pytree that the moments were taken with.')
    shape = leaves[path].shape
    for item in uses:
      made_for = item.site.shape
      if math.prod(made_for) != math.prod(shape) or not ends(shape) <= ends(made_for):
        raise ValueError(
            f'the {type(item).__name__.lower()} of {path} was made for a parameter '
            f'whose axes are, or split into, {made_for}, but it has shape {shape}; '
            'take the moments again with these parameters.')
