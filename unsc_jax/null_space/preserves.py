"""A trial of an optimiser: whether all that it moves stays in the null space."""

from collections.abc import Sequence
import itertools
import math
from typing import Any
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax

from unsc_jax import paths
from unsc_jax import sharding
from unsc_jax.null_space import gains as gains_lib
from unsc_jax.null_space import leaks as leaks_lib

# How many steps later it is looked at again, one after the other: what a schedule
# brings in late is not seen in the first few.
_LATER = (10, 100, 1_000, 10_000)


def assert_preserves(
    optimizer: optax.GradientTransformation, bases: gains_lib.Confinement, params: Any, *,
    steps: int = 3, tolerance: float | None = None,
) -> None:
  """Raises if an optimiser's updates leave the null space.

  Feeds it random gradients for a few steps, so that whatever it adds or scales
  after a projection shows; then once each as if 10, 100, 1,000 and 10,000 more steps
  were over, by its own counts, for what a schedule brings in later.

  What it keeps beside the parameters is looked at as well: `optax.lookahead` moves
  slow ones, and the parameters to evaluate of `optax.contrib.schedule_free` are
  made from its own copy. Both have to go around what is confined,
  `schedule_free(project_updates(...), ...)`, or what they evaluate is not.

  Args:
    optimizer: the whole chain that will be used.
    bases: what its updates must be confined to.
    params: pytree of arrays, left as they are; or `optax.LookaheadParams` of two.
      Only real and complex leaves are given gradients.
    steps: how many updates that move something to look at, at least 1.
    tolerance: the largest `leak` allowed; 1e-4 for bases. Gains of a soft filter
      preserve nothing exactly, so that it has to be named for them. What a parameter
      is rounded by in float32 is no leak.

  Raises:
    AssertionError: naming the parameter that leaks most, and by how much.
    ValueError: `steps` is below 1, there is no tolerance for a soft filter, or it is
      negative.

  Warns:
    UserWarning: so many updates did not come of a hundred times as many gradients.

  Example:
    >>> from unsc_jax import moments as moments_lib
    >>> from unsc_jax import null_space
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> params = {'w': jnp.ones((3, 2))}
    >>> _, M = fn(params, jnp.array([[1., 2., 0.]]))
    >>> bases = null_space.null_space_bases(M)
    >>> confined = null_space.project_updates(optax.adam(1.), bases)
    >>> assert_preserves(confined, bases, params)
    >>> leaking = optax.chain(
    ...     null_space.null_space_projection(bases), optax.adam(1.))
    >>> assert_preserves(leaking, bases, params)
    Traceback (most recent call last):
    ...
    AssertionError: ... % of the update of w leaves the null space: ...

  Source: ours.
  """
  if steps < 1:
    raise ValueError(f'{steps} updates show nothing; look at one at least.')
  gains_lib.check(bases)
  tolerance = _tolerance(bases) if tolerance is None else tolerance
  if not tolerance >= 0:
    raise ValueError(f'a leak of at most {tolerance} cannot be; allow 1e-4.')
  optimizer = optax.with_extra_args_support(optimizer)
  params = _without_keys(params)
  copies = _copies(optimizer, params)

  @jax.jit
  def step(key, scale, state, params, bases):
    gradient = _gradient(key, scale, params)
    loss = lambda p: _loss(p, _fast(params), gradient)
    updates, after = optimizer.update(
        gradient, state, params, value=loss(_fast(params)), grad=gradient, value_fn=loss)
    pairs = zip(jax.tree.leaves(state), jax.tree.leaves(after))
    moved = [b - a if i in copies else None for i, (a, b) in enumerate(pairs)]
    own = [{path: moved[i]} for i, path in copies.items()]
    moves = jnp.any(jnp.stack([jnp.any(u != 0) for u in jax.tree.leaves(updates)]))
    return (after, optax.apply_updates(params, updates),
            [_leaks(tree, bases, params) for tree in (*_each(updates), *own)], moves)

  state, moved, wait, longest = optimizer.init(params), 0, 0, 0
  # Some updates are zero: the first of a warm-up, all but one of MultiSteps.
  keys = iter(jax.random.split(jax.random.key(0), 100 * (steps + len(_LATER))))
  for key in itertools.islice(keys, 100 * steps):
    scale = (1., 1e3, 1e-3)[moved % 3]  # large ones so that clipping bites
    state, params, leaks, moves = jax.block_until_ready(
        step(key, scale, state, params, bases))
    _judge(leaks, tolerance, _each(params), bases)
    moved, wait = moved + bool(moves), 0 if moves else wait + 1
    longest = max(longest, wait)
    if moved == steps:
      break
  else:
    warnings.warn(
        f'only {moved} of {100 * steps} gradients moved anything, so that little was '
        'seen; check the optimiser without what holds it back, such as MultiSteps.',
        stacklevel=2)
    return
  for more in _LATER:
    state = _later(state, more)
    for key in itertools.islice(keys, longest + 1):
      state, params, leaks, _ = jax.block_until_ready(step(key, 1., state, params, bases))
      # A state made up of an early one may give NaN, which no real one would.
      _judge(leaks, tolerance, _each(params), bases, of_nan=False)


def _tolerance(bases: gains_lib.Confinement) -> float:
  """What a projection may leak by rounding; a filter that damps has to be told."""
  expected = leaks_lib.expected_leak(bases)
  soft = max(expected, key=expected.__getitem__, default='')
  if soft and expected[soft] > 0:
    raise ValueError(
        'a soft filter preserves no direction exactly: of an even gradient that '
        f'passed through it once {expected[soft]:.2g} leaks at {soft}; name the '
        'leak that you allow, tolerance=..., or take a hard filter.')
  return 1e-4


