"""An Equinox module as the few pure functions that methods work with."""

from collections.abc import Callable
import dataclasses
import inspect
from typing import Any

import jax
import jax.numpy as jnp

from unsc_jax import batching
from unsc_jax import problem
from unsc_jax.models import statistics


def from_equinox(
    make: Callable[[jax.Array], Any], *, finish_on: int = statistics.FINISH_ON
) -> problem.Network:
  """Wraps a module that is called on one example, as Equinox's own are.

  That is `model(x)` or, where it takes one, `model(x, key=key)`; with BatchNorm, of
  `eqx.nn.make_with_state`, `model(x, state)` or `model(x, state, key=key)`. The
  parameters are the arrays of what `make` returns; a state is not trainable.

  Args:
    make: from a key to a fresh module, or to a module and its state.
    finish_on: how many training inputs to estimate BatchNorm statistics from.

  Returns:
    The network. What is trained already becomes parameters by
    `eqx.filter(model, eqx.is_array)` or `eqx.filter((model, state), eqx.is_array)`.

  Raises:
    ImportError: Equinox is not installed.

  Example:
    >>> import equinox as eqx
    >>> network = from_equinox(lambda key: eqx.nn.Linear(3, 2, key=key))
    >>> params = eqx.filter(eqx.nn.Linear(3, 2, key=jax.random.key(1)), eqx.is_array)
    >>> network.fn(params, jnp.ones((5, 3))).shape
    (5, 2)
  """
  eqx = _equinox()
  made = eqx.filter_eval_shape(make, jax.random.key(0))
  is_shape = lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct)
  _, static = eqx.partition(made, is_shape)
  stateful = isinstance(made, tuple)

  def whole(params):
    found = eqx.combine(params, static)
    return found if stateful else (found, None)

  def fn(params, x):
    model, state = whole(params)
    return run(eqx.nn.inference_mode(model), state, x)[0]

  def train_fn(params, x, key):
    model, state = whole(params)
    logits, state = run(eqx.nn.inference_mode(model, False), state, x, key)
    return logits, (params[0], state) if stateful else params

  def finish(params, x):
    if not stateful:
      return params
    return _reestimate(whole, params, x, finish_on)

  return problem.Network(
      fn, lambda key: eqx.filter(make(key), eqx.is_array), train_fn,
      lambda path: not stateful or path.startswith('0/'), finish)


def run(model: Any, state: Any, x: Any, key: jax.Array | None = None
        ) -> tuple[jax.Array, Any]:
  """Logits of a batch `[B, ...]`, and the state after it."""
  keys = None if key is None else jax.random.split(key, batching.count(x))
  takes_key = 'key' in inspect.signature(model).parameters
  axis = next((norm.axis_name for norm in _norms(model)), 'batch')

  def one(x, key, state):
    given = {'key': key} if takes_key else {}
    return (model(x, **given), None) if state is None else model(x, state, **given)

  logits, state = jax.vmap(
      one, in_axes=(0, None if keys is None else 0, None), out_axes=(0, None),
      axis_name=axis)(x, keys, state)
  return jnp.asarray(logits), state


def _reestimate(whole: Callable, params: Any, x: Any, most: int) -> Any:
  """The parameters with BatchNorm's running statistics estimated anew."""
  model, state = whole(params)
  norms = _norms(model)
  if not norms:
    return params
  found = statistics.averaged(_OfBatch(whole), params, x, most=most)
  for i, norm in enumerate(norms):
    index, scale = _kept(norm, state)
    state = state.set(index, tuple(
        jnp.asarray(value * scale, old.dtype) for value, old in zip(
            found[i], state.get(index))))
    if norm.mode == 'ema':
      state = state.set(norm.ema_first_time_index, jnp.array(False))
  return params[0], state


@dataclasses.dataclass(frozen=True)
class _OfBatch:
  """Mean and variance of each BatchNorm's input, by its number."""
  whole: Callable  # params to the module and its state

  def __call__(self, params: Any, batch: Any) -> dict[int, Any]:
    eqx = _equinox()
    model, state = self.whole(params)
    norms = _norms(model)
    flags = lambda model: [norm.inference for norm in _norms(model)]
    model = eqx.tree_at(flags, eqx.nn.inference_mode(model), [False] * len(norms))
    for norm in norms:  # as if nothing had been seen yet: what it keeps is the batch's
      if norm.mode == 'ema':
        state = state.set(norm.ema_first_time_index, jnp.array(True))
      else:
        zeros = jax.tree.map(jnp.zeros_like, state.get(norm.batch_state_index))
        state = state.set(norm.batch_state_index, zeros)
        state = state.set(norm.batch_counter, jnp.zeros_like(state.get(norm.batch_counter)))
    _, state = run(model, state, batch)
    found = {}
    for i, norm in enumerate(norms):
      index, scale = _kept(norm, state)
      found[i] = tuple(value / scale for value in state.get(index))
    return found


def _kept(norm: Any, state: Any) -> tuple[Any, Any]:
  """Where a BatchNorm keeps its mean and variance, and what it multiplies them by."""
  if norm.mode == 'ema':
    return norm.ema_state_index, 1.
  count = state.get(norm.batch_counter)
  return norm.batch_state_index, jnp.where(count == 0, 1., 1 - norm.momentum**count)


def _norms(model: Any) -> list[Any]:
  eqx = _equinox()
  is_norm = lambda node: isinstance(node, eqx.nn.BatchNorm)
  return [node for node in jax.tree.leaves(model, is_leaf=is_norm) if is_norm(node)]


def _equinox() -> Any:
  try:
    import equinox
  except ImportError as error:
    raise ImportError('from_equinox needs Equinox: pip install equinox.',
                      name=error.name) from error
  return equinox
