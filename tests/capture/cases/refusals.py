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

random, weight, inputs = case_lib.random, case_lib.weight, case_lib.inputs
of = frameworks.Section('Not captured')
hand = of.hand
X = random(4, 12)
W = weight(12, 12)
AB = {'a': W, 'b': weight(12, 12, seed=2)}
UNUSED = {'w': W, 'unused': W}
V = weight(12, 5, seed=3)
SCALE, BIAS = 'multiplied entry by entry', frameworks.BIAS
NO_FLOAT = 'cast to a type that is no float'
TWO_WAYS = 'used in two ways that exclude each other'


def refused(what, fn, reason, params=W, **more):
  """A layer that is not captured, and one behind it that is."""
  if not isinstance(params, dict):
    params, fn = {'w': params}, frameworks.of_w(fn)
  reasons = dict.fromkeys(params, reason) if isinstance(reason, str) else reason
  return hand(what, lambda p, x: fn(p, x) @ p['v'], {**params, 'v': V}, X,
              uncaptured=reasons, **more)


def _two_ways(w, x):
  """Contracted along the same axis once as a whole and once in groups."""
  groups = jnp.einsum('bgi,gio->bgo', x.reshape(-1, 3, 4), w.reshape(3, 4, 12))
  return x @ w + groups[:, 0]


def _callback(w, x):
  jax.debug.callback(lambda w: None, w)
  return x @ w


def _dropout(w, x, key):
  keep = jax.random.bernoulli(key, .5, x.shape)
  return jnp.where(keep, x, 0) @ w


def _dead(p, x):
  _ = x @ p['unused'] + p['unused'].sum()
  jax.jit(lambda: p['unused'].sum())()
  return jax.jit(lambda x: (x @ p['w'], p['unused'] * 2))(x)[0]


def _dead_in_scan(p, x):
  step = lambda x, _: (jnp.tanh(x @ p['w']), p['unused'].sum())
  return lax.scan(step, x, None, length=2)[0]


def _conv(x, w, **more):
  return lax.conv_general_dilated(
      x, w, (1,), 'SAME', dimension_numbers=('NWC', 'WIO', 'NWC'), **more)


