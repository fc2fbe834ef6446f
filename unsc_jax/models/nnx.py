"""A Flax NNX module as the few pure functions that methods work with."""

from collections.abc import Callable
import dataclasses
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp

from unsc_jax import paths
from unsc_jax import problem
from unsc_jax.models import statistics


def from_nnx(
    make: Callable[[nnx.Rngs], nnx.Module], *, finish_on: int = statistics.FINISH_ON
) -> problem.Network:
  """Wraps a module that is called as `module(x)`, with `train()` and `eval()`.

  The parameters are `nnx.state(module)`, all of it; only what is an `nnx.Param` is
  trainable. In training, dropout and all else that is random depends on the key of the
  step alone: random states stay as they are.

  Args:
    make: from `nnx.Rngs` to a fresh module, such as `lambda rngs: Net(10, rngs=rngs)`.
    finish_on: how many training inputs to estimate BatchNorm statistics from.

  Returns:
    The network. A trained module becomes parameters by `nnx.state(module)`, and these
    become a module again by `nnx.update(module, params)`.

  Example:
    >>> network = from_nnx(lambda rngs: nnx.Linear(3, 2, rngs=rngs))
    >>> params = nnx.state(nnx.Linear(3, 2, rngs=nnx.Rngs(1)))
    >>> network.fn(params, jnp.ones((5, 3))).shape
    (5, 2)
  """
  graph, shapes = nnx.split(nnx.eval_shape(lambda: make(nnx.Rngs(0))))
  trainable = frozenset(paths.leaf_paths(nnx.filter_state(shapes, nnx.Param)))

  def fn(state, x):
    model = nnx.merge(graph, state, copy=True)
    model.eval()
    return jnp.asarray(model(x))

  def train_fn(state, x, key):
    model = nnx.merge(graph, state, copy=True)
    model.train()
    streams = (node for _, node in nnx.iter_graph(model) if isinstance(node, nnx.RngStream))
    for i, stream in enumerate(streams):
      stream.key.set_value(jax.random.split(jax.random.fold_in(key, i), stream.key.shape))
    logits = model(x)
    nnx.update(model, nnx.filter_state(state, nnx.RngState))
    return logits, nnx.state(model)

  def finish(state, x):
    return _reestimate(graph, state, x, finish_on)

  return problem.Network(
      fn, lambda key: nnx.state(make(nnx.Rngs(key))), train_fn,
      lambda path: path in trainable, finish)


def _reestimate(graph: nnx.GraphDef, state: Any, x: Any, most: int) -> Any:
  """The state with BatchNorm's running statistics estimated anew."""
  known = nnx.filter_state(state, nnx.BatchStat)
  if not jax.tree.leaves(known):
    return state
  found = statistics.averaged(_OfBatch(graph), state, x, most=most)
  model = nnx.merge(graph, state, copy=True)
  norms = _norms(model)
  for path, both in found.items():
    for kept, value in zip((norms[path].mean, norms[path].var), both):
      kept[...] = jnp.asarray(value, kept.dtype)
  return nnx.state(model)


@dataclasses.dataclass(frozen=True)
class _OfBatch:
  """Mean and variance of each BatchNorm's input, by the module's path."""
  graph: nnx.GraphDef

  def __call__(self, state: Any, batch: Any) -> dict[Any, Any]:
    model = nnx.merge(self.graph, state, copy=True)
    norms = _norms(model)
    owned = {(*path, name) for path in norms for name in ('mean', 'var')}
    all_of_them = {path for path, _ in nnx.to_flat_state(nnx.state(model, nnx.BatchStat))}
    if unknown := sorted(all_of_them - owned, key=str):
      raise ValueError(
          f"The statistics of '{'/'.join(map(str, unknown[0]))}' belong to no flax.nnx."
          'BatchNorm: give the Network a `finish` of its own with dataclasses.replace.')
    model.set_attributes(
        deterministic=True, use_running_average=False, raise_if_not_found=False)
    for norm in norms.values():
      norm.momentum = 0.  # what it keeps is the batch's
    model(batch)
    return {path: (norm.mean[...], norm.var[...]) for path, norm in norms.items()}


def _norms(model: nnx.Module) -> dict[Any, nnx.BatchNorm]:
  return {path: module for path, module in nnx.iter_modules(model)
          if isinstance(module, nnx.BatchNorm)}
