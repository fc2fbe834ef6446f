"""Each framework's models as functions of their parameters.

Parameters are random throughout, biases and scales included: what starts at
zero would hide an error.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
from flax import nnx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from tests.capture import case

BIAS = 'added, as a bias is'


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


def nnx_model(make: Callable, *args, pure: bool = False) -> case.Network:
  """`nnx.split` before, `nnx.merge` inside; as a State or a pure dictionary."""
  graph, params, rest = nnx.split(make(rngs=nnx.Rngs(0)), nnx.Param, ...)
  params = fill(params)
  fn = lambda params, *args: nnx.merge(graph, params, rest, copy=True)(*args)
  return case.Network(fn, nnx.to_pure_dict(params) if pure else params, args)


def equinox(make: Callable, *args, call: Callable | None = None) -> case.Network:
  """`eqx.partition` before, `eqx.combine` inside, vmapped over a batch."""
  # Of shapes alone: to draw numbers that `fill` replaces takes seconds.
  model = eqx.filter_eval_shape(make, key=jax.random.key(0))
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


def of_w(fn: Callable) -> Callable:
  """A function of a single array as one of parameters `{'w': array}`."""
  return lambda params, *args: fn(params['w'], *args)


class Section(NamedTuple):
  """Makes the rows of a section of the documentation.

  `biases` are paths of parameters that are not captured as they are added.
  """
  title: str

  def hand(self, what, fn, params, *args, rows=None, uncaptured=None, **more):
    """A function `fn(params, *args)`; of one array, called `w`, `fn(w, *args)`.

    One reason in `uncaptured` is that of all parameters.
    """
    if not isinstance(params, dict):
      params, fn, rows = {'w': params}, of_w(fn), rows and of_w(rows)
    if isinstance(uncaptured, str):
      uncaptured = dict.fromkeys(params, uncaptured)
    return case.Case(what, self.title, 'hand-written',
                     lambda: case.Network(fn, params, args), uncaptured or {}, rows, **more)

  def linen(self, what, module, *args, **more):
    return self.row(what, 'linen', lambda: linen(module, *args), **more)

  def nnx(self, what, make, *args, pure=False, **more):
    return self.row(what, 'NNX', lambda: nnx_model(make, *args, pure=pure), **more)

  def equinox(self, what, make, *args, call=None, **more):
    return self.row(what, 'Equinox', lambda: equinox(make, *args, call=call), **more)

  def haiku(self, what, forward, *args, **more):
    return self.row(what, 'Haiku', lambda: haiku(forward, *args), **more)

  def row(self, what, framework, network, biases='', uncaptured=None, **more):
    uncaptured = {**dict.fromkeys(biases.split(), BIAS), **(uncaptured or {})}
    return case.Case(what, self.title, framework, network, uncaptured, **more)
