"""Filters by eigenvalues: what lies between the hard cut and the ridge.

A response maps the shares of the energy that a layer's directions have, `[..., d]`,
largest first, to how much of each passes, `[..., d]`. Eigenvectors have to be found for
it, as for a hard cut.
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
from typing import Any

import jax
from jax import core
from jax import lax
import jax.numpy as jnp
import numpy as np

from unsc_jax import moments as moments_lib
from unsc_jax import programs
from unsc_jax.null_space import bases as bases_lib
from unsc_jax.null_space import eigen
from unsc_jax.null_space import filters
from unsc_jax.null_space import gains as gains_lib
from unsc_jax.null_space import precision
from unsc_jax.null_space import ranks

Response = Callable[[jax.Array], jax.Array]


class _Response(ranks.NoRule):
  """One of those below; any function will do."""
  belongs = 'give a response to `spectral`'


@dataclasses.dataclass(frozen=True)
class butterworth(_Response):
  r"""Passes directions below a share of the energy, and the sharper the higher its order.

  .. math:: g(\lambda) = \frac{1}{1 + (\lambda / \tau)^p}

  Of order 1 it is `soft(tau)`, for :math:`p \to \infty` a hard cut at the share
  :math:`\tau`.

  Args:
    tau: the share of the energy at which half passes.
    order: `p`.

  Raises:
    ValueError: one of them is not positive.

  Example:
    >>> print(butterworth(.1, order=2)(jnp.array([.3, .1, 0.])))
    [0.1 0.5 1. ]

  Source: Butterworth's filter (1930), over the spectrum of inputs.
  """
  tau: float = 1e-3
  order: float = 2.

  def __post_init__(self):
    for name, such_as in (('tau', '1e-3'), ('order', '2')):
      object.__setattr__(self, name, filters.positive(name, getattr(self, name), such_as))

  def __call__(self, shares: jax.Array) -> jax.Array:
    # By logarithms, which do not overflow; at the share itself they are zero at any order.
    order = min(self.order, float(np.finfo(np.float32).max))
    return jax.nn.sigmoid(-order * jnp.log(jnp.maximum(shares, 0) / self.tau))


@dataclasses.dataclass(frozen=True)
class soft_beyond(_Response):
  r"""Keeps the directions that carry the energy exactly, and damps the others.

  .. math:: g_i = 0 \; (i \le k), \qquad
    g_i = \frac{\tau}{\lambda_i + \tau} \; (i > k)

  Args:
    energy: share of the energy to keep, or a rule such as `threshold_rank()`: gives `k`.
    tau: the share of the energy of a direction that passes by half.

  Raises:
    ValueError: the share is not in (0, 1], or `tau` not positive.

  Example:
    >>> print(soft_beyond(.5, tau=.1)(jnp.array([.8, .1, 0.])))
    [0.  0.5 1. ]

  Source: ours.
  """
  energy: ranks.Energy = .9
  tau: float = 1e-3

  def __post_init__(self):
    object.__setattr__(self, 'energy', ranks.checked(self.energy))
    object.__setattr__(self, 'tau', filters.positive('tau', self.tau))

  def __call__(self, shares: jax.Array) -> jax.Array:
    place = jax.lax.broadcasted_iota(jnp.int32, shares.shape, shares.ndim - 1)
    kept = place < ranks.rank_rule(self.energy)(shares)[..., None]
    return jnp.where(kept, 0, 1 / (1 + jnp.maximum(shares, 0) / self.tau))


@dataclasses.dataclass(frozen=True)
class spectral(filters.Filter):
  r"""Lets every eigenvector of the inputs pass as a response says.

  .. math:: P = U g(\Lambda) U^\top, \qquad
    M / \mathrm{tr}\, M = U \Lambda U^\top

  Args:
    response: `butterworth(1e-3, 2)`, `soft_beyond(.9)`, or a frozen dataclass of one's
      own. Rows of a table pass by the share of all that is read.
    per_path: other responses for some parameters; kept as pairs.
    solver: as for `null_space_bases`.

  Raises:
    TypeError: a response is none.
    ValueError: when called, as for `null_space_bases`, or one gives another shape.

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> _, M = fn({'w': jnp.ones((2, 1))}, jnp.array([[2., 0.], [0., 1.]]))
    >>> print(spectral(soft_beyond(.5, tau=.2))(M)['w'].project(jnp.ones((2, 1))).ravel())
    [0.  0.5]

  Source: ours; the filter factors of regularisation.
  """
  response: Response
  _: dataclasses.KW_ONLY
  per_path: Mapping[str, Response] | tuple[tuple[str, Response], ...] = ()
  solver: eigen.Eigh | None = None

  def __post_init__(self):
    _check_response('', self.response)
    object.__setattr__(self, 'per_path', filters.pairs(self.per_path, _check_response))

  def __call__(self, moments):
    bases_lib.check(moments)
    responses = bases_lib.choices(moments, self.response, dict(self.per_path))
    solved = eigen.each(
        [m.mean_square for m in moments if m.site.kind != 'lookup'], self.solver)
    return gains_lib.Gains({path: tuple(
        _of_rows(moment, responses[path]) if moment.site.kind == 'lookup'
        else _of_directions(moment, responses[path], *next(solved)) for moment in uses)
                            for path, uses in moments.by_path.items()})


def _check_response(_: str, response: Response) -> Response:
  """A response as it is; raises TypeError for what is known to be none."""
  others = type, filters.Filter, ranks.energy_rank, ranks.threshold_rank
  if not callable(response) or isinstance(response, others):
    raise TypeError(
        'spectral takes a response, from shares of the energy to how much passes, and '
        f'this is {response!r:.80}; give one such as butterworth(1e-3, 2).')
  return response


def _passed(response: Response, read: jax.Array) -> jax.Array:
  passed = response(read)
  if jnp.shape(passed) != read.shape:
    raise ValueError(
        f'a response says how much of each direction passes, of shares {read.shape} an '
        f'array of that shape, not of {jnp.shape(passed)}; a rule for ranks goes to `hard`.')
  return passed


def _of_rows(moment: moments_lib.Moment, response: Response) -> gains_lib.Gain:
  """Each row by its own share, in the order that responses are asked in."""
  return gains_lib.Gain(moment.site, _rows(
      programs.hashable(response), filters.row_shares(moment)))


@functools.partial(jax.jit, static_argnums=0)
def _rows(response: Response, read: jax.Array) -> jax.Array:
  order = jnp.argsort(-read, axis=-1)
  passed = _passed(response, jnp.take_along_axis(read, order, -1))
  return jnp.take_along_axis(passed, jnp.argsort(order, axis=-1), -1)


def _of_directions(moment: moments_lib.Moment, response: Response, values: jax.Array,
                   vectors: jax.Array) -> gains_lib.Gain:
  check(moment, values)
  return gains_lib.Gain(moment.site, _matrix(
      programs.hashable(response), moment, values, vectors))


@functools.partial(jax.jit, static_argnums=0)
def _matrix(response: Response, moment: moments_lib.Moment, values: jax.Array,
            vectors: jax.Array) -> jax.Array:
  passed = _passed(response, shares(moment, values))
  matrix = jnp.einsum('bik,bk,bjk->bij', vectors, passed, vectors,
                      precision=lax.Precision.HIGHEST)
  return (matrix + matrix.mT) / 2


def check(moment: moments_lib.Moment, values: jax.Array | np.ndarray) -> None:
  """As `precision.check`, of eigenvalues that are looked at on the host."""
  if not isinstance(values, core.Tracer):
    found: Any = np.asarray(values)
    precision.check(bases_lib.on_host(moment), found)


def shares(moment: moments_lib.Moment, values: jax.Array) -> jax.Array:
  """Eigenvalues `[B, d]` relative to their sum; what is in doubt counts as used."""
  values = jnp.maximum(values + precision.doubt(moment, values)[:, None], 0)
  total = values.sum(-1, keepdims=True)
  return values / jnp.where(total > 0, total, 1)
