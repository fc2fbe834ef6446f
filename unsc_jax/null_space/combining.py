"""How the spaces of several retained classes become one.

Three answers exist: pool the classes' moments, merge the classes' subspaces
(what the paper is said to do), or extend one subspace class by class (what most
published notebooks ran). All of them need each class's moments and nothing
else. A way of combining is a function from the moments of the classes, in
order, to bases.
"""

from collections.abc import Callable, Iterable, Sequence
import functools

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from unsc_jax import moments as moments_lib
from unsc_jax.null_space import bases as bases_lib
from unsc_jax.null_space import eigen

Combine = Callable[[Iterable[moments_lib.Moments]], bases_lib.Bases]

_matmul = functools.partial(jnp.matmul, precision=lax.Precision.HIGHEST)


def published_rank(energy: float) -> bases_lib.RankRule:
  r"""The rank that UNSC's published code keeps: one short of the energy.

  .. math:: k = \# \{ k : \textstyle\sum_{i \le k} \lambda_i
    < \epsilon \sum_i \lambda_i \}

  Where the first direction has the energy by itself, nothing is kept and the layer
  is free: a quirk, which `bases.energy_rank` does not have.

  Args:
    energy: the share, in (0, 1].

  Returns:
    A rule for `pooled` and `merged`.

  Raises:
    ValueError: the share is not in (0, 1].

  Example:
    >>> values = jnp.array([6., 3., 1.])
    >>> [int(published_rank(share)(values)) for share in (.5, .9, .99)]
    [0, 1, 2]

  Source: UNSC's code, exact.
  """
  reached = bases_lib.energy_rank(energy)
  return lambda eigenvalues: reached(eigenvalues) - 1


def pooled(energy: float | bases_lib.RankRule = 0.99, **options) -> Combine:
  r"""One basis from all classes' moments: :math:`M = \sum_c M_c`.

  Every input counts once, so a class weighs as much as it has examples. Only
  the sum is held in memory.

  Args:
    energy: share of the energy to keep, or a rule such as `threshold_rank()`.
    **options: further arguments of `null_space_bases`.

  Returns:
    The way of combining.

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> of = lambda x: fn({'w': jnp.ones((3, 2))}, jnp.array([x]))[1]
    >>> pooled()([of([1., 0., 0.]), of([0., 1., 0.])])['w'][0].rank.item()
    2

  Source: ours; the mixed batch of the UNSC notebooks, over all the data.
  """
  rule = _rule(energy)
  return lambda classes: bases_lib.null_space_bases(
      _sum(classes), rule, **options)


def merged(
    class_energy: float | bases_lib.RankRule = 0.99,
    energy: float | bases_lib.RankRule = 0.99, *,
    solver: eigen.Eigh | None = None,
) -> Combine:
  r"""Finds every class's subspace, then the subspace of those subspaces.

  With :math:`U_c` the basis of class `c`, it keeps the energy of
  :math:`\sum_c U_c U_c^\top`, in which every direction of a class counts alike.

  Args:
    class_energy: share of the energy to keep of each class, or a rule such as
      `published_rank()`.
    energy: share to keep of the merged bases, or a rule.
    solver: as for `null_space_bases`.

  Returns:
    The way of combining.

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> of = lambda x: fn({'w': jnp.ones((3, 2))}, jnp.array([x]))[1]
    >>> merged()([of([1., 0., 0.]), of([1., 0., 0.])])['w'][0].rank.item()
    1

  Source: `merge_subspace` of UNSC's code, which none of its notebooks calls; exact
  with `published_rank()` for both: the matrix has the left singular vectors of the
  concatenated bases. That it is the paper's algorithm is told by others; the
  paper's text was not read.
  """
  rule, merged_rule = map(_rule, (class_energy, energy))

  def subspace(solved, moment):
    values, vectors = solved
    kept = jnp.arange(values.shape[-1]) < rule(values)[..., None]
    q = vectors * kept[:, None]
    return _as_moment(moment, _matmul(q, q.mT))

  def combine(classes):
    mean_square = lambda moment: moment.mean_square
    total = _sum(_solve(mean_square, solver, subspace, moments)
                 for moments in classes)
    return bases_lib.null_space_bases(total, merged_rule, solver=solver)
  return combine


