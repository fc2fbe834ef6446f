"""How statistics in a layer's own order lie in the order of its parameter."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax.capture import site as site_lib
from unsc_jax.capture import varying
from unsc_jax.capture import views


class _Axis(NamedTuple):
  """One axis of the (split) parameter, as a layer uses it."""
  role: str  # 'batch', 'reduction' or 'output'
  size: int
  atoms: tuple[int, ...]  # which atoms of that role make it up, outermost first
  index: Any  # [n] the positions along the axis that are used; may be traced


class Placement(NamedTuple):
  """How statistics in a layer's own order lie in the parameter's order."""
  batch_sizes: tuple[int, ...]  # the layer's batch, atom by atom
  summed: tuple[int, ...]  # batch atoms that share the parameter
  reduction_sizes: tuple[int, ...]
  axes: tuple[_Axis, ...]

  def _role(self, role: str) -> list[_Axis]:
    return [axis for axis in self.axes if axis.role == role]

  def arrange(self, value: jax.Array) -> jax.Array:
    """From `[B', d', ...]` as the layer has it to `[*batch, d, ...]`.

    Args:
      value: one batch axis, then any number of fan-in axes.

    Returns:
      The same in the parameter's order; unused fan-in entries are zero.
    """
    copies = value.ndim - 1
    nb, nr = len(self.batch_sizes), len(self.reduction_sizes)
    value = value.reshape(*self.batch_sizes, *self.reduction_sizes * copies)
    batch, reduction = self._role('batch'), self._role('reduction')
    order = [i for axis in batch for i in axis.atoms]
    for c in range(copies):
      order += [nb + c * nr + i for axis in reduction for i in axis.atoms]
    value = value.transpose(*order, *self.summed)
    value = value.sum(range(len(order), value.ndim))
    lengths = lambda axes: [len(axis.index) for axis in axes]
    value = value.reshape(lengths(batch) + lengths(reduction) * copies)
    for c in range(copies):
      for i, axis in enumerate(reduction):
        at = len(batch) + c * len(reduction) + i
        value = _place(value, at, axis.index, axis.size)
    fan_in = math.prod(axis.size for axis in reduction)
    return value.reshape(*lengths(batch), *(fan_in,) * copies)

  def deposit(self, total: jax.Array | None, value: jax.Array) -> jax.Array:
    """Adds an arranged value to a total over all of the parameter's layers."""
    batch = self._role('batch')
    shape = tuple(axis.size for axis in batch)
    if total is None:
      total = jnp.zeros(shape + value.shape[len(batch):], value.dtype)
    if all(_is_everything(axis.index, axis.size) for axis in batch):
      return varying.add(total, value)
    dtype = np.promote_types(total.dtype, value.dtype)
    at = jnp.ix_(*(axis.index for axis in batch))
    return total.astype(dtype).at[at].add(value.astype(dtype))


def _is_everything(index, size: int) -> bool:
  return isinstance(index, np.ndarray) and np.array_equal(index, np.arange(size))


def _place(value: jax.Array, axis: int, index, size: int) -> jax.Array:
  if _is_everything(index, size):
    return value
  if isinstance(index, np.ndarray) and len(index) == size:  # a flipped kernel
    return jnp.take(value, np.argsort(index), axis)
  shape = (*value.shape[:axis], size, *value.shape[axis + 1:])
  at = (slice(None),) * axis + (index,)
  return jnp.zeros(shape, value.dtype).at[at].set(value)


def locate(
    view: views.View, batch: tuple[views.Dim, ...],
    reduction: tuple[views.Dim, ...], kind: str,
) -> tuple[site_lib.Site, Placement] | str:
  """Names the parameter axes that a layer contracts.

  Args:
    view: the layer's weight.
    batch: those of the view's axes, in the layer's order, along which both
      weight and inputs differ.
    reduction: those that are contracted with the input.
    kind: what the layer is, for `Site.kind`.

  Returns:
    The site, and how to bring statistics into its order; where there is no such
    description, the reason why.
  """
  atoms = {'batch': [a for dim in batch for a in dim],
           'reduction': [a for dim in reduction for a in dim]}
  if any(a.axis is None for a in atoms['reduction']):
    return 'read so that one entry multiplies several inputs'
  used = {a for role in atoms.values() for a in role}
  atoms['output'] = [a for dim in view.dims for a in dim if a not in used]
  axes: list[_Axis] = []
  shape: list[int] = []
  for axis, n in enumerate(view.shape):
    found = _axes(axis, n, view.start[axis], atoms)
    if found is None:
      return 'rearranged so that its axes are mixed'
    axes += found
    shape += [a.size for a in found]
  pick = lambda role: tuple(i for i, a in enumerate(axes) if a.role == role)
  site = site_lib.Site(view.path, tuple(shape), pick('reduction'), pick('batch'), kind)
  placement = Placement(
      batch_sizes=tuple(a.size for a in atoms['batch']),
      summed=tuple(i for i, a in enumerate(atoms['batch']) if a.axis is None),
      reduction_sizes=tuple(a.size for a in atoms['reduction']),
      axes=tuple(axes))
  return site, placement


def _axes(axis: int, n: int, start, atoms) -> list[_Axis] | None:
  """What a layer makes of one parameter axis of size `n`."""
  mine = [(role, i, a) for role, group in atoms.items()
          for i, a in enumerate(group) if a.axis == axis]
  if not mine and n == 1:
    return [_Axis('output', 1, (), np.arange(1))]
  mine.sort(key=lambda m: -abs(m[2].step))
  roles = {role for role, *_ in mine} or {'batch'}  # one of stacked layers, say
  if len(roles) == 1:
    at = (np if isinstance(start, int) else jnp).asarray([start])
    for *_, a in mine:
      steps = a.step * np.arange(a.size, dtype=at.dtype)
      at = (at[:, None] + steps[None]).reshape(-1)
    return [_Axis(roles.pop(), n, tuple(i for _, i, _ in mine), at)]
  if not isinstance(start, int):
    return None
  rest = n  # several roles on one axis: its atoms must tile it
  for *_, a in mine:
    if a.step * a.size != rest:
      return None
    rest = a.step
  if rest != 1 or start != 0:
    return None
  return [_Axis(role, a.size, (i,), np.arange(a.size)) for role, i, a in mine]
