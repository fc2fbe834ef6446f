"""What cannot be captured exactly, and is frozen: each with its reason."""

import equinox as eqx
from flax import linen as nn
from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from tests.capture import case as case_lib
from tests.capture import frameworks

Case, random, weight = case_lib.Case, case_lib.random, case_lib.weight
SECTION = 'Not captured'
X = random(4, 12)
W, AB = {'w': weight(12, 12)}, {'a': weight(12, 12), 'b': weight(12, 12, seed=2)}
V = weight(12, 5, seed=3)
SCALE, BIAS = 'multiplied entry by entry', 'added, as a bias is'


def hand(what, fn, params, *args, rows=None, **more) -> Case:
  return Case(what, SECTION, 'hand-written',
              lambda: frameworks.by_hand(fn, params, *args), rows=rows, **more)


def of(framework, what, network, **more) -> Case:
  return Case(what, SECTION, framework, network, **more)


def with_v(fn):
  """A layer that is captured behind the one that is not."""
  return lambda p, x: fn(p, x) @ p['v']


def refused(what, fn, reason, params=None, **more) -> Case:
  params = params or W
  reasons = reason if isinstance(reason, dict) else dict.fromkeys(params, reason)
  return hand(what, with_v(fn), {**params, 'v': V}, X, uncaptured=reasons, **more)


def _spectral(p, x):
  return x @ (p['w'] / jnp.linalg.norm(p['w']))


def _regularised(p, x):
  return x @ p['w'], (p['w']**2).sum()


def _two_ways(p, x):
  """Contracted along the same axis once as a whole and once in groups."""
  groups = jnp.einsum(
      'bgi,gio->bgo', x.reshape(-1, 3, 4), p['w'].reshape(3, 4, 12))
  return x @ p['w'] + groups[:, 0]


def _callback(p, x):
  jax.debug.callback(lambda w: None, p['w'])
  return x @ p['w']


def _dropout(p, x, key):
  keep = jax.random.bernoulli(key, .5, x.shape)
  return jnp.where(keep, x, 0) @ p['w']


def _dead(p, x):
  _ = x @ p['unused'] + p['unused'].sum()
  jax.jit(lambda: p['unused'].sum())()
  return jax.jit(lambda x: (x @ p['w'], p['unused'] * 2))(x)[0]


def _dead_in_scan(p, x):
  step = lambda x, _: (jnp.tanh(x @ p['w']), p['unused'].sum())
  return lax.scan(step, x, None, length=2)[0]


