"""One network in four frameworks, with BatchNorm, dropout and a leaf that is no float."""

from collections.abc import Callable
import dataclasses

import equinox as eqx
from flax import linen as nn
from flax import nnx
import haiku as hk
import jax
import jax.numpy as jnp

from unsc_jax import models
from unsc_jax import problem as problem_lib

KEY = jax.random.key(0)
WIDTH, RATE, MOMENTUM = 16, .5, .9


class Linen(nn.Module):
  @nn.compact
  def __call__(self, x, train: bool = False):
    x = nn.BatchNorm(momentum=MOMENTUM, use_running_average=not train, name='norm')(
        nn.Dense(WIDTH, name='first')(x))
    return nn.Dense(3, name='head')(nn.Dropout(RATE)(nn.relu(x), deterministic=not train))


class NNX(nnx.Module):
  def __init__(self, rngs):
    self.first = nnx.Linear(6, WIDTH, rngs=rngs)
    self.norm = nnx.BatchNorm(WIDTH, momentum=MOMENTUM, rngs=rngs)
    self.dropout = nnx.Dropout(RATE, rngs=rngs)
    self.head = nnx.Linear(WIDTH, 3, rngs=rngs)

  def __call__(self, x):
    return self.head(self.dropout(nnx.relu(self.norm(self.first(x)))))


class Equinox(eqx.Module):
  first: eqx.nn.Linear
  norm: eqx.nn.BatchNorm
  dropout: eqx.nn.Dropout
  head: eqx.nn.Linear
  version: jax.Array

  def __init__(self, key, mode='batch'):
    a, b = jax.random.split(key)
    self.first = eqx.nn.Linear(6, WIDTH, key=a)
    self.norm = eqx.nn.BatchNorm(WIDTH, 'batch', momentum=MOMENTUM, mode=mode)
    self.dropout = eqx.nn.Dropout(RATE)
    self.head = eqx.nn.Linear(WIDTH, 3, key=b)
    self.version = jnp.array(3)

  def __call__(self, x, state, key=None):
    x, state = self.norm(self.first(x), state)
    return self.head(self.dropout(jax.nn.relu(x), key=key)), state


def haiku(x, is_training):
  x = hk.BatchNorm(True, True, MOMENTUM, name='norm')(
      hk.Linear(WIDTH, name='first')(x), is_training)
  x = jax.nn.relu(x)
  if is_training:
    x = hk.dropout(hk.next_rng_key(), RATE, x)
  return hk.Linear(3, name='head')(x)


@dataclasses.dataclass(frozen=True)
class Framework:
  network: problem_lib.Network
  apply: Callable  # (params, x): the framework's own call in evaluation
  first: Callable  # params to the outputs of the first layer, as `x @ w + b`
  kept: Callable  # params to BatchNorm's mean and variance


def _nnx_apply(params, x):
  model = NNX(nnx.Rngs(7))
  nnx.update(model, params)
  return nnx.view(model, deterministic=True, use_running_average=True)(x)


def _equinox(mode):
  make = lambda key: eqx.nn.make_with_state(Equinox)(key, mode)
  network = models.from_equinox(make)

  def whole(params):
    model, state = make(KEY)
    own = eqx.filter((model, state), eqx.is_array, inverse=True)
    return eqx.combine(params, own)

  def apply(params, x):
    model, state = whole(params)
    one = lambda x: eqx.nn.inference_mode(model)(x, state)[0]
    return jax.vmap(one, axis_name='batch')(x)

  def kept(params):
    model, state = whole(params)
    if mode == 'ema':
      return state.get(model.norm.ema_state_index)
    # What Equinox divides by: 1 - momentum ** count.
    count = state.get(model.norm.batch_counter)
    return jax.tree.map(lambda hidden: hidden / (1 - MOMENTUM**count),
                        state.get(model.norm.batch_state_index))

  return Framework(network, apply, lambda params: (
      params[0].first.weight.T, params[0].first.bias), kept)


FRAMEWORKS = {
    'linen': lambda: Framework(
        models.from_linen(Linen(), (6,)), Linen().apply,
        lambda p: (p['params']['first']['kernel'], p['params']['first']['bias']),
        lambda p: (p['batch_stats']['norm']['mean'], p['batch_stats']['norm']['var'])),
    'nnx': lambda: Framework(
        models.from_nnx(NNX), _nnx_apply,
        lambda p: (p['first']['kernel'][...], p['first']['bias'][...]),
        lambda p: (p['norm']['mean'][...], p['norm']['var'][...])),
    'equinox': lambda: _equinox('batch'),
    'equinox, ema': lambda: _equinox('ema'),
    'haiku': lambda: Framework(
        models.from_haiku(haiku, (6,)),
        lambda p, x: hk.transform_with_state(haiku).apply(
            p['params'], p['state'], None, x, False)[0],
        lambda p: (p['params']['first']['w'], p['params']['first']['b']),
        lambda p: tuple(p['state'][f'norm/~/{name}']['average'].ravel()
                        for name in ('mean_ema', 'var_ema'))),
}
