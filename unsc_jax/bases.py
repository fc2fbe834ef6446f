"""What the moments leave free: the null space of a layer's inputs.

The eigenvectors of a layer's second moment that carry its energy span what has
to be kept; their complement is free. Whichever is smaller is stored.

`B` layers that share a parameter, `d` fan-in, `k` columns stored.
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import warnings

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from unsc_jax import moments as moments_lib
from unsc_jax import site as site_lib

Eigh = Callable[[jax.Array], tuple[jax.Array, jax.Array]]
RankRule = Callable[[jax.Array], jax.Array]
Bases = dict[str, tuple['Basis', ...]]


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
  site: site_lib.Site
  free: bool
  vectors: jax.Array
  eigenvalues: jax.Array
  rank: jax.Array

  def project(self, update: jax.Array) -> jax.Array:
    """The part of an update, shaped like the parameter, that stays free."""
    folded = self.site.fold(update).astype(jnp.float32)
    if self.site.kind == 'lookup':
      kept = self.vectors[..., None] * folded
    else:
      mul = functools.partial(jnp.einsum, precision=lax.Precision.HIGHEST)
      inside = mul('bdk,bko->bdo', self.vectors,
                   mul('bdk,bdo->bko', self.vectors, folded))
      kept = inside if self.free else folded - inside
    return self.site.unfold(kept, update.shape).astype(update.dtype)


def energy_rank(energy: float) -> RankRule:
  r"""Keeps the fewest directions that carry a share of the energy.

  .. math:: k = \min \{ k \ge 1 :
    \textstyle\sum_{i \le k} \lambda_i \ge \epsilon \sum_i \lambda_i \}

  Args:
    energy: the share, in (0, 1].

  Returns:
    A function from eigenvalues `[..., d]`, largest first, to ranks `[...]`.

  Example:
    >>> energy_rank(.9)(jnp.array([6., 3., 1.])).item()
    2

  Source: the criterion of GPM and UNSC, exact. Their published code stops one
  short of it and can keep nothing at all.
  """
  if not 0 < energy <= 1:
    raise ValueError(
        f'energy is a share of the total in (0, 1], not {energy}; try 0.99.')

  def rule(eigenvalues):
    total = jnp.cumsum(jnp.maximum(eigenvalues, 0), -1)
    # Relative to the last partial sum: at energy 1 rounding must not matter.
    short = total < energy * total[..., -1:]
    return 1 + jnp.minimum(short.sum(-1), eigenvalues.shape[-1] - 1)

  return rule


def threshold_rank(relative: float = 1e-6) -> RankRule:
  """Keeps every direction whose eigenvalue exceeds a share of the largest.

  Below about 1e-6 float32 eigenvalues are rounding noise; use it with
  `eigh_float64` for tighter thresholds.

  Args:
    relative: the share of the largest eigenvalue.

  Returns:
    A function from eigenvalues `[..., d]`, largest first, to ranks `[...]`.

  Example:
    >>> threshold_rank(1e-3)(jnp.array([1., .5, 1e-7])).item()
    2
  """
  return lambda values: jnp.maximum(
      1, (values > relative * values[..., :1]).sum(-1))


@jax.jit
def eigh(matrices: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Eigenvalues `[B, d]`, largest first, and eigenvectors `[B, d, d]`."""
  values, vectors = jnp.linalg.eigh(matrices)
  return values[..., ::-1], vectors[..., ::-1]


def eigh_float64(matrices: jax.Array) -> tuple[jax.Array, jax.Array]:
  """As `eigh`, in float64 on the host: for tight thresholds, or on a TPU."""
  values, vectors = np.linalg.eigh(np.asarray(matrices, np.float64))
  flip = lambda x: jnp.asarray(x[..., ::-1], jnp.float32)
  return flip(values), flip(vectors)


def null_space_bases(
    moments: moments_lib.Moments,
    energy: float | RankRule = 0.99,
    *,
    per_path: Mapping[str, float | RankRule] | None = None,
    solver: Eigh = eigh,
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
    solver: `eigh`, or `eigh_float64`.

  Returns:
    Parameter path to its bases, one for every way in which it is used. Under
    `jax.jit` shapes cannot depend on ranks: all `d` columns are stored then.

  Raises:
    ValueError: `per_path` names a parameter without moments, or a moment is not
      finite.

  Warns:
    UserWarning: a layer has no free direction left.

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> _, M = fn({'w': jnp.ones((3, 2))}, jnp.array([[1., 0., 0.]]))
    >>> null_space_bases(M)['w'][0].rank.item()
    1

  Source: UNSC (IJCAI 2024), algorithm 1; the eigenvectors of `R R^T` are the
  left singular vectors of the representation `R` there. Exact.
  """
  rules = {}
  for path, choice in {**dict.fromkeys(moments.by_path, energy),
                       **(per_path or {})}.items():
    if path not in moments.by_path:
      raise ValueError(
          f'per_path names {path!r}, which has no moments; choose among '
          f'{", ".join(moments.by_path)}.')
    rules[path] = choice if callable(choice) else energy_rank(choice)
  if not any(isinstance(m.count, jax.core.Tracer) for m in moments):
    moments_lib.check_finite(moments)
  return {path: tuple(_basis(moment, rules[path], solver) for moment in found)
          for path, found in moments.by_path.items()}


def _basis(moment: moments_lib.Moment, rule: RankRule, solver: Eigh) -> Basis:
  site = moment.site
  if site.kind == 'lookup':
    unread = (moment.second <= 0).astype(jnp.float32)
    frequency = -jnp.sort(-moment.mean_square, axis=-1)
    rank = jnp.sum(moment.second > 0, -1)
    return Basis(site, True, unread, frequency, rank)
  values, vectors = solver(moment.mean_square)
  rank = rule(values)
  if isinstance(rank, jax.core.Tracer):
    kept = jnp.arange(values.shape[-1]) < rank[..., None]
    return Basis(site, False, vectors * kept[:, None], values, rank)
  return _compact(site, vectors, values, rank)


def _compact(site, vectors, values, rank) -> Basis:
  """Stores the smaller of the kept span and the free complement."""
  ranks, d = np.asarray(rank), values.shape[-1]
  if ranks.min() == d:
    warnings.warn(
        f'{site.path} has no free direction left: 0 of {d} are free, so it '
        'cannot change; lower its energy, or take fewer or other retain data.',
        stacklevel=4)
  free = d - int(ranks.min()) < int(ranks.max())
  columns = np.arange(d)
  if free:
    mask, used = columns >= ranks[:, None], slice(int(ranks.min()), d)
  else:
    mask, used = columns < ranks[:, None], slice(0, int(ranks.max()))
  vectors = (vectors * mask[:, None])[..., used]
  return Basis(site, free, vectors, values, rank)
