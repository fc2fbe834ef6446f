"""A Haiku function as the few pure functions that methods work with."""

from collections.abc import Callable, Sequence
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from unsc_jax import problem
from unsc_jax.models import statistics


def from_haiku(
    forward: Callable[[jax.Array, bool], jax.Array], input_shape: Sequence[int], *,
    finish_on: int = statistics.FINISH_ON,
) -> problem.Network:
  """Wraps a function of Haiku modules, before it is transformed.

  The parameters are `{'params': params, 'state': state}` of `hk.transform_with_state`;
  a state is not trainable.

  Args:
    forward: called as `forward(x, is_training)`, by position.
    input_shape: of one example.
    finish_on: how many training inputs to estimate BatchNorm statistics from.

  Returns:
    The network.

  Raises:
    ImportError: Haiku is not installed.

  Example:
    >>> import haiku as hk
    >>> network = from_haiku(lambda x, is_training: hk.Linear(2)(x), (3,))
    >>> params = network.init(jax.random.key(0))
    >>> network.fn(params, jnp.ones((5, 3))).shape
    (5, 2)
  """
  hk = _haiku()
  transformed = hk.transform_with_state(forward)

  def apply(params, x, is_training, key=None):
    return transformed.apply(params['params'], params['state'], key, x, is_training)

  def fn(params, x):
    return jnp.asarray(apply(params, x, False)[0])

  def init(key):
    # As in training, so that all that training keeps is there.
    params, state = transformed.init(key, jnp.zeros((1, *input_shape)), True)
    return {'params': params, 'state': state}

  def train_fn(params, x, key):
    logits, state = apply(params, x, True, key)
    return logits, {**params, 'state': state}

  def finish(params, x):
    return _reestimate(apply, params, x, finish_on)

  return problem.Network(
      fn, init, train_fn, lambda path: path.startswith('params/'), finish)


_KEPT = ('mean_ema', 'var_ema')


def _reestimate(apply: Callable, params: Any, x: Any, most: int) -> Any:
  """The parameters with BatchNorm's running statistics estimated anew."""
  decays = _decays(apply, params, statistics.part(x, slice(1)))
  if not decays:
    return params
  found = statistics.averaged(_OfBatch(apply, tuple(decays)), params, x, most=most)
  state = dict(params['state'])
  for name, both in found.items():
    for part, value in zip(_KEPT, both):
      own = state[f'{name}/~/{part}']
      average = jnp.asarray(value, own['average'].dtype)
      # What is added up, so that further training goes on from the average.
      hidden = average * (1 - decays[name]**own['counter'])
      state[f'{name}/~/{part}'] = {**own, 'average': average, 'hidden': hidden}
  return {**params, 'state': state}


def _decays(apply: Callable, params: Any, x: Any) -> dict[str, float]:
  """How fast each BatchNorm forgets, by the module's name; told by a trace."""
  found: dict[str, float] = {}

  def note(norm, next_f, args, kwargs):
    found[norm.module_name] = norm.mean_ema.decay
    return next_f(*args, **kwargs)

  jax.eval_shape(lambda: _seen(apply, params, x, note))
  return found


@dataclasses.dataclass(frozen=True)
class _OfBatch:
  """Mean and variance of each BatchNorm's input, by the module's name."""
  apply: Callable
  names: tuple[str, ...]

  def __call__(self, params: Any, batch: Any) -> dict[str, Any]:
    # As if nothing had been seen yet: what BatchNorm keeps is the batch's.
    kept = {f'{name}/~/{part}' for name in self.names for part in _KEPT}
    begun = {name: jax.tree.map(jnp.zeros_like, own) if name in kept else own
             for name, own in params['state'].items()}
    state = _seen(self.apply, {**params, 'state': begun}, batch, _by_the_batch)
    return {name: tuple(state[f'{name}/~/{part}']['average'] for part in _KEPT)
            for name in self.names}


def _by_the_batch(norm: Any, next_f: Callable, args: tuple, kwargs: dict) -> Any:
  """BatchNorm as in training."""
  del norm
  given = {**dict(zip(('inputs', 'is_training', 'test_local_stats', 'scale', 'offset'), args)),
           **kwargs, 'is_training': True}
  return next_f(given.pop('inputs'), **given)


def _seen(apply: Callable, params: Any, x: Any, call: Callable) -> Any:
  """The state after a pass in evaluation, in which BatchNorm is called in another way."""
  hk = _haiku()

  def intercept(next_f, args, kwargs, context):
    if isinstance(context.module, hk.BatchNorm) and context.method_name == '__call__':
      return call(context.module, next_f, args, kwargs)
    return next_f(*args, **kwargs)

  with hk.intercept_methods(intercept):
    return apply(params, x, False)[1]


def _haiku() -> Any:
  try:
    import haiku
  except ImportError as error:
    raise ImportError('from_haiku needs Haiku: pip install dm-haiku.',
                      name=error.name) from error
  return haiku
