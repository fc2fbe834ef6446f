"""Each framework's models as functions of their parameters.

Parameters are random throughout, biases and scales included: what starts at
zero would hide an error.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
from flax import nnx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from tests.capture import case


def fill(tree: Any) -> Any:
  """Random values of about the size that initialisers give."""
  leaves, structure = jax.tree.flatten(tree)
  values = []
  for seed, leaf in enumerate(leaves):
    fan_in = max(1, int(np.prod(leaf.shape[:-1])))
    value = case.random(*leaf.shape, seed=seed + 7) / np.sqrt(fan_in)
    values.append(jnp.asarray(value, leaf.dtype))
  return jax.tree.unflatten(structure, values)


def linen(module, *args, **options) -> case.Network:
  """`module.apply`, with statistics such as BatchNorm's held fixed."""
  shapes = jax.eval_shape(
      lambda: module.init(jax.random.key(0), *args, **options))
  rest = {name: jax.tree.map(lambda s: 1 + .5 * case.random(*s.shape)**2, tree)
          for name, tree in shapes.items() if name != 'params'}
  fn = lambda params, *args: module.apply(
      {'params': params, **rest}, *args, **options)
  return case.Network(fn, fill(shapes['params']), args)


def nnx_model(model, *args, pure: bool = False) -> case.Network:
  """`nnx.split` before, `nnx.merge` inside; as a State or a pure dictionary."""
  graph, params, rest = nnx.split(model, nnx.Param, ...)
  params = fill(params)
  fn = lambda params, *args: nnx.merge(
      graph, params, rest, copy=True)(*args)
  return case.Network(fn, nnx.to_pure_dict(params) if pure else params, args)


def equinox(make: Callable, *args, call: Callable | None = None) -> case.Network:
  """`eqx.partition` before, `eqx.combine` inside, vmapped over a batch."""
  # Of shapes alone: to draw numbers that `fill` replaces takes seconds.
  model = eqx.filter_eval_shape(make, jax.random.key(0))
  params, static = eqx.partition(
      model, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
  call = call or (lambda model, *args: jax.vmap(model)(*args))
  fn = lambda params, *args: call(eqx.combine(params, static), *args)
  return case.Network(fn, fill(params), args)


def haiku(forward: Callable, *args) -> case.Network:
  """`hk.transform`ed."""
  transformed = hk.without_apply_rng(hk.transform(forward))
  shapes = jax.eval_shape(transformed.init, jax.random.key(0), *args)
  return case.Network(transformed.apply, fill(shapes), args)


def by_hand(fn: Callable, params: Any, *args) -> case.Network:
  return case.Network(fn, params, args)
