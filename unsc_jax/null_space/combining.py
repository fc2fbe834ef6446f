"""How the spaces of several retained classes become one.

Three answers exist: pool the classes' moments, merge the classes' subspaces
(what the paper is said to do), or extend one subspace class by class (what most
published notebooks ran). All of them need each class's moments and nothing
else, one class after the other.
"""

from collections.abc import Iterable, Sequence
import dataclasses
import functools
from typing import Any, NamedTuple, Protocol

import jax
from jax import core
from jax import lax
import jax.numpy as jnp
import numpy as np

from unsc_jax import moments as moments_lib
from unsc_jax.null_space import bases as bases_lib
from unsc_jax.null_space import eigen
from unsc_jax.null_space import filters
from unsc_jax.null_space import gains as gains_lib
from unsc_jax.null_space import precision
from unsc_jax.null_space import ranks

_matmul = functools.partial(jnp.matmul, precision=lax.Precision.HIGHEST)


class Combine(Protocol):
  """A way of combining classes: a fold over their moments.

  Whatever has these methods will do; a subclass needs `add` and `bases` only.
  """

  def add(self, state: Any, moments: moments_lib.Moments) -> Any:
    """The state after one more class; before the first it is None."""
    ...

  def bases(self, state: Any) -> gains_lib.Confinement:
    """The bases of all classes that were added, or the gains.

    Raises:
      ValueError: there was none.
    """
    ...

  def __call__(self, classes: Iterable[moments_lib.Moments]) -> gains_lib.Confinement:
    """The bases or gains of the classes, in their order."""
    return self.bases(functools.reduce(self.add, classes, None))


@dataclasses.dataclass(frozen=True)
class pooled(Combine):
  r"""One filter for all classes' moments: :math:`M = \sum_c M_c`.

  Every input counts once, so a class weighs as much as it has examples. Only
  the sum is held in memory.

  Args:
    filter: such as `soft(1e-3)`, or `hard(.99, per_path=...)`, for which a share of
      the energy to keep or a rule such as `threshold_rank()` will do.

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> of = lambda x: fn({'w': jnp.ones((3, 2))}, jnp.array([x]))[1]
    >>> pooled(.9)([of([1., 0., 0.]), of([0., 1., 0.])])['w'].rank.item()
    2

  Source: ours; the mixed batch of the UNSC notebooks, over all the data.
  """
  filter: filters.Filter | ranks.Energy = filters.hard()

  def __post_init__(self):
    object.__setattr__(self, 'filter', filters.as_filter(self.filter))

  def add(self, state, moments):
    return moments if state is None else state + moments

  def bases(self, state):
    return filters.as_filter(self.filter)(_seen(state))


def chosen(
    combine: Combine | gains_lib.Confinement | None,
    filter: filters.Filter | ranks.Energy | None,
    default: filters.Filter,
) -> Combine | gains_lib.Confinement:
  """What a method confines to: what it was given, or a filter of the pooled classes.

  Where neither is given it is the default.

  Raises:
    ValueError: both are given.
    TypeError: one is none.
  """
  if combine is None:
    return pooled(default if filter is None else filter)
  if filter is not None:
    raise ValueError(
        'both combine and filter are given, of which each says what is kept; leave '
        'filter out, or give combine=null_space.pooled(filter).')
  filters.check_combine(combine)
  return combine


@dataclasses.dataclass(frozen=True)
class merged(Combine):
  r"""Finds every class's subspace, then the subspace of those subspaces.

  With :math:`U_c` the basis of class `c`, it keeps the energy of
  :math:`\sum_c U_c U_c^\top`, in which every direction of a class counts alike.

  Args:
    class_energy: share of the energy to keep of each class, or a rule such as
      `published_rank()`.
    energy: share to keep of the merged bases, or a rule.
    solver: as for `null_space_bases`.

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> of = lambda x: fn({'w': jnp.ones((3, 2))}, jnp.array([x]))[1]
    >>> merged()([of([1., 0., 0.]), of([1., 0., 0.])])['w'].rank.item()
    1

  Source: `merge_subspace` of UNSC's code, which none of its notebooks calls; exact
  with `published_rank()` for both: the matrix has the left singular vectors of the
  concatenated bases. That it is the paper's algorithm is told by others; the
  paper's text was not read.
  """
  class_energy: ranks.Energy = 0.99
  energy: ranks.Energy = 0.99
  solver: eigen.Eigh | None = None

  def __post_init__(self):
    for name in ('class_energy', 'energy'):
      object.__setattr__(self, name, ranks.checked(getattr(self, name)))

  def add(self, state, moments):
    subspaces = _solve(
        lambda moment: moment.mean_square, self.solver, self._subspace, moments)
    return subspaces if state is None else state + subspaces

  def _subspace(self, solved, moment):
    values, vectors = solved
    rule = ranks.rank_rule(self.class_energy)
    return _span(moment, vectors, bases_lib.rank_of(moment, rule, values))

  def bases(self, state):
    return bases_lib.null_space_bases(_seen(state), self.energy, solver=self.solver)


@jax.jit
def _span(moment: moments_lib.Moment, vectors: jax.Array, rank: jax.Array):
  """The projector on so many of the vectors, in a moment's place."""
  held = jnp.arange(vectors.shape[-1], dtype=rank.dtype)[None] < rank[..., None]
  q = vectors * held[:, None].astype(vectors.dtype)
  return _as_moment(moment, _matmul(q, q.mT))


class _Extended(NamedTuple):
  """A subspace, and of how many classes it is."""
  classes: int
  kept: moments_lib.Moments


