"""A Flax linen module as the few pure functions that methods work with.

`N` examples in batches of `B`.
"""

from collections.abc import Callable, Sequence
import dataclasses
import functools
from typing import Any

from flax import linen as nn
from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import problem
from unsc_jax import programs
from unsc_jax import session as session_lib
from unsc_jax.models import statistics


def from_linen(
    module: nn.Module, input_shape: Sequence[int], *, finish_on: int = statistics.FINISH_ON
) -> problem.Network:
  """Wraps a module that is called as `module.apply(variables, x, train=...)`.

  All variables travel as one pytree; only `params` are trainable.

  Args:
    module: of linen; rng 'dropout', collection 'batch_stats' where it has them.
    input_shape: of one example.
    finish_on: how many training inputs to estimate BatchNorm statistics from.

  Returns:
    The network.

  Example:
    >>> import jax
    >>> from unsc_jax import models
    >>> network = from_linen(models.MLP(), (8, 8, 1))
    >>> params = network.init(jax.random.key(0))
    >>> network.fn(params, jnp.zeros((5, 8, 8, 1))).shape
    (5, 10)
  """
  start = programs.hashable(_Init(module, tuple(input_shape)))

  def fn(variables, x):
    return jnp.asarray(module.apply(variables, x, train=False))

  def init(key):
    return _begun(start, key)

  def train_fn(variables, x, key):
    logits, rewritten = module.apply(
        variables, x, train=True, rngs={'dropout': key},
        mutable=['batch_stats'])
    return logits, {name: rewritten.get(name, kept)
                    for name, kept in variables.items()}

  def finish(variables, x):
    return reestimate(module, variables, x, most=finish_on)

  return problem.Network(
      fn, init, train_fn, lambda path: path.startswith('params/'), finish)


@dataclasses.dataclass(frozen=True)
class _Init:
  """A module's fresh variables; equal for equal modules, which may not be hashable."""
  module: nn.Module
  input_shape: tuple[int, ...]

  def __call__(self, key: jax.Array) -> Any:
    return self.module.init(key, jnp.zeros((1, *self.input_shape)), train=False)


@functools.partial(jax.jit, static_argnums=0)
def _begun(init: Callable, key: jax.Array) -> Any:
  """One program that answers nothing, where each of a network's operations would be one."""
  return init(key)


def reestimate(
    model: nn.Module,
    variables: Any,
    x: np.ndarray,
    batch_size: int = 500,
    session: session_lib.Session = session_lib.DEFAULT,
    most: int | None = None,
) -> Any:
  """Estimates BatchNorm's running statistics with everything else at rest.

  Args:
    model: A linen module, called as `model.apply(variables, x, train=False)`.
    variables: Its variables, `{'params': ..., 'batch_stats': ...}`.
    x: Inputs [N, ...], those that the network was trained on or a part.
    batch_size: `B`; the last batch may be smaller. See `statistics.averaged`.
    session: Whose bar is shown.
    most: How many inputs to take, drawn from all; by default all.

  Returns:
    The variables with new 'batch_stats'; the argument is not changed.

  Raises:
    ValueError: `x` is empty, or a part of 'batch_stats' does not belong to a
      `nn.BatchNorm`.

  Example:
    >>> class Net(nn.Module):
    ...   @nn.compact
    ...   def __call__(self, x, train):
    ...     return nn.BatchNorm(use_running_average=not train)(x)
    >>> x = np.array([[1.], [3.], [5.]], np.float32)
    >>> variables = Net().init(jax.random.key(0), x, train=False)
    >>> new = reestimate(Net(), variables, x, batch_size=2)
    >>> print(new['batch_stats']['BatchNorm_0']['mean'])
    [3.]
  """
  if not jax.tree.leaves(variables.get('batch_stats', {})):
    return variables
  found = statistics.averaged(
      _of_batch(model), variables, x, batch_size, session, most)
  new = traverse_util.unflatten_dict({
      (*path, name): value for path, both in found.items()
      for name, value in zip(('mean', 'var'), both)})
  return {**variables, 'batch_stats': jax.tree.map(
      lambda a, like: jnp.asarray(a, like.dtype), new, variables['batch_stats'])}


def _of_batch(model: nn.Module) -> statistics.OfBatch:
  """Mean and variance of each BatchNorm's input, by the module's path."""
  def of_batch(variables, batch):
    norms = set()

    def normalize_by_batch(next_fun, args, kwargs, context):
      module = context.module
      if isinstance(module, nn.BatchNorm) and context.method_name == '__call__':
        x = (args[0] if args else kwargs['x']).astype(jnp.float32)
        features = {axis % x.ndim for axis in np.atleast_1d(module.axis).tolist()}
        others = tuple(set(range(x.ndim)) - features)
        module.put_variable('batch_stats', 'mean', jnp.mean(x, others))
        module.put_variable('batch_stats', 'var', jnp.var(x, others))
        norms.add(module.path)
      return next_fun(*args, **kwargs)  # evaluation mode: normalises by these

    with nn.intercept_methods(normalize_by_batch):
      _, updated = model.apply(
          variables, batch, train=False, mutable=['batch_stats'])

    flat: Any = traverse_util.flatten_dict(updated['batch_stats'])
    if unknown := sorted({path[:-1] for path in flat} - norms):
      raise ValueError(
          f"The statistics of '{'/'.join(unknown[0])}' belong to no flax.linen."
          'BatchNorm that this network calls: re-estimate them yourself.')
    return {path: (flat[*path, 'mean'], flat[*path, 'var']) for path in norms}

  return of_batch