CLOSED_OVER = jnp.asarray(weight(12, 12, seed=8))
CASES = [
    refused('biases', lambda p, x: x + p['b'], BIAS, {'b': weight(12)}),
    refused('scales', lambda p, x: x * p['s'], SCALE, {'s': weight(12)}),
    refused('weights divided by their norm', _spectral, SCALE),
    refused('LoRA, merged', lambda p, x: x @ (p['w'] + p['a'] @ p['b']), {
        'w': 'added to another parameter', 'a': 'multiplied by another parameter',
        'b': 'multiplied by another parameter'}, {
            'w': weight(12, 12), 'a': weight(12, 3), 'b': weight(3, 12)}),
    refused('a product of parameters', lambda p, x: x @ (p['a'] @ p['b']),
            'multiplied by another parameter', AB),
    refused('masked weights', lambda p, x: x @ (p['w'] * jnp.tri(12)), SCALE),
    refused('weights through `where`', lambda p, x: x @ jnp.where(
        jnp.tri(12) > 0, p['w'], 0), 'used by `select_n`'),
    refused('rounded weights', lambda p, x: x @ jnp.round(p['w'] * 8),
            'used by `round`'),
    refused('weights cast to integers', lambda p, x: x @ (
        p['w'] * 9).astype(jnp.int8).astype(jnp.float32),
            'cast to a type that is no float'),
    refused('weights cast to 8 bits', lambda p, x: x @ p['w'].astype(
        jnp.float8_e4m3fn).astype(jnp.float32), 'cast to a type that is no float'),
    *(refused(f'weights rounded to {e} bits of exponent and {m} of mantissa',
              lambda p, x, e=e, m=m: x @ lax.reduce_precision(p['w'], e, m),
              'rounded more coarsely') for e, m in ((4, 20), (8, 5), (5, 7))),
    refused('weights cast to complex numbers', lambda p, x: jnp.abs(
        (x + 1j * x[:, ::-1]) @ p['w'].astype(jnp.complex64)),
            'cast to a type that is no float'),
    refused('padded weights', lambda p, x: (x @ jnp.pad(
        p['w'], ((0, 0), (1, 1))))[:, 1:-1], 'used by `pad`'),
    refused('weights with rows torn apart', lambda p, x: x @ p['w'].reshape(12, 12),
            'reshaped in a way that mixes its axes', {'w': weight(9, 16)}),
    refused('weights joined to activations', lambda p, x: x @ jnp.concatenate(
        [p['w'], x[:, :12]]).T[:12, :12], 'joined to activations'),
    refused('weights sorted', lambda p, x: x @ jnp.sort(p['w']), 'used by `sort`'),
    refused('one entry for several inputs', lambda p, x: x @ jnp.broadcast_to(
        p['w'], (12, 12)), 'one entry multiplies several inputs', {'w': weight(12)}),
    hand('a convolution in groups of its batch', lambda p, x:
         lax.conv_general_dilated(
             x, p['w'], (1,), 'SAME', dimension_numbers=('NWC', 'WIO', 'NWC'),
             batch_group_count=2), {'w': weight(3, 4, 6)}, random(2, 5, 4),
         uncaptured={'w': 'used by `conv_general_dilated`'}),
    hand('a convolution by joined kernels', lambda p, x: lax.conv_general_dilated(
        x, jnp.concatenate([p['a'], p['b']], 2), (1,), 'SAME',
        dimension_numbers=('NWC', 'WIO', 'NWC')),
         {'a': weight(3, 4, 6), 'b': weight(3, 4, 5)}, random(1, 5, 4),
         uncaptured=dict.fromkeys('ab', 'joined to other parameters')),
    hand('a ragged product of experts', lambda p, x, sizes: lax.ragged_dot(
        x, p['w'], sizes), {'w': weight(3, 12, 5)}, X, np.array([1, 2, 1]),
         uncaptured={'w': 'used by `ragged_dot'},
         # JAX itself has no vmap of it over the rows.
         contexts=('eager', 'jit', 'grad', 'pmap', 'shard_map')),
    refused('a layer, and also something else', lambda p, x: jnp.tanh(
        x @ p['w']) @ jnp.exp(p['w']), 'used by `exp`'),
    refused('two ways that exclude each other', _two_ways,
            'used in two ways that exclude each other'),
    refused('read by index and contracted along the same axis',
            lambda p, x: x @ p['w'] + p['w'][jnp.arange(4)],
            'used in two ways that exclude each other'),
    hand('a parameter that the function returns', _regularised, W, X,
         uncaptured={'w': 'used by'}, contexts=('eager', 'jit')),
    hand('a parameter returned as it is', lambda p, x: (x @ p['w'], p['w']), W, X,
         uncaptured={'w': 'returned by the function'}),
    hand('a parameter that a callback sees', _callback, W, X,
         uncaptured={'w': 'used by `debug_callback`'}, contexts=('eager', 'jit')),
    hand('a parameter used in dead code alone', _dead,
         {**W, 'unused': weight(12, 12)}, X, uncaptured={'unused': 'never used'},
         rows=lambda p, x: {'w': x}),
    hand('a parameter used in a scan\'s dead code alone', _dead_in_scan,
         {**W, 'unused': weight(12, 12)}, X, uncaptured={'unused': 'never used'}),
    hand('integer parameters', lambda p, x: x @ p['w'] + p['n'],
         {**W, 'n': np.arange(12)}, X, rows=lambda p, x: {'w': x},
         uncaptured={'n': 'of type int32'}, contexts=('eager', 'jit', 'vmap')),
    hand('complex parameters', lambda p, x: jnp.abs(x @ p['z']) @ p['v'],
         {'z': weight(12, 12) + 1j * weight(12, 12, seed=2), 'v': V}, X,
         uncaptured={'z': 'of type complex64'}),
    hand('empty parameters', lambda p, x: jnp.concatenate(
        [x @ p['w'], x @ p['none']], 1), {**W, 'none': np.zeros((12, 0), np.float32)},
         X, uncaptured={'none': 'empty'}, rows=lambda p, x: {'w': x}),
    hand('an empty part of a parameter', lambda p, x: x @ p['w'] + x[
        :, :0] @ p['w'][:0], W, X, rows=lambda p, x: {'w': x}),
    hand('a parameter passed as data too', lambda p, x, q: x @ p['w'] + q['w'], W, X,
         {'w': weight(4, 12)}, rows=lambda p, x, q: {'w': x}),
    hand('weights that the function closes over',
         lambda p, x: jnp.tanh(x @ CLOSED_OVER) @ p['w'], W, X),
    hand('random keys among the arguments', _dropout, W, X, jax.random.key(0)),
    of('linen', 'BatchNorm, its statistics at rest', lambda: frameworks.linen(
        nn.Sequential([nn.Dense(5), nn.BatchNorm(use_running_average=True)]), X),
       uncaptured={'layers_0/bias': BIAS, 'layers_1/bias': BIAS,
                 'layers_1/scale': SCALE}),
    of('linen', 'LayerNorm, GroupNorm', lambda: frameworks.linen(nn.Sequential([
        nn.Dense(12, use_bias=False), nn.LayerNorm(), nn.GroupNorm(3),
        nn.Dense(5, use_bias=False)]), X), uncaptured={
            'layers_1/bias': BIAS, 'layers_1/scale': SCALE,
            'layers_2/bias': BIAS, 'layers_2/scale': SCALE}),
    of('linen', 'WeightNorm', lambda: frameworks.linen(nn.WeightNorm(
        nn.Dense(5)), X), uncaptured={
            'layer_instance/kernel': SCALE, 'layer_instance/bias': BIAS,
            'layer_instance/kernel/scale': SCALE}),
    of('linen', 'PReLU', lambda: frameworks.linen(nn.Sequential([
        nn.Dense(5, use_bias=False), nn.PReLU()]), X),
       uncaptured={'layers_1/negative_slope': SCALE}),
    of('NNX', 'BatchNorm in training', lambda: frameworks.nnx_model(nnx.Sequential(
        nnx.Linear(12, 5, rngs=nnx.Rngs(0)), nnx.BatchNorm(5, rngs=nnx.Rngs(0))), X),
       uncaptured={'layers/0/bias': BIAS, 'layers/1/bias': BIAS,
                 'layers/1/scale': SCALE}),
    of('NNX', 'WeightNorm', lambda: frameworks.nnx_model(nnx.WeightNorm(
        nnx.Linear(12, 5, rngs=nnx.Rngs(0)), rngs=nnx.Rngs(0)), X), uncaptured={
           'layer_instance/kernel': SCALE, 'layer_instance/bias': BIAS}),
    of('Equinox', 'WeightNorm', lambda: frameworks.equinox(
        lambda key: eqx.nn.WeightNorm(eqx.nn.Linear(12, 5, key=key)), X),
       uncaptured={'layer/weight': SCALE, 'layer/bias': BIAS, 'g': SCALE}),
]