def _without_keys(params: Any) -> Any:
  """Random keys as the integers that they are: no optimiser can make zeros of keys."""
  return jax.tree.map(
      lambda p: jax.random.key_data(p) if sharding.is_key(p) else jnp.asarray(p), params)


def _moves(leaf: jax.Array) -> bool:
  """Whether a leaf can have a gradient."""
  return jnp.issubdtype(leaf.dtype, jnp.inexact)


def _fast(params: Any) -> Any:
  """The parameters that gradients are taken of."""
  return params.fast if isinstance(params, optax.LookaheadParams) else params


def _each(params: Any) -> tuple[Any, ...]:
  """All sets of parameters, or of updates, by the names that bases have."""
  return tuple(params) if isinstance(params, optax.LookaheadParams) else (params,)


@jax.jit
def _normal(key: jax.Array, params: Any) -> Any:
  """Random numbers in place of what can have a gradient, zeros of the rest."""
  leaves, tree = jax.tree.flatten(params)
  keys = jax.random.split(key, max(1, len(leaves)))
  return jax.tree.unflatten(tree, [
      jax.random.normal(k, p.shape).astype(p.dtype) if _moves(p) else jnp.zeros_like(p)
      for k, p in zip(keys, leaves)])


def _gradient(key: jax.Array, scale: jax.Array, params: Any) -> Any:
  return jax.tree.map(lambda g: (scale * g).astype(g.dtype) if _moves(g) else g,
                      _normal(key, _fast(params)))


def _loss(params: Any, now: Any, gradient: Any) -> jax.Array:
  """A function with this gradient at these parameters, and a lowest point."""
  def part(p, start, g):
    if not jnp.issubdtype(p.dtype, jnp.floating):
      return jnp.zeros(())
    away, g = (x.astype(jnp.float32) for x in (p - start, g))
    return jnp.sum(away * g) + jnp.sum(away**2) / 2
  return jax.tree.reduce(jnp.add, jax.tree.map(part, params, now, gradient))


def _copies(optimizer: optax.GradientTransformationExtraArgs, params: Any) -> dict[int, str]:
  """Which leaves of a state are copies of parameters: their numbers, to the path.

  Told by their values where an optimiser begins at random parameters.
  """
  begin = _normal(jax.random.key(1), params)
  leaves = {path: np.asarray(p) for path, p in paths.leaf_paths(_fast(begin)).items()
            if _moves(p) and p.size}
  out = {}
  for i, leaf in enumerate(jax.tree.leaves(optimizer.init(begin))):
    for path, p in leaves.items():
      if np.shape(leaf) == p.shape and np.array_equal(leaf, p.astype(leaf.dtype)):
        out[i] = path
  return out


def _leaks(updates: Any, bases: gains_lib.Confinement, params: Any) -> dict[str, jax.Array]:
  """The leak by path, none where it is what float32 rounds the parameter by."""
  norm = lambda x: jnp.linalg.norm(x.astype(jnp.float32).ravel())
  now, moved = paths.leaf_paths(_fast(params)), paths.leaf_paths(updates)
  rounding = 2 * jnp.finfo(jnp.float32).eps
  return {path: jnp.where(share * norm(moved[path]) <= rounding * norm(now[path]), 0, share)
          for path, share in leaks_lib.leak(updates, bases).items()}


def _later(state: Any, steps: int) -> Any:
  """A state as it would be after some more steps, by what it counts."""
  def count(path, leaf):
    name = jax.tree_util.keystr(path[-1:])
    counts = 'count' in name and jnp.issubdtype(jnp.result_type(leaf), jnp.integer)
    return leaf + steps if counts and jnp.ndim(leaf) == 0 else leaf
  return jax.tree_util.tree_map_with_path(count, state)


def _judge(leaks: Sequence[dict[str, jax.Array]], tolerance: float,
           params: Sequence[Any], bases: gains_lib.Confinement,
           of_nan: bool = True) -> None:
  """Raises AssertionError if something leaks: updates come first, then copies."""
  found = [(float(share), path, i) for i, by_path in enumerate(leaks)
           for path, share in by_path.items()]
  share, path, i = max(found, key=lambda leak: (math.isnan(leak[0]), leak[0]))
  if share <= tolerance or (math.isnan(share) and not of_nan):
    return
  if i < len(params):
    dtype = paths.leaf_paths(params[0])[path].dtype
    raise AssertionError(
        f'{100 * share:.2g} % of the update of {path} leaves the null space: '
        f'{_reason(share, dtype, leaks_lib.expected_leak(bases).get(path, 0))}')
  raise AssertionError(
      f'{100 * share:.2g} % of what moves the copy of {path} in the optimiser\'s state '
      'leaves the null space, and with it what is evaluated: confine the optimiser '
      'inside, as in schedule_free(project_updates(optimizer, bases), learning_rate).')


def _reason(leak: float, dtype: jnp.dtype, expected: float) -> str:
  if leak < jnp.finfo(dtype).eps:
    return (f'it is rounded to {dtype}; keep the parameters in float32, or allow '
            'a larger tolerance.')
  if expected > 0 and not math.isnan(leak):
    return (f'its filter is soft, by which {100 * expected:.2g} % of an even gradient does; '
            'allow a larger tolerance or take a hard filter, and if something after the '
            'projection rescales entries use project_updates(optimizer, bases).')
  return ('something after the projection rescales entries or adds to them; use '
          'project_updates(optimizer, bases), or put null_space_projection last.')
