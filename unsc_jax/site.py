"""Where a layer meets a parameter, and along which of the parameter's axes.

A layer computes `y = x W`: `W` is the parameter folded to `[B, d, o]`, with `B`
independent layers (stacked, grouped or vmapped), fan-in `d` and fan-out `o`.
"""

from collections.abc import Iterable, Iterator
import itertools
import math
import operator
from typing import Any, NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from unsc_jax import layout


class Site(NamedTuple):
  """One way in which the network uses a parameter.

  The vocabulary is that of `optax.contrib` (GaLore, Muon): the parameter is
  contracted with inputs along `reduction_axis`; `batch_axis` indexes layers
  that see different inputs (groups of a convolution, scanned layers).
  """
  path: str
  shape: tuple[int, ...]  # of the parameter, an axis split where a layer does
  reduction_axis: tuple[int, ...]
  batch_axis: tuple[int, ...] = ()
  kind: str = 'dense'  # 'dense', 'conv', or 'lookup' (rows read by index)

  @property
  def output_axis(self) -> tuple[int, ...]:
    used = {*self.batch_axis, *self.reduction_axis}
    return tuple(i for i in range(len(self.shape)) if i not in used)

  @property
  def folded(self) -> tuple[int, int, int]:
    """`(B, d, o)`: layers, fan-in, fan-out."""
    axes = (self.batch_axis, self.reduction_axis, self.output_axis)
    batch, fan_in, fan_out = (math.prod(self.shape[i] for i in a) for a in axes)
    return batch, fan_in, fan_out

  def fold(self, w: jax.Array) -> jax.Array:
    """The parameter as `[B, d, o]`."""
    order = (*self.batch_axis, *self.reduction_axis, *self.output_axis)
    return w.reshape(self.shape).transpose(order).reshape(self.folded)

  def unfold(self, folded: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """The inverse of `fold`, for a parameter of this shape."""
    order = (*self.batch_axis, *self.reduction_axis, *self.output_axis)
    w = folded.reshape([self.shape[i] for i in order])
    return w.transpose(np.argsort(order)).reshape(shape)


def commute(a: Site, b: Site) -> bool:
  """Whether the constraints of two sites on one parameter can both be imposed.

  Two projections along disjoint axes commute, and their product is the
  projection on both constraints at once.
  """
  apart = lambda s, t: not set(s.reduction_axis) & {*t.reduction_axis, *t.batch_axis}
  return a.shape == b.shape and apart(a, b) and apart(b, a)


def _pairs(sites: Iterable[Site]) -> Iterator[tuple[Site, Site]]:
  """Every two sites of one parameter, one way round and the other."""
  path = operator.attrgetter('path')
  for _, same in itertools.groupby(sorted(sites, key=path), key=path):
    yield from itertools.permutations(same, 2)


def conflicts(sites: Iterable[Site]) -> set[str]:
  """The parameters with sites that cannot all be constrained at once."""
  return {a.path for a, b in _pairs(sites) if not commute(a, b)}


def agreed(sites: Iterable[Site]) -> dict[Site, Site]:
  """Every site, and as what it is to be counted so that it fits the others.

  Of one entry along an axis, `w[:, 3]` say, nothing tells what the axis is: it
  indexes layers, of which this is one, unless other uses take it for more.
  """
  out = {site: site for site in sites}
  for a, b in _pairs(out):
    if out[a] != out[b] and not commute(out[a], out[b]):
      out[a] = _taking_after(out[a], out[b])
  return out


def _taking_after(a: Site, b: Site) -> Site:
  """The site `a` with the roles that `b` gives its batch axes, or as outputs.

  It stays what it is if neither helps.
  """
  contracted = {i for i in a.batch_axis if i in b.reduction_axis}
  for more in (contracted, set()):
    other = a._replace(
        reduction_axis=tuple(sorted({*a.reduction_axis, *more})),
        batch_axis=tuple(i for i in a.batch_axis if i in b.batch_axis))
    if other == b or commute(other, b):
      return other
  return a


def restate(a: Site, b: Site, value: jax.Array) -> jax.Array:
  """Statistics of site `a` as those of `b`, to which batch axes mean something else.

  An axis that `b` contracts: layer `i` has inputs that are zero but at `i`. One
  of its outputs: all of them keep what any layer reads, more than need be.

  Args:
    a: a site.
    b: the same parameter, some batch axes of `a` being of another role.
    value: `[*batch, d, ..., d]` with any number of fan-in axes.

  Returns:
    The same of `b`.
  """
  if a == b:
    return value
  copies, rank = range(value.ndim - len(a.batch_axis)), len(a.shape)
  # To einsum the batch axis `i` is number `i`; in fan-in `c` it is `at(c, i)`.
  at = lambda c, i: rank * (c + 1) + i
  axes = lambda site: [
      *site.batch_axis, *(at(c, i) for c in copies for i in site.reduction_axis)]
  sizes = [a.shape[i % rank] for i in axes(a)]
  operands: list = [value.reshape(sizes), axes(a)]
  for i in {*a.batch_axis} & {*b.reduction_axis}:
    for c in copies:
      operands += [jnp.eye(a.shape[i], dtype=value.dtype), [i, at(c, i)]]
  out = jnp.einsum(*operands, axes(b), precision=lax.Precision.HIGHEST)
  return out.reshape(*(b.shape[i] for i in b.batch_axis), *(b.folded[1],) * len(copies))


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
      return total + value
    return total.at[jnp.ix_(*(axis.index for axis in batch))].add(value)


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
    view: layout.View, batch: tuple[layout.Dim, ...],
    reduction: tuple[layout.Dim, ...], kind: str,
) -> tuple[Site, Placement] | str:
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
  site = Site(view.path, tuple(shape), pick('reduction'), pick('batch'), kind)
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
      at = (at[:, None] + a.step * np.arange(a.size)).reshape(-1)
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