@dataclasses.dataclass(frozen=True)
class sequential(Combine):
  r"""Extends one subspace class after class by what it does not hold yet.

  For class `c` with moment `M` and the basis `Q` so far, it adds the leading
  eigenvectors of :math:`(I - QQ^\top) M (I - QQ^\top)` until `Q` carries the
  share :math:`\epsilon_c` of the energy of `M`.

  Args:
    energies: the share, for all classes or one for each; several become a tuple.
    published: of the first class it stops one direction short of the share, as
      `published_rank` does.
    solver: as for `null_space_bases`.

  Raises:
    ValueError: a share is not in (0, 1], or there are fewer than classes.

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> of = lambda x: fn({'w': jnp.ones((3, 2))}, jnp.array([x]))[1]
    >>> sequential()([of([1., 0., 0.]), of([1., 1., 0.])])['w'].rank.item()
    2

  Source: GPM's update, as the UNSC notebooks run it; exact from their code with
  `published`, where the shares are `.97 + .003 c` with `c` the label.
  """
  energies: float | Sequence[float] = 0.99
  published: bool = dataclasses.field(default=False, kw_only=True)
  solver: eigen.Eigh | None = dataclasses.field(default=None, kw_only=True)

  def __post_init__(self):
    shares = np.asarray(self.energies, float).tolist()
    several = isinstance(shares, list)
    object.__setattr__(self, 'energies', tuple(shares) if several else shares)
    for share in shares if several else [shares]:
      ranks.energy_rank(share)  # for its check of the range

  def add(self, state, moments):
    classes, *kept = (0,) if state is None else state
    extend = functools.partial(
        _extend, share=self._share(classes), published=self.published)
    return _Extended(classes + 1, _solve(_rest, self.solver, extend, moments, *kept))

  def _share(self, i: int) -> float:
    if isinstance(self.energies, int | float):
      return self.energies
    if i == len(self.energies):
      raise ValueError(
          f'energies were given for {i} classes, but there are more; give one for '
          'each, or a single one for all.')
    return self.energies[i]

  def bases(self, state):
    # A projector's eigenvalues are one and zero; published ranks may all be zero.
    return bases_lib.null_space_bases(
        _seen(state).kept, lambda values: (values > .5).sum(-1), solver=self.solver)


def _seen(state: Any) -> Any:
  if state is None:
    raise ValueError(
        'there is no class to protect; pass the moments of one at least.')
  return state


@jax.jit
def _rest(moment, kept=None) -> jax.Array:
  """What the subspace so far does not hold of a moment."""
  m = moment.mean_square
  held = jnp.zeros_like(m) if kept is None else kept.second
  rest = jnp.eye(m.shape[-1], dtype=m.dtype)[None] - held
  # Held directions carry no energy in the rest; below zero they come last.
  return _matmul(_matmul(rest, m), rest) - _below(m)[..., None] * held


def _below(m: jax.Array) -> jax.Array:
  return jnp.trace(m, axis1=-2, axis2=-1)[:, None] / m.shape[-1]


def _extend(solved, moment, kept=None, *, share: float, published: bool):
  values, vectors = solved
  if not isinstance(values, core.Tracer):
    seen: Any = np.asarray(values if kept is None else _diagonal(moment))
    precision.check(bases_lib.on_host(moment), seen)
  return _extended(values, vectors, moment, kept, share, published)


@jax.jit
def _diagonal(moment: moments_lib.Moment) -> jax.Array:
  return jnp.diagonal(moment.mean_square, axis1=1, axis2=2)


@functools.partial(jax.jit, static_argnames='published')
def _extended(values, vectors, moment, kept, share: float, published: bool):
  m = moment.mean_square
  below = _below(m)
  total = below * m.shape[-1]
  held = jnp.zeros_like(m) if kept is None else kept.second
  is_held = values < -below / 2
  values = jnp.maximum(values, 0)
  before = total - values.sum(-1, keepdims=True)  # what the basis carries
  after = before + jnp.cumsum(values, -1)
  if kept is None and published:
    enough = after >= share * total
  else:
    enough = after - values >= share * total
  if kept is None and not published:
    enough = enough.at[:, 0].set(False)  # keep one direction at least
  new = vectors * (~(enough | is_held))[:, None].astype(vectors.dtype)
  return _as_moment(moment, held + _matmul(new, new.mT))


def _as_moment(moment: moments_lib.Moment, second: jax.Array) -> moments_lib.Moment:
  """A matrix in a moment's place, of one input's worth."""
  return moments_lib.Moment(
      moment.site, second, jnp.zeros_like(moment.first),
      jnp.ones_like(moment.count), jnp.diagonal(second, axis1=1, axis2=2))


def _solve(matrix, solver: eigen.Eigh | None, subspace, *trees: moments_lib.Moments):
  """`subspace` of every site's matrix and moments; all are solved together."""
  bases_lib.check(trees[0])
  sites = {path: tuple(zip(*(tree.by_path[path] for tree in trees)))
           for path in trees[0].by_path}
  is_lookup = lambda moments: moments[0].site.kind == 'lookup'
  solved = eigen.each(
      [matrix(*moments) for found in sites.values() for moments in found
       if not is_lookup(moments)], solver)
  add = lambda *leaves: sum(leaves)
  return moments_lib.Moments({
      path: tuple(jax.tree.map(add, *moments) if is_lookup(moments)
                  else subspace(next(solved), *moments) for moments in found)
      for path, found in sites.items()})
