"""What retained inputs do to an update is a choice: to cut it, or to damp it.

A filter maps the moments of what is to be kept to what updates pass through. With
:math:`M / n = U \\Lambda U^\\top` it multiplies them by
:math:`U g(\\Lambda) U^\\top`: 1 for an unused direction, less the more it is used.

`B` layers that share a parameter, `d` fan-in.
"""

import abc
from collections.abc import Callable, Mapping
import dataclasses
from typing import Any

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

_NOISE = 1e-5  # a ridge that float32 moments of data can be told from


class Filter(abc.ABC, ranks.NoRule):
  """A way to confine updates: a frozen dataclass with `__call__`."""
  belongs = 'call it on moments, or give it as filter='

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
    ValueError: a share is not in (0, 1].

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
    object.__setattr__(self, 'energy', ranks.checked(self.energy))
    object.__setattr__(self, 'per_path', pairs(
        self.per_path, lambda _, energy: ranks.checked(energy)))

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
    tau: :math:`\tau`, of each layer's mean square input; larger moves more. Rounding in
      float32 lets a direction pass by up to about :math:`1 + 10^{-7} / \tau`, which is
      refused from 1.1 on, as it may be under 1e-5.
    per_path: other values for some parameters; kept as pairs.
    solver: `inverse` or `inverse_float64`; by default the first.

  Raises:
    ValueError: a value is not positive; when called, as for `null_space_bases`, or
      moments have a negative eigenvalue, as differences of moments may. Under `jax.jit`
      all that passes of the parameter is NaN where it is called.

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
    object.__setattr__(self, 'per_path', pairs(
        self.per_path, lambda path, tau: positive(f'tau of {path}', tau)))

  def __call__(self, moments):
    bases_lib.check(moments)
    taus = bases_lib.choices(moments, self.tau, dict(self.per_path))
    dense = [(moment, taus[path]) for path, uses in moments.by_path.items()
             for moment in uses if moment.site.kind != 'lookup']
    made = ridge.ridges(
        [moment for moment, _ in dense], [tau for _, tau in dense], self.solver)
    matrices = iter([_checked(moment, tau, one) for (moment, tau), one in zip(dense, made)])
    known = _known(moments)
    return gains_lib.Gains({
        path: tuple(gains_lib.Gain(moment.site, known(moment, (
            1 / (1 + row_shares(moment) / taus[path]) if moment.site.kind == 'lookup'
            else next(matrices)))) for moment in uses)
        for path, uses in moments.by_path.items()})


def _known(moments: moments_lib.Moments) -> Callable[[moments_lib.Moment, jax.Array], jax.Array]:
  """A gain as it is, or under `jax.jit` NaN if its moments would have been refused."""
  if not any(isinstance(leaf, core.Tracer) for leaf in jax.tree.leaves(moments)):
    return lambda _, gain: gain
  fed = bases_lib.are_fed(moments)
  return lambda moment, gain: jnp.where(fed & precision.can_be(moment), gain, jnp.nan)


def _checked(moment: moments_lib.Moment, tau: float, made: ridge.Ridge) -> jax.Array:
  """The matrix; raises, or NaN under `jax.jit`, if an update could grow by it."""
  if isinstance(made.sound, core.Tracer):
    return jnp.where(made.sound.all(), made.matrix, jnp.nan)
  used, sound = jax.device_get((made.used, made.sound))
  precision.check(bases_lib.on_host(moment), used)
  if np.all(sound):
    return made.matrix
  if tau < _NOISE and np.all(ridge.ridges([moment], [_NOISE])[0].sound):
    raise ValueError(
        f'tau of {moment.site.path} is {tau:g}, less than float32 resolves of its moments, '
        f'so that updates could grow; take {_NOISE:g} or more.')
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


def positive(name: str, value: float, such_as: str = '1e-3') -> float:
  """A positive number as it is, which may be infinite.

  Raises:
    TypeError: it is traced.
    ValueError: it is none.
  """
  chosen = ranks.static(name, value, such_as)
  if not chosen >= np.finfo(np.float32).tiny:
    small = ', which float32 has no room for' if chosen > 0 else ''
    raise ValueError(f'{name} has to be positive, not {value}{small}; such as {such_as}.')
  return chosen


def pairs(per_path: Mapping[str, Any] | tuple[tuple[str, Any], ...],
          checked: Callable[[str, Any], Any]) -> tuple[tuple[str, Any], ...]:
  """Choices for some parameters, in the order of their paths: which came first says nothing.

  Example:
    >>> pairs({'b': 2, 'a': 1}, lambda path, value: value)
    (('a', 1), ('b', 2))
  """
  return tuple((path, checked(path, choice)) for path, choice in sorted(
      dict(per_path).items(), key=lambda pair: pair[0]))


def as_filter(choice: Filter | ranks.Energy) -> Filter:
  """A filter as it is; a share of the energy, or a rule for ranks, as a hard cut.

  Raises:
    TypeError: it is none of these.
    ValueError: the share is not in (0, 1].
  """
  if isinstance(choice, gains_lib.Confinement):
    raise TypeError(
        f'a filter is called on moments, and this is what one gave, {type(choice).__name__}; '
        'give it as combine=, or the filter itself.')
  return choice if isinstance(choice, Filter) else hard(choice)


def check_combine(combine: Any) -> None:
  """Raises TypeError for what neither combines classes nor confines updates.

  Example:
    >>> check_combine(soft())
    Traceback (most recent call last):
    TypeError: combine takes ... and this is soft(tau=0.001, ...; give a filter as filter=.
  """
  methods = all(hasattr(combine, name) for name in ('add', 'bases'))
  if isinstance(combine, type) or not (methods or isinstance(combine, gains_lib.Confinement)):
    raise TypeError(
        'combine takes null_space.pooled() or the like, bases or gains, and this is '
        f'{combine!r:.80}; give a filter as filter=.')
