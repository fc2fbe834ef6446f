"""Whether an update stays in the null space that it should be confined to."""

import functools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from unsc_jax import paths
from unsc_jax import sharding
from unsc_jax.null_space import bases as bases_lib
from unsc_jax.null_space import gains as gains_lib
from unsc_jax.null_space import projection


def leak(updates: Any, bases: gains_lib.Confinement) -> dict[str, jax.Array]:
  r"""How much of an update leaves the null space, parameter by parameter.

  .. math:: \|\Delta W - P \Delta W\|_F \,/\, \|\Delta W\|_F

  Args:
    updates: pytree shaped like the parameters.
    bases: what the update should have been confined to; or gains, of a soft filter.
      These keep no direction exactly: then it is the share of the update that
      passing through once more would take, never 0, and for an evenly spread
      gradient that has passed once `expected_leak`.

  Returns:
    Parameter path to a share in [0, 1]: 0 is confined, 1 for a parameter that
    should be frozen and moved. An update of zero leaks nothing.

  Example:
    >>> from unsc_jax import moments as moments_lib
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> _, M = fn({'w': jnp.ones((2, 1))}, jnp.array([[1., 0.]]))
    >>> update = {'w': jnp.array([[3.], [4.]])}
    >>> print(leak(update, bases_lib.null_space_bases(M))['w'].round(3))
    0.6

  Source: ours.
  """
  gains_lib.check(bases)
  return _shares({
      path: _floating(u) for path, u in paths.leaf_paths(updates).items()}, bases)


@jax.jit
def _shares(updates: dict[str, jax.Array], bases: gains_lib.Confinement
            ) -> dict[str, jax.Array]:
  unit = {path: _of_size_one(u) for path, u in updates.items()}
  allowed = projection.project(unit, bases)
  norm = lambda x: jnp.linalg.norm(x.ravel())
  out = {}
  for path, update in unit.items():
    total = norm(update)
    out[path] = norm(update - allowed[path]) / jnp.where(total > 0, total, 1)
  return out


def _floating(update: Any) -> Any:
  """The update, or zero in place of one that is of no number, as of a random key."""
  if sharding.is_key(update) or update.dtype == jax.dtypes.float0:
    return np.zeros(update.shape, np.float32)
  return update


def _of_size_one(u: jax.Array) -> jax.Array:
  """The same direction, of which squares are in range."""
  if u.dtype != jnp.float64 and not jnp.issubdtype(u.dtype, jnp.complexfloating):
    u = u.astype(jnp.float32)
  largest = jnp.abs(u).max(initial=0)
  return u / jnp.where(largest > 0, largest, jnp.ones_like(largest))


def expected_leak(bases: gains_lib.Confinement) -> dict[str, float]:
  r"""How much leaks of an evenly spread gradient that has passed through a filter.

  .. math:: \|(I - P) P\|_F \,/\, \|P\|_F

  The root mean square over gradients with independent entries: 0 for a projection,
  near 1 where a filter lets nothing pass by more than a little.

  Args:
    bases: of any filter.

  Returns:
    Parameter path to a share in [0, 1].

  Example:
    >>> from unsc_jax import moments as moments_lib
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> _, M = fn({'w': jnp.ones((2, 1))}, jnp.eye(2))
    >>> from unsc_jax import null_space
    >>> round(expected_leak(null_space.soft(.5)(M))['w'], 3)  # all pass by half
    0.5

  Source: ours.
  """
  return {path: float(_expected(uses)) for path, uses in bases.by_path.items()}


@jax.jit
def _expected(uses) -> jax.Array:
  # Those of one parameter act along different axes: their traces multiply.
  two, three, four = functools.reduce(jnp.multiply, map(_traces, uses)).sum(-1)
  return jnp.sqrt(jnp.maximum(two - 2 * three + four, 0) / jnp.where(two > 0, two, 1))


def _traces(item: gains_lib.Item) -> jax.Array:
  """The traces `[3, B]` of the second, third and fourth power."""
  if isinstance(item, bases_lib.Basis):
    return jnp.broadcast_to(item.degrees_of_freedom, (3, len(item.rank)))
  if isinstance(item, gains_lib.KroneckerGain):
    return jnp.stack([jnp.sum(item.passed**n, (1, 2)) for n in (2, 3, 4)])
  once = item.matrix
  if item.site.kind == 'lookup':
    return jnp.stack([jnp.sum(once**n, -1) for n in (2, 3, 4)])
  twice = jnp.matmul(once, once, precision=lax.Precision.HIGHEST)
  pairs = (once, once), (once, twice), (twice, twice)
  return jnp.stack([jnp.sum(a * b, (-2, -1)) for a, b in pairs])
