"""Where a layer meets a parameter, and along which of the parameter's axes.

A layer computes `y = x W`: `W` is the parameter folded to `[B, d, o]`, with `B`
independent layers (stacked, grouped or vmapped), fan-in `d` and fan-out `o`.
"""

from collections.abc import Iterable, Iterator
import itertools
import math
import operator
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np


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
  # 'dense', 'conv', or 'lookup' (rows read by index); 'output' for a layer's other side.
  kind: str = 'dense'

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
