"""Programs that are compiled once: what they are told apart by, and small shared ones.

Functions are static arguments of programs that are compiled at a module's level, so
that equal functions share one. Outside of these every operation on a new shape is a
program of its own, which takes longer to compile than its work on a host.
"""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import jax
from jax import core
import jax.numpy as jnp
import numpy as np
import optax

from unsc_jax import closures


def hashable(fn: Callable) -> Callable:
  """The function as a static argument of a program, which equal functions share.

  See `closures.by_content`. What cannot be hashed equals nothing but itself.

  Example:
    >>> hashable(abs) is abs, hashable(set('a').union)(['b']) == {'a', 'b'}
    (True, True)
    >>> hashable(optax.sgd(.1).update) == hashable(optax.sgd(.1).update)
    True
  """
  fn = closures.by_content(fn)
  try:
    hash(fn)
  except TypeError:
    return functools.partial(fn)
  return fn


def split(key: jax.Array, count: int = 2) -> tuple[jax.Array, ...]:
  """As `jax.random.split`, the keys one by one.

  The first ones are alike whatever their number, unless `jax_threefry_partitionable` is
  off: so four are made by one program, where each number would be a compilation more.

  Args:
    key: a key.
    count: how many, at most four.

  Returns:
    The keys.

  Example:
    >>> a, b = split(jax.random.key(0))
    >>> (a == jax.random.split(jax.random.key(0))[0]).item()
    True
  """
  return _split(key, 4 if jax.threefry_partitionable.value else count)[:count]


@functools.partial(jax.jit, static_argnums=1)
def _split(key: jax.Array, count: int) -> tuple[jax.Array, ...]:
  return tuple(jax.random.split(key, count))


@jax.jit
def copy(tree: Any) -> Any:
  """A pytree of arrays in buffers of its own, which a step may consume."""
  return jax.tree.map(jnp.copy, tree)


@jax.jit
def add(a: Any, b: Any) -> Any:
  """The sum of two pytrees."""
  return jax.tree.map(jnp.add, a, b)


def look(fn: Callable, *args: Any) -> Any:
  """A few numbers about large arrays, on the host.

  Where the arrays lie in the host's memory, NumPy looks at them there and nothing is
  compiled: a program of a few sums for every layer takes longer to compile than to
  run. Elsewhere it is one program, and only the numbers travel.

  Args:
    fn: from the arrays to the numbers, in their own namespace: `x.__array_namespace__()`.
    *args: pytrees of arrays.

  Returns:
    A pytree of NumPy's arrays.

  Example:
    >>> total = lambda x: x.__array_namespace__().sum(x)
    >>> print(look(total, jnp.ones(3)))
    3.0
  """
  if all(map(_in_host_memory, jax.tree.leaves(args))):
    with np.errstate(all='ignore'):  # an overflow is a number to be told, as in XLA
      return fn(*jax.tree.map(np.asarray, args))
  return jax.device_get(_look(hashable(fn), *args))


@functools.partial(jax.jit, static_argnums=0)
def _look(fn: Callable, *args: Any) -> Any:
  return fn(*args)


def _in_host_memory(leaf: Any) -> bool:
  """Whether NumPy can read a leaf without a copy."""
  if not isinstance(leaf, jax.Array):
    return True
  return not isinstance(leaf, core.Tracer) and (
      {device.platform for device in leaf.devices()} == {'cpu'} and len(leaf.devices()) == 1)


class holding(functools.partial):
  """A function with arrays bound to it that is no pytree of them.

  An optimiser is a tuple, so that a pytree in it would make it one of arrays, which
  Flax refuses to keep beside a model.

  Example:
    >>> jax.tree.leaves(holding(jnp.add, jnp.ones(2)))[0](1).tolist()
    [2.0, 2.0]
  """


def begin(init: Callable, params: Any) -> Any:
  """An optimiser's first state, in one program and in buffers of its own.

  What holds arrays begins by itself, and so does what is traced or split over devices.
  """
  split = any(isinstance(leaf, core.Tracer) or len(getattr(leaf, 'devices', set)()) > 1
              for leaf in jax.tree.leaves(params))
  if isinstance(init, holding) or split:
    return init(params)
  if jax.make_jaxpr(init)(params).consts:  # they would be part of the program
    return copy(init(params))
  return _begin(hashable(init), params)


@functools.partial(jax.jit, static_argnums=0)
def _begin(init: Callable, params: Any) -> Any:
  return copy(init(params))


@dataclasses.dataclass(frozen=True)
class Update:
  """What a step needs of an optimiser: its update, which holds no arrays.

  Equal if the optimisers are the same, whatever their `init` starts from.
  """
  fn: Callable
  takes_extra: bool

  def __call__(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
    return self.fn(updates, state, params, **(extra if self.takes_extra else {}))


def update_of(optimizer: optax.GradientTransformation) -> Update:
  """The update of an optimiser that may or may not take further arguments."""
  return Update(hashable(optimizer.update),
                isinstance(optimizer, optax.GradientTransformationExtraArgs))
