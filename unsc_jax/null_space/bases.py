"""What the moments leave free: the null space of a layer's inputs.

The eigenvectors of a layer's second moment that carry its energy span what has
to be kept; their complement is free. Whichever is smaller is stored.

`B` layers that share a parameter, `d` fan-in, `k` columns stored.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
from typing import Any, TypeVar
import warnings

import jax
from jax import core
from jax import lax
import jax.numpy as jnp
import numpy as np

from unsc_jax import capture
from unsc_jax import moments as moments_lib
from unsc_jax import paths
from unsc_jax import sharding
from unsc_jax.null_space import eigen
from unsc_jax.null_space import precision
from unsc_jax.null_space import ranks

Choice = TypeVar('Choice')


def folded(
    site: capture.Site, fn: Callable[[jax.Array], jax.Array], update: jax.Array
) -> jax.Array:
  """What `fn` makes of an update that is folded as a site's inputs meet it.

  Args:
    site: of a parameter.
    fn: from `[B, d, o]` to the same, in float32, of float64 in float64.
    update: shaped like the parameter.

  Returns:
    The same shape and type.
  """
  wide = jnp.float64 if update.dtype == jnp.float64 else jnp.float32
  return site.unfold(fn(site.fold(update).astype(wide)), update.shape).astype(update.dtype)


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=('vectors', 'eigenvalues', 'rank'),
    meta_fields=('site', 'free'))
@dataclasses.dataclass(frozen=True)
class Basis:
  """An orthonormal basis of what one site keeps, or of what it leaves free.

  Attributes:
    site: which axes of which parameter are confined.
    free: whether `vectors` span the free complement, not the kept span.
    vectors: `[B, d, k]` orthonormal columns, or zero ones where a layer needs
      fewer than `k`. For a lookup `[B, d]`: 1 for a row that is free.
    eigenvalues: `[B, d]` of the mean square input, largest first.
    rank: `[B]` the number of kept directions.
  """
  site: capture.Site
  free: bool
  vectors: jax.Array
  eigenvalues: jax.Array
  rank: jax.Array

  def project(self, update: jax.Array) -> jax.Array:
    """The part of an update, shaped like the parameter, that stays free."""
    return folded(self.site, self._allowed, update)

  @property
  def degrees_of_freedom(self) -> jax.Array:
    """`[B]` how many directions are free."""
    return self.eigenvalues.shape[-1] - self.rank

  def _allowed(self, update: jax.Array) -> jax.Array:
    """The free part of a folded parameter `[B, d, o]`."""
    if self.site.kind == 'lookup':
      return self.vectors[..., None].astype(update.dtype) * update
    if self.free:
      return self._span(update)
    # Twice: the first time an update that is mostly kept leaves rounding.
    allowed = update - self._span(update)
    return allowed - self._span(allowed)

  def _span(self, folded: jax.Array) -> jax.Array:
    """The part of a folded parameter `[B, d, o]` in the span of `vectors`."""
    mul = functools.partial(jnp.einsum, precision=lax.Precision.HIGHEST)
    q = self.vectors.astype(folded.dtype)
    return mul('bdk,bko->bdo', q, mul('bdk,bdo->bko', q, folded))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Bases(paths.ByPath[Basis]):
  """The bases of a network's layers, by parameter path; a pytree of arrays."""


def null_space_bases(
    moments: moments_lib.Moments,
    energy: ranks.Energy = 0.99,
    *,
    per_path: Mapping[str, ranks.Energy] | None = None,
    solver: eigen.Eigh | None = None,
) -> Bases:
  r"""Splits every layer's fan-in into what must be kept and what is free.

  With :math:`M / n = U \Lambda U^\top` and the rank `k` that a rule gives,
  :math:`Q = U_{:k}` is kept: an update :math:`\Delta W` with
  :math:`Q^\top \Delta W = 0` leaves the layer's outputs alone but for the
  energy that the rule lets go.

  Args:
    moments: of the inputs to be retained.
    energy: share of the energy to keep, or a rule such as `threshold_rank()`.
      A row of a lookup table is kept if it was read at all.
    per_path: other values for some parameters.
    solver: `eigh` or `eigh_float64`; by default the first, on TPUs the second.
      Moments on a mesh are dealt out to it over the mesh's devices, layer by
      layer.

  Returns:
    The bases of every captured parameter, one for every way in which it is used.
    Under `jax.jit` shapes cannot depend on ranks: all `d` columns are stored then.

  Raises:
    ValueError: there are no moments, or they count no input; `per_path` names a
      parameter without moments; a moment is not finite.
    TypeError: these are no moments, or the energy is a filter.

  Warns:
    UserWarning: a layer has no free direction left.

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> _, M = fn({'w': jnp.ones((3, 2))}, jnp.array([[1., 0., 0.]]))
    >>> null_space_bases(M)['w'].rank.item()
    1

  Source: UNSC (IJCAI 2024), algorithm 1, after its code: the eigenvectors of
  `R R^T` are the left singular vectors of the representation `R` there. Exact but
  for the rank, where the code keeps one direction less (`published_rank`).
  """
  check(moments)
  rules = {path: ranks.rank_rule(choice)
           for path, choice in choices(moments, energy, per_path).items()}
  solved = eigen.each(
      mean_squares([m for m in moments if m.site.kind != 'lookup']), solver)
  bases = Bases({path: tuple(
      _of_lookup(moment) if moment.site.kind == 'lookup'
      else _basis(moment, rules[path], *next(solved)) for moment in uses)
                 for path, uses in moments.by_path.items()})
  for basis in bases:
    _warn_if_full(basis)
  return bases


