"""How the spaces of several retained classes become one.

Three answers exist: pool the classes' moments, merge the classes' subspaces
(the paper's algorithm), or extend one subspace class by class (what the
published notebooks ran). All of them need each class's moments and nothing
else. A way of combining is a function from the moments of the classes, in
order, to bases.
"""

from collections.abc import Callable, Iterable, Sequence
import functools

import jax
from jax import lax
import jax.numpy as jnp

from unsc_jax import bases as bases_lib
from unsc_jax import moments as moments_lib

Combine = Callable[[Iterable[moments_lib.Moments]], bases_lib.Bases]

_matmul = functools.partial(jnp.matmul, precision=lax.Precision.HIGHEST)


def pooled(energy: float = 0.99, **options) -> Combine:
  r"""One basis from all classes' moments: :math:`M = \sum_c M_c`.

  Every input counts once, so a class weighs as much as it has examples. Only
  the sum is held in memory.

  Args:
    energy: share of the energy to keep.
    **options: further arguments of `null_space_bases`.

  Returns:
    The way of combining.

  Source: ours; the mixed batch of the UNSC notebooks, over all the data.
  """
  def combine(classes):
    total = functools.reduce(lambda a, b: a + b, classes)
    return bases_lib.null_space_bases(total, energy, **options)
  return combine


def merged(
    class_energy: float = 0.99, energy: float = 0.99, *,
    solver: bases_lib.Eigh = bases_lib.eigh,
) -> Combine:
  r"""Finds every class's subspace, then the subspace of those subspaces.

  With :math:`U_c` the basis of class `c`, it keeps the energy of
  :math:`\sum_c U_c U_c^\top`, in which every direction of a class counts alike.

  Args:
    class_energy: share of the energy to keep of each class.
    energy: share to keep of the merged bases.
    solver: eigenvalue solver.

  Returns:
    The way of combining.

  Source: UNSC, algorithm 1 and `merge_subspace` of its code. Exact: the matrix
  has the left singular vectors of the concatenated bases.
  """
  rule = bases_lib.energy_rank(class_energy)

  def subspace(moment):
    if moment.site.kind == 'lookup':
      return moment
    values, vectors = solver(moment.mean_square)
    kept = jnp.arange(values.shape[-1]) < rule(values)[..., None]
    q = vectors * kept[:, None]
    return _as_moment(moment, _matmul(q, q.mT))

  def combine(classes):
    spaces = (_map(subspace, moments) for moments in classes)
    total = functools.reduce(lambda a, b: a + b, spaces)
    return bases_lib.null_space_bases(total, energy, solver=solver)
  return combine


def sequential(
    energies: float | Sequence[float] = 0.99, *,
    solver: bases_lib.Eigh = bases_lib.eigh,
) -> Combine:
  r"""Extends one subspace class after class by what it does not hold yet.

  For class `c` with moment `M` and the basis `Q` so far, it adds the leading
  eigenvectors of :math:`(I - QQ^\top) M (I - QQ^\top)` until `Q` carries the
  share :math:`\epsilon_c` of the energy of `M`.

  Args:
    energies: the share, for all classes or one for each.
    solver: eigenvalue solver.

  Returns:
    The way of combining.

  Source: GPM's update, as the UNSC notebooks run it; there the share is
  `.97 + .003 c` with `c` the label. Exact but for the rank, see `energy_rank`.
  """
  def combine(classes):
    kept = None
    for i, moments in enumerate(classes):
      share = energies if isinstance(energies, float | int) else energies[i]
      extend = functools.partial(_extend, share=share, solver=solver)
      if kept is None:
        kept = _map(lambda m: extend(None, m), moments)
      else:
        kept = _map(extend, kept, moments)
    # A projector's eigenvalues are one and zero.
    return bases_lib.null_space_bases(
        kept, bases_lib.threshold_rank(.5), solver=solver)
  return combine


def _extend(kept, moment, *, share: float, solver: bases_lib.Eigh):
  if moment.site.kind == 'lookup':
    return moment if kept is None else jax.tree.map(jnp.add, kept, moment)
  m = moment.mean_square
  held = jnp.zeros_like(m) if kept is None else kept.second
  rest = jnp.eye(m.shape[-1]) - held
  values, vectors = solver(_matmul(_matmul(rest, m), rest))
  values = jnp.maximum(values, 0)
  total = jnp.trace(m, axis1=-2, axis2=-1)[:, None]
  before = total - values.sum(-1, keepdims=True)  # what the basis carries
  enough = before + jnp.cumsum(values, -1) - values >= share * total
  if kept is None:
    enough = enough.at[:, 0].set(False)  # keep one direction at least
  new = vectors * ~enough[:, None]
  return _as_moment(moment, held + _matmul(new, new.mT))


def _as_moment(moment: moments_lib.Moment, second: jax.Array) -> moments_lib.Moment:
  """A matrix in a moment's place, of one input's worth."""
  return moments_lib.Moment(
      moment.site, second, jnp.zeros_like(moment.first),
      jnp.ones_like(moment.count))


def _map(fn, *trees: moments_lib.Moments) -> moments_lib.Moments:
  paths = trees[0].by_path
  return moments_lib.Moments({
      path: tuple(map(fn, *(tree.by_path[path] for tree in trees)))
      for path in paths})
