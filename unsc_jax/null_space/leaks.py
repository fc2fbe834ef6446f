"""Whether an update stays in the null space that it should be confined to."""

import functools
import math
from typing import Any
import warnings

import jax
from jax import lax
import jax.numpy as jnp
import optax

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
  unit = {path: _of_size_one(u) for path, u in paths.leaf_paths(updates).items()}
  allowed = projection.project(unit, bases)
  norm = lambda x: jnp.linalg.norm(x.ravel())
  out = {}
  for path, update in unit.items():
    total = norm(update)
    out[path] = norm(update - allowed[path]) / jnp.where(total > 0, total, 1)
  return out


def _of_size_one(update: jax.Array) -> jax.Array:
  """The same direction, of which squares are in range; none of a random key."""
  if sharding.is_key(update) or update.dtype == jax.dtypes.float0:
    return jnp.zeros(update.shape)
  u = jnp.asarray(update)
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


def _expected(uses) -> jax.Array:
  # Those of one parameter act along different axes: their traces multiply.
  two, three, four = functools.reduce(jnp.multiply, map(_traces, uses)).sum(-1)
  return jnp.sqrt(jnp.maximum(two - 2 * three + four, 0) / jnp.where(two > 0, two, 1))


def _traces(item: bases_lib.Basis | gains_lib.Gain) -> jax.Array:
  """The traces `[3, B]` of the second, third and fourth power."""
  if isinstance(item, bases_lib.Basis):
    return jnp.broadcast_to(item.degrees_of_freedom, (3, len(item.rank)))
  once = item.matrix
  if item.site.kind == 'lookup':
    return jnp.stack([jnp.sum(once**n, -1) for n in (2, 3, 4)])
  twice = jnp.matmul(once, once, precision=lax.Precision.HIGHEST)
  pairs = (once, once), (once, twice), (twice, twice)
  return jnp.stack([jnp.sum(a * b, (-2, -1)) for a, b in pairs])


def assert_preserves(
    optimizer: optax.GradientTransformation, bases: gains_lib.Confinement, params: Any, *,
    steps: int = 3, tolerance: float | None = None,
) -> None:
  """Raises if an optimiser's updates leave the null space.

  Feeds it random gradients for a few steps, so that whatever it adds or scales
  after a projection shows.

  Args:
    optimizer: the whole chain that will be used.
    bases: what its updates must be confined to.
    params: pytree of arrays; left as they are.
    steps: how many updates that move something to look at, at least 1.
    tolerance: the largest `leak` allowed; 1e-4 for bases. Gains of a soft filter
      preserve nothing exactly, so that it has to be named for them.

  Raises:
    AssertionError: naming the parameter that leaks most, and by how much.
    ValueError: `steps` is below 1, or there is no tolerance for a soft filter.

  Warns:
    UserWarning: so many updates did not come of a hundred times as many gradients.

  Example:
    >>> from unsc_jax import moments as moments_lib
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> params = {'w': jnp.ones((3, 2))}
    >>> _, M = fn(params, jnp.array([[1., 2., 0.]]))
    >>> bases = bases_lib.null_space_bases(M)
    >>> confined = projection.project_updates(optax.adam(1.), bases)
    >>> assert_preserves(confined, bases, params)
    >>> leaking = optax.chain(
    ...     projection.null_space_projection(bases), optax.adam(1.))
    >>> assert_preserves(leaking, bases, params)
    Traceback (most recent call last):
    ...
    AssertionError: ... % of the update of w leaves the null space: ...

  Source: ours.
  """
  if steps < 1:
    raise ValueError(f'{steps} updates show nothing; look at one at least.')
  if tolerance is None:
    expected = expected_leak(bases)
    soft = max(expected, key=expected.__getitem__, default='')
    if soft and expected[soft] > 0:
      raise ValueError(
          'a soft filter preserves no direction exactly: of an even gradient that '
          f'passed through it once {expected[soft]:.2g} leaks at {soft}; name the '
          'leak that you allow, tolerance=..., or take a hard filter.')
    tolerance = 1e-4

  @jax.jit
  def step(key, scale, state, params, bases):
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    gradient = jax.tree.unflatten(tree, [
        (scale * jax.random.normal(k, p.shape)).astype(p.dtype)
        for k, p in zip(keys, leaves)])
    updates, state = optimizer.update(gradient, state, params)
    params = optax.apply_updates(params, updates)
    moves = jnp.any(jnp.array([jnp.any(u != 0) for u in jax.tree.leaves(updates)]))
    return state, params, leak(updates, bases), moves

  state, moved = optimizer.init(params), 0
  # Some updates are zero: the first of a warm-up, all but one of MultiSteps.
  for key in jax.random.split(jax.random.key(0), 100 * steps):
    scale = (1., 1e3, 1e-3)[moved % 3]  # large ones so that clipping bites
    state, params, leaks, moves = jax.block_until_ready(
        step(key, scale, state, params, bases))
    leaks = {path: float(share) for path, share in leaks.items()}
    worst = max(leaks, key=lambda path: (math.isnan(leaks[path]), leaks[path]))
    if not leaks[worst] <= tolerance:  # NaN fails too
      raise AssertionError(
          f'{100 * leaks[worst]:.2g} % of the update of {worst} leaves the null '
          f'space: {_reason(leaks[worst], paths.leaf_paths(params)[worst].dtype)}')
    moved += bool(moves)
    if moved == steps:
      return
  warnings.warn(
      f'only {moved} of {100 * steps} gradients moved anything, so that little was '
      'seen; check the optimiser without what holds it back, such as MultiSteps.',
      stacklevel=2)


def _reason(leak: float, dtype: jnp.dtype) -> str:
  if leak < jnp.finfo(dtype).eps:
    return (f'it is rounded to {dtype}; keep the parameters in float32, or allow '
            'a larger tolerance.')
  return ('something after the projection rescales entries or adds to them; use '
          'project_updates(optimizer, bases), or put null_space_projection last.')