@jax.jit
def mean_squares(moments: Sequence[moments_lib.Moment]) -> list[jax.Array]:
  """The second moments `[B, d, d]` of a single input of each."""
  return [moment.mean_square for moment in moments]


def choices(
    moments: moments_lib.Moments, default: Choice, per_path: Mapping[str, Choice] | None
) -> dict[str, Choice]:
  """What was chosen for every path of the moments.

  Raises:
    ValueError: `per_path` names a parameter without moments.
  """
  chosen = {**dict.fromkeys(moments.by_path, default), **(per_path or {})}
  for path in chosen:
    if path not in moments.by_path:
      raise ValueError(
          f'per_path names {path!r}, which has no moments; choose among '
          f'{", ".join(moments.by_path)}.')
  return chosen


def check(moments: moments_lib.Moments) -> None:
  """Raises unless there are moments, of some inputs, and finite."""
  if not isinstance(moments, moments_lib.Moments):
    raise TypeError(
        f'moments are wanted, and this is a {type(moments).__name__}; take them with '
        '`input_moments` and `accumulate`.')
  if not moments.by_path:
    raise ValueError(
        'there are no moments: none of the parameters was captured; '
        '`unsc_jax.sites` tells why.')
  if any(isinstance(m.count, core.Tracer) for m in moments):
    return
  moments_lib.check_finite(moments)
  if all((np.asarray(moment.count) < 0).all() for moment in moments):
    raise ValueError(
        'the moments count fewer inputs than none: more were subtracted than had ever '
        'been added; subtract only moments of data that are among those.')
  if not any(_is_fed(on_host(moment)) for moment in moments):
    raise ValueError(
        'the moments count no inputs, as when everything is subtracted; take '
        'those of some data to retain.')


def are_fed(moments: moments_lib.Moments) -> jax.Array:
  """The last of these checks as a boolean, also under `jax.jit`."""
  return jnp.stack([*map(_is_fed, moments)]).any()


def _is_fed(moment: moments_lib.Moment) -> Any:
  """Whether inputs are left, of data where there ever were some."""
  xp = moment.count.__array_namespace__()
  if moment.fixed is None:
    fed = xp.max(moment.count) > 0
  else:
    second, _, count = moment.fixed
    alone = xp.trace(second, axis1=1, axis2=2) if second.ndim == 3 else second.sum(-1)
    never_fed = xp.all(moment.gross.sum(-1) <= alone * (1 + 1e-6))
    fed = never_fed | (xp.max(moment.count - count) > 0)
  if moment.site.kind == 'lookup':
    fed |= xp.any(moment.gross > precision.COUNTABLE)
  return fed


def _of_lookup(moment: moments_lib.Moment) -> Basis:
  precision.check_counts(moment)
  return _unread(moment)


@jax.jit
def _unread(moment: moments_lib.Moment) -> Basis:
  """The rows of a table that were not read are free."""
  read = precision.read(moment)
  frequency = -jnp.sort(-moment.mean_square, axis=-1)
  free = (~read).astype(jnp.float32)
  return Basis(moment.site, True, free, frequency, read.sum(-1))


def _basis(moment: moments_lib.Moment, rule: ranks.RankRule, values: jax.Array,
           vectors: jax.Array) -> Basis:
  site, d = moment.site, values.shape[-1]
  rank = rank_of(moment, rule, values)
  if isinstance(values, core.Tracer):
    columns = np.arange(d, dtype=rank.dtype)[None]
    vectors *= (columns >= rank[:, None])[:, None].astype(vectors.dtype)
    return Basis(site, True, vectors, values, rank)
  found: Any = np.asarray(values)
  # The smaller of the two is kept. Where layers need fewer, zero columns fill up.
  least, most = int(rank.min()), int(rank.max())
  free = d - least < most
  mask = np.arange(d) >= rank[:, None] if free else np.arange(d) < rank[:, None]
  used = slice(least, d) if free else slice(0, most)
  mesh = sharding.mesh_of(vectors)
  # Where it can be read, nothing is compiled.
  columns: Any = np.asarray(vectors) if mesh is None else vectors
  chosen = (columns * mask[:, None].astype(vectors.dtype))[..., used]
  if mesh is None:
    return Basis(site, free, *jax.device_put((chosen, found, rank)))
  return Basis(site, free, chosen, *sharding.replicate((found, rank), mesh))


def rank_of(moment: moments_lib.Moment, rule: ranks.RankRule, values: jax.Array) -> Any:
  """How many directions `[B]` a rule keeps, of eigenvalues that are looked at on the host.

  Raises:
    ValueError: they are not those of a moment.
  """
  if isinstance(values, core.Tracer):
    return ranks.of_rule(rule, values + precision.doubt(moment, values)[:, None])
  found: Any = np.asarray(values)
  small = on_host(moment)
  precision.check(small, found)
  sure = found + precision.doubt(small, found)[:, None]
  return np.asarray(ranks.of_rule(rule, sure), np.int32)


def on_host(moment: moments_lib.Moment) -> moments_lib.Moment:
  """A moment whose sums are in host memory, but for the large one."""
  small = jax.tree.map(np.asarray, (moment.first, moment.count, moment.gross))
  return moments_lib.Moment(
      moment.site, moment.second, *small, fixed=moment.fixed)


def _warn_if_full(basis: Basis) -> None:
  """Names a site of which some layers cannot change at all."""
  if isinstance(basis.rank, core.Tracer):
    return
  layers, d = basis.eigenvalues.shape
  full = int((np.asarray(basis.rank) == d).sum())
  if full:
    where = f' in {full} of its {layers} layers' if layers > 1 else ''
    warnings.warn(
        f'{basis.site.path} has no free direction left{where}: 0 of {d} are '
        'free, so it cannot change; lower its energy, or protect fewer data.',
        stacklevel=3)
