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
from unsc_jax import programs


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=('second', 'first', 'count', 'gross', 'fixed'), meta_fields=('site',))
@dataclasses.dataclass(frozen=True)
class Moment:
  """Sums over the inputs of one site.

  Attributes:
    site: which axes of which parameter the inputs meet.
    second: `[B, d, d]` the sum of `x x^T`, of complex inputs that of `Re(x x^H)`;
      for a lookup `[B, d]`, its diagonal: how often each row was read.
    first: `[B, d]` the sum of `x`, complex where inputs are.
    count: `[B]` how many `x` were summed.
    gross: `[B, d]` the diagonal of `second` as it would be if nothing had been
      taken away, but all added: as large as that, rounding counts.
    fixed: the part of the first three sums that no data reach, None if there is no
      such part. A table of positions, say, is read alike by every batch.
  """
  site: capture.Site
  second: jax.Array
  first: jax.Array
  count: jax.Array
  gross: jax.Array
  fixed: tuple[jax.Array, jax.Array, jax.Array] | None = None

  @property
  def mean_square(self) -> jax.Array:
    """`[B, d, d]` (or `[B, d]`): the second moment of a single input."""
    return _mean(self.second, self.count)

  @property
  def covariance(self) -> jax.Array:
    """`[B, d, d]`: the second moment about the mean, as LOFT wants it."""
    if self.second.ndim == 2:
      raise ValueError(
          f'{self.site.path} is read by lookups, which have no covariance; use '
          '`mean_square`, the frequency of every row.')
    return _covariance(self.second, self.first, self.count)


@jax.jit
def _covariance(second: jax.Array, first: jax.Array, count: jax.Array) -> jax.Array:
  mean = first / jnp.maximum(count, 1)[:, None]
  return _mean(second, count) - (mean[:, :, None] * mean.conj()[:, None, :]).real


@jax.jit
def _mean(second: jax.Array, count: jax.Array) -> jax.Array:
  """A sum over inputs for each of them, of none the sum."""
  count = jnp.maximum(count, 1)
  return second / count.reshape(-1, *(1,) * (second.ndim - 1))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Moments(paths.ByPath[Moment]):
  """The moments of a network's inputs, a group under addition.

  `M_all - M_forget` is exact if every example meets each layer with the same
  inputs, equally often, in whatever batch it comes: not with batch statistics or
  random numbers, nor where an argument that a batch shares meets a parameter,
  once a batch, unless `data` of `input_moments` tells it apart. `A - B` is
  `A + (-1) * B`; a part that no data reach is never taken away.
  """

  __array_ufunc__ = None  # or NumPy would multiply by every number of an array

  def __add__(self, other: 'Moments') -> 'Moments':
    if not isinstance(other, Moments):
      return NotImplemented
    _check_same(self, other)
    return programs.add(self, other)

  def __radd__(self, other: int) -> 'Moments':
    return self if isinstance(other, int) and other == 0 else NotImplemented  # as `sum` begins

  def __sub__(self, other: 'Moments') -> 'Moments':
    return self + -other if isinstance(other, Moments) else NotImplemented

  def __neg__(self) -> 'Moments':
    return -1. * self

  def __mul__(self, scale: float) -> 'Moments':
    return _scaled(self, scale) if _is_number(scale) else NotImplemented

  __rmul__ = __mul__

  def __truediv__(self, scale: float) -> 'Moments':
    return self * (1 / scale) if _is_number(scale) else NotImplemented


def _is_number(scale: Any) -> bool:
  """Whether it is one real number; not an array of them, whose axes would be the matrix'."""
  return isinstance(scale, int | float) or (
      hasattr(scale, 'dtype') and jnp.shape(scale) == ()
      and not jnp.issubdtype(scale.dtype, jnp.complexfloating))


@jax.jit
def _scaled(moments: Moments, scale: jax.Array) -> Moments:
  return jax.tree.map(lambda moment: _times(moment, scale), moments,
                      is_leaf=lambda x: isinstance(x, Moment))


def _times(moment: Moment, scale: float | jax.Array) -> Moment:
  """A moment times a number.

  What no data reach cannot be taken away: the data that remain need it just as much.
  Counts of a lookup are whole numbers only before they are scaled, so that their
  gross stays at that at least.
  """
  size = abs(scale)
  sums = (moment.second * scale, moment.first * scale, moment.count * scale)
  fixed = moment.fixed
  if fixed is not None:
    kept = (size + scale) / 2  # the scale, or 0 if it is negative
    sums = tuple(s + (kept - scale) * f for s, f in zip(sums, fixed))
    fixed = jax.tree.map(lambda f: f * kept, fixed)
  if moment.site.kind == 'lookup':
    size = jnp.maximum(size, 1)
  return Moment(moment.site, *sums, gross=moment.gross * size, fixed=fixed)


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
      flat = _flat(site, sums)
      gross = flat[0] if flat[0].ndim == 2 else jnp.diagonal(flat[0], axis1=1, axis2=2)
      moment = Moment(site, *flat, gross=jnp.abs(gross),
                      fixed=part and _flat(site, part))
      by_path[site.path] = (*by_path.get(site.path, ()), moment)
  return Moments(by_path)


def _flat(site: capture.Site, sums: Any) -> Any:
  """Sums with one leading axis for all of a site's layers."""
  batch = len(site.batch_axis)
  return tuple(leaf.reshape(-1, *leaf.shape[batch:]) for leaf in sums)


def check_finite(moments: Moments) -> None:
  """Raises if a moment is not finite, or out of float32's range, naming the parameter."""
  states = programs.look(_states, [(m.second, m.first, m.gross) for m in moments])
  for moment, (finite, small, large) in zip(moments, states):
    path = moment.site.path
    if small or large:
      raise ValueError(
          f'the inputs that meet {path} are so {"small" if small else "large"} that their '
          'squares leave the range of float32; rescale them, or leave the parameter out '
          'with `select`.')
    if not finite:
      raise ValueError(
          f'the inputs that meet {path} are NaN or infinite; check the data and the '
          'parameters before taking moments.')


def _states(sums: list[tuple[jax.Array, ...]]) -> list[tuple[jax.Array, ...]]:
  return [_state(*of_moment) for of_moment in sums]


def _state(second, first, gross) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Whether sums are finite, and why they say nothing if they are too small or large."""
  xp = second.__array_namespace__()
  inputs = xp.isfinite(first).all()
  squares = xp.isfinite(second).all() & xp.isfinite(gross.sum(-1)).all()
  # Under this, 1e-7 of the largest square is too small a number itself.
  least = xp.finfo(gross.dtype).tiny / xp.finfo(gross.dtype).eps
  vanish = (gross.max(initial=0) < least) & (xp.abs(first).max(initial=0) > 0)
  return inputs & squares, inputs & squares & vanish, inputs & ~squares
