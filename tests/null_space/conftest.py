"""A small network with free directions in both layers, and how to train it."""

from collections.abc import Callable
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests import toys
import unsc_jax

D, HIDDEN, OUT, RETAINED = 24, 48, 5, 20


class Toy(NamedTuple):
  """Trained by nobody: what is tested holds for any weights."""
  fn: Callable
  params: Any
  bases: unsc_jax.Bases
  retained: jax.Array  # [20, 24], of rank 6
  forgotten: tuple[jax.Array, jax.Array]  # [16, 24] and labels [16]

  def loss(self, params, batch):
    x, y = batch
    return optax.softmax_cross_entropy_with_integer_labels(
        self.fn(params, x), y).mean()

  def step(self, tx, params, state, batch):
    """The new parameters and state, and the update between."""
    gradient = jax.grad(self.loss)(params, batch)
    updates, state = tx.update(gradient, state, params)
    return optax.apply_updates(params, updates), state, updates

  def run(self, tx, steps=5):
    """The parameters after some steps, and the last update that moved them."""
    step = jax.jit(functools.partial(self.step, tx))
    params, state, last = self.params, tx.init(self.params), None
    for _ in range(steps):
      params, state, updates = jax.block_until_ready(
          step(params, state, self.forgotten))
      if any(np.any(u) for u in jax.tree.leaves(updates)):
        last = updates
    return params, last

  def leaks(self, updates):
    """The leak of every parameter, in one program."""
    return jax.device_get(toys.leak(updates, self.bases))

  def leak(self, updates):
    """The largest leak of any parameter."""
    return max(self.leaks(updates).values())

  def drift(self, params, x):
    """The relative change of the outputs on inputs `x`."""
    return toys.change(self.fn(self.params, x), self.fn(params, x))

  def moved(self, params):
    """The smallest relative change of the two kernels."""
    return min(toys.change(self.params[name]['w'], params[name]['w'])
               for name in ('hidden', 'head'))


def _fn(params, x):
  h = jnp.tanh(x @ params['hidden']['w'] + params['hidden']['b'][None])
  return h @ params['head']['w'] + params['head']['b'][None]


@pytest.fixture(scope='session')
def toy() -> Toy:
  rng = np.random.default_rng(0)
  normal = lambda *shape: rng.normal(size=shape).astype(np.float32)
  params = {
      'hidden': {'w': normal(D, HIDDEN) / np.float32(D**.5), 'b': normal(HIDDEN)},
      'head': {'w': normal(HIDDEN, OUT) / np.float32(HIDDEN**.5), 'b': normal(OUT)}}
  retained = normal(RETAINED, 6) @ normal(6, D) / np.float32(6**.5)
  params = jax.device_put(params)
  bases = toys.bases_of(_fn, params, retained)
  return Toy(jax.jit(_fn), params, bases, jnp.asarray(retained), (
      jnp.asarray(normal(16, D)), jnp.asarray(np.arange(16) % OUT)))