def sequential(
    energies: float | Sequence[float] = 0.99, *, published: bool = False,
    solver: eigen.Eigh | None = None,
) -> Combine:
  r"""Extends one subspace class after class by what it does not hold yet.

  For class `c` with moment `M` and the basis `Q` so far, it adds the leading
  eigenvectors of :math:`(I - QQ^\top) M (I - QQ^\top)` until `Q` carries the
  share :math:`\epsilon_c` of the energy of `M`.

  Args:
    energies: the share, for all classes or one for each.
    published: of the first class it stops one direction short of the share, as
      `published_rank` does.
    solver: as for `null_space_bases`.

  Returns:
    The way of combining.

  Raises:
    ValueError: a share is not in (0, 1], or there are fewer than classes.

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> of = lambda x: fn({'w': jnp.ones((3, 2))}, jnp.array([x]))[1]
    >>> sequential()([of([1., 0., 0.]), of([1., 1., 0.])])['w'][0].rank.item()
    2

  Source: GPM's update, as the UNSC notebooks run it; exact from their code with
  `published`, where the shares are `.97 + .003 c` with `c` the label.
  """
  shares = np.atleast_1d(np.asarray(energies, float)).tolist()
  for share in shares:
    bases_lib.energy_rank(share)  # for its check of the range

  def combine(classes):
    kept = None
    for i, moments in enumerate(classes):
      if np.ndim(energies) and i == len(shares):
        raise ValueError(
            f'energies were given for {len(shares)} classes, but there are more; '
            'give one for each, or a single one for all.')
      share = shares[i] if np.ndim(energies) else shares[0]
      extend = functools.partial(_extend, share=share, published=published)
      trees = (moments,) if kept is None else (moments, kept)
      kept = _solve(_rest, solver, extend, *trees)
    if kept is None:
      raise ValueError(_NO_CLASS)
    # A projector's eigenvalues are one and zero; published ranks may all be zero.
    return bases_lib.null_space_bases(
        kept, lambda values: (values > .5).sum(-1), solver=solver)
  return combine


def _rule(energy: float | bases_lib.RankRule) -> bases_lib.RankRule:
  return energy if callable(energy) else bases_lib.energy_rank(energy)


def _rest(moment, kept=None) -> jax.Array:
  """What the subspace so far does not hold of a moment."""
  m = moment.mean_square
  held = jnp.zeros_like(m) if kept is None else kept.second
  rest = jnp.eye(m.shape[-1]) - held
  # Held directions carry no energy in the rest; below zero they come last.
  return _matmul(_matmul(rest, m), rest) - _below(m)[..., None] * held


def _below(m: jax.Array) -> jax.Array:
  return jnp.trace(m, axis1=-2, axis2=-1)[:, None] / m.shape[-1]


def _extend(solved, moment, kept=None, *, share: float, published: bool):
  (values, vectors), m = solved, moment.mean_square
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
  new = vectors * ~(enough | is_held)[:, None]
  return _as_moment(moment, held + _matmul(new, new.mT))


_NO_CLASS = 'there is no class to protect; pass the moments of one at least.'


def _sum(classes: Iterable[moments_lib.Moments]) -> moments_lib.Moments:
  total = functools.reduce(lambda a, b: b if a is None else a + b, classes, None)
  if total is None:
    raise ValueError(_NO_CLASS)
  return total


def _as_moment(moment: moments_lib.Moment, second: jax.Array) -> moments_lib.Moment:
  """A matrix in a moment's place, of one input's worth."""
  return moments_lib.Moment(
      moment.site, second, jnp.zeros_like(moment.first),
      jnp.ones_like(moment.count))


def _solve(matrix, solver: eigen.Eigh | None, subspace, *trees: moments_lib.Moments):
  """`subspace` of every site's matrix and moments; all are solved together."""
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