CLOSED_OVER = jnp.asarray(weight(12, 12, seed=8))
CASES = [
    refused('biases', lambda p, x: x + p['b'], BIAS, {'b': weight(12)}),
    refused('scales', lambda p, x: x * p['s'], SCALE, {'s': weight(12)}),
    refused('weights divided by their norm', lambda w, x: x @ (w / jnp.linalg.norm(w)),
            SCALE),
    refused('LoRA, merged', lambda p, x: x @ (p['w'] + p['a'] @ p['b']), {
        'w': 'added to another parameter', 'a': 'multiplied by another parameter',
        'b': 'multiplied by another parameter'},
            {'w': W, 'a': weight(12, 3), 'b': weight(3, 12)}),
    refused('a product of parameters', lambda p, x: x @ (p['a'] @ p['b']),
            'multiplied by another parameter', AB),
    refused('masked weights', lambda w, x: x @ (w * jnp.tri(12)), SCALE),
    refused('weights through `where`', lambda w, x: x @ jnp.where(jnp.tri(12) > 0, w, 0),
            'used by `select_n`'),
    refused('rounded weights', lambda w, x: x @ jnp.round(w * 8), 'used by `round`'),
    refused('weights cast to integers',
            lambda w, x: x @ (w * 9).astype(jnp.int8).astype(jnp.float32), NO_FLOAT),
    refused('weights cast to 8 bits',
            lambda w, x: x @ w.astype(jnp.float8_e4m3fn).astype(jnp.float32), NO_FLOAT),
    *(refused(f'weights rounded to {e} bits of exponent and {m} of mantissa',
              lambda w, x, e=e, m=m: x @ lax.reduce_precision(w, e, m),
              'rounded more coarsely') for e, m in ((4, 20), (8, 5), (5, 7))),
    refused('weights that are the parts of complex ones',
            lambda p, x: jnp.abs(x @ lax.complex(p['a'], p['b'])), 'used by `complex`', AB),
    refused('padded weights', lambda w, x: (x @ jnp.pad(w, ((0, 0), (1, 1))))[:, 1:-1],
            'used by `pad`'),
    refused('weights with rows torn apart', lambda w, x: x @ w.reshape(12, 12),
            'reshaped in a way that mixes its axes', weight(9, 16)),
    refused('weights joined to activations',
            lambda w, x: x @ jnp.concatenate([w, x[:, :12]]).T[:12, :12],
            'joined to activations'),
    refused('weights sorted', lambda w, x: x @ jnp.sort(w), 'used by `sort`'),
    refused('one entry for several inputs', lambda w, x: x @ jnp.broadcast_to(w, (12, 12)),
            'one entry multiplies several inputs', weight(12)),
    hand('a convolution in groups of its batch',
         lambda w, x: _conv(x, w, batch_group_count=2), weight(3, 4, 6), random(2, 5, 4),
         uncaptured='used by `conv_general_dilated`'),
    hand('a convolution by joined kernels',
         lambda p, x: _conv(x, jnp.concatenate([p['a'], p['b']], 2)),
         {'a': weight(3, 4, 6), 'b': weight(3, 4, 5)}, random(1, 5, 4),
         uncaptured='joined to other parameters'),
    hand('a ragged product of experts', lambda w, x, sizes: lax.ragged_dot(x, w, sizes),
         weight(3, 12, 5), X, np.array([1, 2, 1]), uncaptured='used by `ragged_dot',
         # JAX itself has no vmap of it over the rows.
         contexts=('eager', 'jit', 'grad', 'pmap', 'shard_map')),
    refused('a layer, and also something else', lambda w, x: jnp.tanh(x @ w) @ jnp.exp(w),
            'used by `exp`'),
    refused('two ways that exclude each other', _two_ways, TWO_WAYS),
    refused('read by index and contracted along the same axis',
            lambda w, x: x @ w + w[jnp.arange(4)], TWO_WAYS),
    hand('a parameter that the function returns', lambda w, x: (x @ w, (w**2).sum()), W, X,
         uncaptured='used by `', contexts=('eager', 'jit')),
    hand('a parameter returned as it is', lambda w, x: (x @ w, w), W, X,
         uncaptured='returned by the function'),
    hand('a parameter that a callback sees', _callback, W, X,
         uncaptured='used by `debug_callback`', contexts=('eager', 'jit')),
    hand('a parameter used in dead code alone', _dead, UNUSED, X,
         uncaptured={'unused': 'never used'}, rows=inputs),
    hand('a parameter used in a scan\'s dead code alone', _dead_in_scan, UNUSED, X,
         uncaptured={'unused': 'never used'}),
    hand('integer parameters', lambda p, x: x @ p['w'] + p['n'],
         {'w': W, 'n': np.arange(12)}, X, rows=inputs, uncaptured={'n': 'of type int32'},
         contexts=('eager', 'jit', 'vmap')),
    hand('complex parameters', lambda p, x: jnp.abs(x @ p['z']) @ p['v'],
         {'z': W + 1j * weight(12, 12, seed=2), 'v': V}, X,
         uncaptured={'z': 'of type complex64'}),
    hand('empty parameters',
         lambda p, x: jnp.concatenate([x @ p['w'], x @ p['none']], 1),
         {'w': W, 'none': np.zeros((12, 0), np.float32)}, X, uncaptured={'none': 'empty'},
         rows=inputs),
    hand('an empty part of a parameter', lambda w, x: x @ w + x[:, :0] @ w[:0], W, X,
         rows=inputs),
    hand('a parameter passed as data too', lambda w, x, q: x @ w + q['w'], W, X,
         {'w': weight(4, 12)}, rows=lambda w, x, q: x),
    hand('weights that the function closes over',
         lambda w, x: jnp.tanh(x @ CLOSED_OVER) @ w, W, X),
    hand('random keys among the arguments', _dropout, W, X, jax.random.key(0)),
    of.linen('BatchNorm, its statistics at rest', nn.Sequential(
        [nn.Dense(5), nn.BatchNorm(use_running_average=True)]), X,
             biases='layers_0/bias layers_1/bias', uncaptured={'layers_1/scale': SCALE}),
    of.linen('LayerNorm, GroupNorm', nn.Sequential([
        nn.Dense(12, use_bias=False), nn.LayerNorm(), nn.GroupNorm(3),
        nn.Dense(5, use_bias=False)]), X, uncaptured={
            'layers_1/bias': BIAS, 'layers_1/scale': SCALE,
            'layers_2/bias': BIAS, 'layers_2/scale': SCALE}),
    of.linen('WeightNorm', nn.WeightNorm(nn.Dense(5)), X, uncaptured={
        'layer_instance/kernel': SCALE, 'layer_instance/bias': BIAS,
        'layer_instance/kernel/scale': SCALE}),
    of.linen('PReLU', nn.Sequential([nn.Dense(5, use_bias=False), nn.PReLU()]), X,
             uncaptured={'layers_1/negative_slope': SCALE}),
    of.nnx('BatchNorm in training', lambda rngs: nnx.Sequential(
        nnx.Linear(12, 5, rngs=rngs), nnx.BatchNorm(5, rngs=rngs)), X,
           biases='layers/0/bias layers/1/bias', uncaptured={'layers/1/scale': SCALE}),
    of.nnx('WeightNorm', lambda rngs: nnx.WeightNorm(
        nnx.Linear(12, 5, rngs=rngs), rngs=rngs), X, uncaptured={
            'layer_instance/kernel': SCALE, 'layer_instance/bias': BIAS}),
    of.equinox('WeightNorm', lambda key: eqx.nn.WeightNorm(
        eqx.nn.Linear(12, 5, key=key)), X,
               uncaptured={'layer/weight': SCALE, 'layer/bias': BIAS, 'g': SCALE}),
]
