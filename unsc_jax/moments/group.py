"""Second moments of the inputs of a network's layers, a group under addition.

What a network must keep is written here: a change `D` of a layer's weights
leaves its outputs on some inputs `x` alone if and only if `M D = 0`, where
`M = sum x x^T`. Moments of disjoint data add up, so that those of what remains
are those of everything less those of what is to be forgotten.

`B` layers that share a parameter (stacked, grouped; mostly 1), `d` fan-in.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from unsc_jax import capture
from unsc_jax import paths


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=('second', 'first', 'count', 'fixed'), meta_fields=('site',))
@dataclasses.dataclass(frozen=True)
class Moment:
  """Sums over the inputs of one site.

  Attributes:
    site: which axes of which parameter the inputs meet.
    second: `[B, d, d]` the sum of `x x^T`; for a lookup `[B, d]`, its diagonal:
      how often each row was read.
    first: `[B, d]` the sum of `x`.
    count: `[B]` how many `x` were summed.
    fixed: the part of these three sums that no data reach, None if there is no
      such part. A table of positions, say, is read alike by every batch.
  """
  site: capture.Site
  second: jax.Array
  first: jax.Array
  count: jax.Array
  fixed: tuple[jax.Array, jax.Array, jax.Array] | None = None

  @property
  def mean_square(self) -> jax.Array:
    """`[B, d, d]` (or `[B, d]`): the second moment of a single input."""
    count = jnp.maximum(self.count, 1)
    return self.second / count.reshape(-1, *(1,) * (self.second.ndim - 1))

  @property
  def covariance(self) -> jax.Array:
    """`[B, d, d]`: the second moment about the mean, as LOFT wants it."""
    if self.second.ndim == 2:
      raise ValueError(
          f'{self.site.path} is read by lookups, which have no covariance; use '
          '`mean_square`, the frequency of every row.')
    mean = self.first / jnp.maximum(self.count, 1)[:, None]
    return self.mean_square - mean[:, :, None] * mean[:, None, :]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Moments(paths.ByPath[Moment]):
  """The moments of a network's inputs, a group under addition.

  `M_all - M_forget` is exact if every example meets each layer with the same
  inputs, equally often, in whatever batch it comes: not with batch statistics or
  random numbers, nor where an argument that a batch shares meets a parameter,
  once a batch, unless `data` of `input_moments` tells it apart.
  """

  def __add__(self, other: 'Moments') -> 'Moments':
    _check_same(self, other)
    return jax.tree.map(jnp.add, self, other)

  def __sub__(self, other: 'Moments') -> 'Moments':
    _check_same(self, other)
    return jax.tree.map(_less, self, other, is_leaf=lambda x: isinstance(x, Moment))

  def __mul__(self, scale: float) -> 'Moments':
    return jax.tree.map(lambda leaf: leaf * scale, self)

  __rmul__ = __mul__


def _less(a: Moment, b: Moment) -> Moment:
  """What is left of `a` without the data of `b`.

  What no data reach stays: the data that remain need it just as much.
  """
  rest = jax.tree.map(jnp.subtract, a, b)
  if b.fixed is None:
    return rest
  sums = map(jnp.add, (rest.second, rest.first, rest.count), b.fixed)
  return Moment(a.site, *sums, fixed=a.fixed)


def _check_same(a: Moments, b: Moments) -> None:
  if jax.tree.structure(a) == jax.tree.structure(b):
    return
  apart = set(a.by_path) ^ set(b.by_path) or {
      m.site.path for m, n in zip(a, b) if m.site != n.site}
  raise ValueError(
      f'these moments belong to different networks, they differ at '
      f'{", ".join(sorted(apart))}; add only moments of the same function.')


def from_sums(values: dict[capture.Site, Any], fixed: dict[capture.Site, Any]) -> Moments:
  """Moments from what `trace.trace` found, `(second, first, count)` at each site.

  A parameter with a site that has no sums is left out.
  """
  by_path: dict[str, tuple[Moment, ...]] = {}
  skipped = {site.path for site, sums in values.items() if not sums}
  for site, sums in sorted(values.items()):
    if site.path not in skipped:
      part = fixed.get(site)
      moment = Moment(site, *_flat(site, sums), fixed=part and _flat(site, part))
      by_path[site.path] = (*by_path.get(site.path, ()), moment)
  return Moments(by_path)


def _flat(site: capture.Site, sums: Any) -> Any:
  """Sums with one leading axis for all of a site's layers."""
  batch = len(site.batch_axis)
  return tuple(leaf.reshape(-1, *leaf.shape[batch:]) for leaf in sums)


def check_finite(moments: Moments) -> None:
  """Raises if a moment is NaN or infinite, naming the parameter."""
  finite = jax.tree.map(lambda leaf: jnp.isfinite(leaf).all(), moments)
  for moment in finite:
    if not all(jax.device_get(jax.tree.leaves(moment))):
      raise ValueError(
          f'the inputs that meet {moment.site.path} are NaN or infinite; check '
          'the data and the parameters before taking moments.')
