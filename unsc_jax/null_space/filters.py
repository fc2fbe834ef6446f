"""What retained inputs do to an update is a choice: to cut it, or to damp it.

A filter maps the moments of what is to be kept to what updates pass through. With
:math:`M / n = U \\Lambda U^\\top` it multiplies them by
:math:`U g(\\Lambda) U^\\top`: 1 for an unused direction, less the more it is used.

`B` layers that share a parameter, `d` fan-in.
"""

import abc
from collections.abc import Mapping
import dataclasses
import math

import jax
from jax import core
import jax.numpy as jnp
import numpy as np

from unsc_jax import moments as moments_lib
from unsc_jax.null_space import bases as bases_lib
from unsc_jax.null_space import cholesky
from unsc_jax.null_space import eigen
from unsc_jax.null_space import gains as gains_lib
from unsc_jax.null_space import precision
from unsc_jax.null_space import ranks
from unsc_jax.null_space import ridge


class Filter(abc.ABC):
  """A way to confine updates: a frozen dataclass with `__call__`."""

  @abc.abstractmethod
  def __call__(self, moments: moments_lib.Moments) -> gains_lib.Confinement:
    """What the updates of a network with these retained inputs pass through."""


@dataclasses.dataclass(frozen=True)
class hard(Filter):
  r"""Cuts the directions that carry the energy, and lets the others pass.

  .. math:: P = I - Q Q^\top

  Args:
    energy: share of the energy to keep, or a rule such as `threshold_rank()`.
    per_path: as for `null_space_bases`; kept as pairs.
    solver: as for `null_space_bases`.

  Raises:
    ValueError: the share is not in (0, 1].

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> _, M = fn({'w': jnp.ones((3, 2))}, jnp.array([[1., 0., 0.]]))
    >>> print(hard(.99)(M)['w'].project(jnp.ones((3, 2)))[:, 0])
    [0. 1. 1.]

  Source: UNSC (IJCAI 2024), see `null_space_bases`.
  """
  energy: ranks.Energy = .99
  _: dataclasses.KW_ONLY
  per_path: Mapping[str, ranks.Energy] | tuple[tuple[str, ranks.Energy], ...] = ()
  solver: eigen.Eigh | None = None

  def __post_init__(self):
    ranks.rank_rule(self.energy)
    object.__setattr__(self, 'per_path', tuple(dict(self.per_path).items()))

  def __call__(self, moments):
    return bases_lib.null_space_bases(
        moments, self.energy, per_path=dict(self.per_path), solver=self.solver)


@dataclasses.dataclass(frozen=True)
class soft(Filter):
  r"""Damps every direction by how much retained inputs use it: a ridge.

  .. math:: P = \tau' \Bigl(\frac Mn + \tau' I\Bigr)^{-1}, \qquad
    \tau' = \tau \, \mathrm{tr} \frac Mn

  `P G` is the update nearest to a gradient `G` at a price on retained outputs,

  .. math:: P G = \arg\min_D \|D - G\|^2
    + \frac1{\tau'} \mathrm{tr}\Bigl(D^\top \frac Mn D\Bigr)

  so a direction with the share :math:`\tau` of the energy passes by half. For
  :math:`\tau \to 0` it is the projection on the exact null space, for
  :math:`\tau \to \infty` the identity. Of any update `Y` before the filter the
  retained outputs move by :math:`\sqrt{\tau'} \|Y\| / 2` at most. Applied before and
  after an optimiser, as `project_updates` does, a plain gradient meets `P` twice.

  Args:
    tau: :math:`\tau`, of each layer's mean square input; larger moves more. Under
      1e-6 float32 moments are noise.
    per_path: other values for some parameters; kept as pairs.
    solver: `inverse` or `inverse_float64`; by default the first.

  Raises:
    ValueError: a value is not positive; when called, as for `null_space_bases`, or
      moments have a negative eigenvalue, as differences of moments may.

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> _, M = fn({'w': jnp.ones((3, 2))}, jnp.array([[1., 0., 0.]]))
    >>> print(soft(.25)(M)['w'].project(jnp.ones((3, 2)))[:, 0].round(3))
    [0.2 1.  1. ]

  Source: ours; ridge regression's shrinkage, K-FAC's damping.
  """
  tau: float = 1e-3
  _: dataclasses.KW_ONLY
  per_path: Mapping[str, float] | tuple[tuple[str, float], ...] = ()
  solver: cholesky.Inverse | None = None

  def __post_init__(self):
    object.__setattr__(self, 'tau', positive('tau', self.tau))
    object.__setattr__(self, 'per_path', tuple(
        (path, positive(f'tau of {path}', tau))
        for path, tau in dict(self.per_path).items()))

  def __call__(self, moments):
    bases_lib.check(moments)
    taus = bases_lib.choices(moments, self.tau, dict(self.per_path))
    dense = [(moment, taus[path]) for path, uses in moments.by_path.items()
             for moment in uses if moment.site.kind != 'lookup']
    made = ridge.ridges(
        [moment for moment, _ in dense], [tau for _, tau in dense], self.solver)
    for (moment, _), one in zip(dense, made):
      _check(moment, one)
    matrices = iter(one.matrix for one in made)
    return gains_lib.Gains({
        path: tuple(gains_lib.Gain(moment.site, (
            1 / (1 + row_shares(moment) / taus[path]) if moment.site.kind == 'lookup'
            else next(matrices))) for moment in uses)
        for path, uses in moments.by_path.items()})


def _check(moment: moments_lib.Moment, made: ridge.Ridge) -> None:
  """Raises if moments cannot be, or an update could grow on its way through."""
  if isinstance(made.matrix, core.Tracer):
    return
  used, sound = jax.device_get((made.used, made.sound))
  precision.check(bases_lib.on_host(moment), used)
  if not np.all(sound):
    raise ValueError(
        f'the moments of {moment.site.path} have negative eigenvalues as large as '
        'the filter is soft, as a difference of moments may in float32; take '
        'those of the retained data themselves, or a larger tau.')


def row_shares(moment: moments_lib.Moment) -> jax.Array:
  """Of all that is read from a table the share `[B, d]` of each row."""
  precision.check_counts(moment)
  return _row_shares(moment)


@jax.jit
def _row_shares(moment: moments_lib.Moment) -> jax.Array:
  share = ridge.relative(moment)
  # Of a row that may have been read it is not known how often: it is kept.
  return jnp.where(precision.read(moment), jnp.where(share > 0, share, 1), 0)


def positive(name: str, value: float) -> float:
  """A positive number as it is, which may be infinite.

  Raises:
    ValueError: it is none.
  """
  if not ranks.number(name, value) > 0 or math.isnan(value):
    raise ValueError(f'{name} has to be positive, not {value}; such as 1e-3.')
  return float(value)


def as_filter(choice: Filter | ranks.Energy) -> Filter:
  """A filter as it is; a share of the energy, or a rule for ranks, as a hard cut."""
  return choice if isinstance(choice, Filter) else hard(choice)
