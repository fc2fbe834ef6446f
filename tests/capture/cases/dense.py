"""Matrix products: of one array or many, whole, in parts, or rearranged."""

from functools import partial

import equinox as eqx
from flax import linen as nn
from flax import nnx
import haiku as hk
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from tests.capture import case as case_lib
from tests.capture import frameworks

random, weight = case_lib.random, case_lib.weight
flat, inputs = case_lib.flat, case_lib.inputs
of = frameworks.Section('Matrix products')
X = random(6, 12)
FEW = random(2, 12)
TOKENS = random(2, 3, 12)
HEADS = random(2, 3, 3, 4)
AB = {'a': weight(12, 5), 'b': weight(12, 5, seed=4)}
ATTENTION = 'query/bias key/bias value/bias out/bias'


def _product(w, x):
  return x @ w


def _einsum(equation):
  return lambda w, x: jnp.einsum(equation, x, w)


def _real_then_complex(w, x):
  """By turns, in a loop that has to carry what was summed."""
  def step(x, _):
    return jnp.tanh(jnp.abs(jnp.fft.fft(x) @ w) + x @ w[:, ::-1]), None
  return lax.scan(step, jnp.tanh(x @ w), None, length=1)[0]


def _fused_qkv(w, x):
  q, k, v = (x @ w for w in jnp.split(w, 3, axis=1))
  return jax.nn.softmax(q @ k.mT) @ v


def _fused_qkv_reshaped(w, x):
  w = w.reshape(12, 3, 2, 4)
  q, k, v = (jnp.einsum('btd,dhe->bthe', x, w[:, i]) for i in range(3))
  return nn.dot_product_attention(q, k, v)


def _cross_attention(w, x, memory):
  q, k, v = x @ w[:, :8], memory @ w[:, 8:16], memory @ w[:, 16:]
  return jax.nn.softmax(q @ k.mT) @ v


def _soft_experts(p, x):
  gates = jax.nn.softmax(x @ p['gate'])
  return jnp.einsum('be,beo->bo', gates, jnp.einsum('bi,eio->beo', x, p['w']))


def _in_parts(w, x):
  return x[:, :5] @ w[:5] + jnp.tanh(x[:, 5:]) @ w[5:]


def _in_parts_rows(_, x):
  left = np.arange(12) < 5
  return np.concatenate([x * left, np.tanh(x) * ~left])


class Shared(nnx.Module):
  """Two layers that hold one Param."""

  def __init__(self, rngs):
    self.a = nnx.Linear(12, 12, use_bias=False, rngs=rngs)
    self.b = nnx.Linear(12, 12, use_bias=False, rngs=rngs)
    self.b.kernel = self.a.kernel

  def __call__(self, x):
    return self.b(jnp.tanh(self.a(x)))


def _whole_module():
  """An NNX module is a pytree and can be the parameters itself."""
  model = nnx.Sequential(
      nnx.Linear(12, 9, use_bias=False, rngs=nnx.Rngs(0)),
      nnx.Dropout(.5, deterministic=True, rngs=nnx.Rngs(0)),
      nnx.Linear(9, 5, use_bias=False, rngs=nnx.Rngs(1)))
  return case_lib.Network(lambda model, x: model(x), model, (X,))


def _tied_equinox(key):
  linear = eqx.nn.Linear(12, 12, use_bias=False, key=key)
  pair = eqx.nn.Sequential([linear, eqx.nn.Lambda(jnp.tanh), linear])
  where = lambda pair: pair.layers[2].weight
  return eqx.nn.Shared(pair, where, lambda pair: pair.layers[0].weight)


CASES = [
    of.hand('a product `x @ W`', _product, weight(12, 5), X, rows=inputs),
    of.hand('a product `W @ x`, outputs first', lambda w, x: (w @ x.T).T,
            weight(5, 12), X, rows=inputs),
    of.row('a parameter tree that is a single array', 'hand-written',
           lambda: case_lib.Network(_product, weight(12, 5), (X,)), rows=inputs),
    of.hand('a product over the last axis of many', _product, weight(12, 5), TOKENS,
            rows=inputs),
    of.hand('einsum over two axes', _einsum('bthd,hdo->bto'), weight(3, 4, 5), HEADS,
            rows=lambda w, x: x.reshape(-1, 12)),
    of.hand('einsum over two axes in another order', _einsum('bthd,odh->bto'),
            weight(5, 4, 3), HEADS, rows=lambda w, x: x.swapaxes(2, 3).reshape(-1, 12)),
    of.hand('einsum with a weight for each position', _einsum('btd,tdo->bto'),
            weight(3, 12, 5), random(6, 3, 12), rows=lambda w, x: x.swapaxes(0, 1)),
    of.hand('einsum with that axis last', _einsum('btd,dot->bto'), weight(12, 5, 3),
            random(6, 3, 12), rows=lambda w, x: x.swapaxes(0, 1)),
    of.hand('one weight broadcast to all positions', lambda w, x: jnp.einsum(
        'btd,tdo->bto', x, jnp.broadcast_to(w, (3, 12, 5))), weight(12, 5), TOKENS,
            rows=inputs),
    of.hand('transposed, reversed and reshaped before use',
            lambda w, x: x @ w[:, ::-1].transpose(2, 1, 0).reshape(12, 5),
            weight(5, 4, 3), X, rows=lambda w, x: x.reshape(6, 3, 4)[
                :, :, ::-1].swapaxes(1, 2).reshape(-1, 12)),
    of.hand('scaled by a number, by data and in sign',
            lambda w, x: x @ (-w * .5 / jnp.abs(x).max()), weight(12, 5), X, rows=inputs),
    of.hand('a strided slice of the inputs', lambda w, x: x @ w[1::2], weight(24, 5), X,
            rows=lambda w, x: np.insert(x, range(12), 0, axis=1)),
    of.hand('in parts, each with inputs of its own', _in_parts, weight(12, 5), X,
            rows=_in_parts_rows),
    of.hand('rows in reverse', lambda w, x: x @ w[::-1], weight(12, 5), X,
            rows=lambda w, x: x[:, ::-1]),
    of.hand('every other row, from the end', lambda w, x: x @ w[::-2], weight(24, 5), X,
            rows=lambda w, x: np.insert(x[:, ::-1], range(12), 0, axis=1)),
    of.hand('two parameters, stacked', lambda p, x: jnp.einsum(
        'bi,kio->kbo', x, jnp.stack([p['a'], p['b']])), AB, X, rows=inputs),
    of.hand('a vmap over two parameters, stacked', lambda p, x: jax.vmap(
        lambda x, w: x @ w)(x, jnp.stack([p['a'], p['b']])), AB, random(2, 6, 12),
            rows=lambda p, x: {'a': x[0], 'b': x[1]}),
    of.hand('a stack, taken apart', lambda w, x: sum(
        jnp.tanh(x[:, 4 * i:][:, :4] @ w) for i, w in enumerate(jnp.unstack(w))),
            weight(3, 4, 5), random(3, 12),
            rows=lambda w, x: x.reshape(3, 3, 4).swapaxes(0, 1)),
    of.hand('fused q, k, v, split', _fused_qkv, weight(12, 24), TOKENS,
            rows=lambda w, x: np.tile(flat(x), (3, 1))),
    of.hand('fused q, k, v, reshaped to heads', _fused_qkv_reshaped, weight(12, 24),
            TOKENS, rows=lambda w, x: np.tile(flat(x), (3, 1))),
    of.hand('fused q, k, v of two sources', _cross_attention, weight(12, 24), TOKENS,
            random(2, 2, 12, seed=5),
            rows=lambda w, x, m: np.concatenate([flat(x), flat(m), flat(m)]),
            remark='All columns keep what any of them reads.'),
    of.hand('stacked q, k, v', lambda w, x: jnp.einsum('btd,kdo->kbto', x, w).prod(0),
            weight(3, 12, 5), TOKENS, rows=inputs),
    of.hand('one of a stack, by a fixed index', lambda w, x: x @ w[1], weight(3, 12, 5),
            X, rows=lambda w, x: np.stack([0 * x, x, 0 * x])),
    of.hand('columns joined with those of another parameter',
            lambda p, x: x @ jnp.concatenate([p['a'], p['b']], 1),
            {'a': weight(12, 5), 'b': weight(12, 3)}, X, rows=inputs),
    of.hand('rows joined with those of another parameter',
            lambda p, x: x @ jnp.concatenate([p['a'], p['b']]),
            {'a': weight(7, 5), 'b': weight(9, 5)}, random(5, 16),
            rows=lambda p, x: {'a': x[:, :7], 'b': x[:, 7:]}),
    of.hand('float32 parameters, computed in bfloat16', lambda w, x: jnp.dot(
        x.astype(jnp.bfloat16), w.astype(jnp.bfloat16),
        preferred_element_type=jnp.float32), weight(12, 5), X, tolerance=2e-2,
            rows=lambda w, x: x.astype(jnp.bfloat16)),
    of.hand('bfloat16 parameters', lambda w, x: x.astype(jnp.bfloat16) @ w,
            weight(12, 5).astype(jnp.bfloat16), X, tolerance=2e-2,
            rows=lambda w, x: x.astype(jnp.bfloat16)),
    of.hand('complex inputs, as of a Fourier transform',
            lambda w, x: jnp.fft.rfft(x) @ w, weight(7, 5), FEW,
            rows=lambda w, x: np.fft.rfft(x)),
    of.hand('weights cast to complex numbers and turned',
            lambda w, x: (x + 1j * x[:, ::-1]) @ (w.astype(jnp.complex64) * 1j),
            weight(12, 5), FEW, rows=lambda w, x: x + 1j * x[:, ::-1]),
    of.hand('real inputs at first, complex ones later', _real_then_complex,
            weight(12, 12), FEW),
    of.hand('an outer product, of fan-in one', _einsum('b,o->bo'), weight(5), random(6),
            full=('w',), rows=lambda w, x: x[:, None]),
    of.hand('a module used twice', lambda w, x: jnp.tanh(x @ w) @ w, weight(12, 12),
            random(4, 12), rows=lambda w, x: np.concatenate([x, np.tanh(x @ w)])),
    of.hand('a siamese network', lambda w, a, b: jnp.tanh(a @ w) - b @ w, weight(12, 5),
            random(4, 12), random(4, 12, seed=3),
            rows=lambda w, a, b: np.concatenate([a, b])),
    of.hand('a tied autoencoder, `W` and its transpose',
            lambda w, x: jnp.tanh(x @ w) @ w.T, weight(12, 20), random(4, 12),
            rows=lambda w, x: [x, np.tanh(x @ w)]),
    of.hand('inputs joined as in a DenseNet', lambda p, x: jnp.concatenate(
        [x, jnp.tanh(x @ p['a'])], -1) @ p['b'],
            {'a': weight(12, 8), 'b': weight(20, 5)}, X, rows=lambda p, x: {
                'a': x, 'b': np.concatenate([x, np.tanh(x @ p['a'])], 1)}),
    of.hand('LoRA beside a weight, unmerged',
            lambda p, x: x @ p['w'] + x @ p['a'] @ p['b'],
            {'w': weight(12, 5), 'a': weight(12, 9), 'b': weight(9, 5)}, X,
            rows=lambda p, x: {'w': x, 'a': x, 'b': x @ p['a']}),
    of.hand('a soft mixture of experts', _soft_experts,
            {'gate': weight(12, 3), 'w': weight(3, 12, 5)}, X, rows=inputs),
    of.hand('weights mixed by data', lambda w, x: jnp.einsum(
        'bi,bio->bo', x[:, 8:], jnp.einsum('be,eio->bio', x[:, :8], w)),
            weight(8, 4, 5), X, rows=lambda w, x: x[:, :8]),
    of.hand('the gradient of an energy',
            lambda w, x: jax.grad(lambda x: jnp.tanh(x @ w).sum())(x), weight(12, 20),
            random(4, 12), rows=lambda w, x: [x, 1 - np.tanh(x @ w)**2]),
    of.linen('Dense', nn.Dense(5), X, biases='bias', rows=inputs),
    of.linen('Dense in bfloat16', nn.Dense(5, dtype=jnp.bfloat16), X, biases='bias',
             tolerance=2e-2),
    of.linen('Dense with partitioned parameters', nn.Dense(
        5, use_bias=False, kernel_init=nn.with_partitioning(
            nn.initializers.lecun_normal(), (None, 'model'))), X,
             # Its axis has to be one of the mesh, which the tests' meshes do not have.
             rows=inputs, contexts=('eager', 'jit', 'grad', 'vmap')),
    of.linen('DenseGeneral over two axes', nn.DenseGeneral((2, 5), axis=(-2, -1)), HEADS,
             biases='bias', rows=lambda p, x: x.reshape(-1, 12)),
    of.linen('DenseGeneral with a batch axis', nn.DenseGeneral(
        5, axis=-1, batch_dims=(0,)), random(3, 6, 12), biases='bias',
             rows=lambda p, x: x),
    of.linen('Einsum', nn.Einsum((12, 2, 5), 'btd,dhe->bthe', use_bias=False), TOKENS,
             rows=inputs),
    of.linen('MultiHeadDotProductAttention', nn.MultiHeadDotProductAttention(num_heads=3),
             TOKENS, biases=ATTENTION),
    of.linen('a perceptron of three layers', nn.Sequential(
        [nn.Dense(14), nn.relu, nn.Dense(13), nn.gelu, nn.Dense(5)]), X,
             biases='layers_0/bias layers_2/bias layers_4/bias'),
    of.nnx('Linear, as a State', partial(nnx.Linear, 12, 5), X, biases='bias', rows=inputs),
    of.nnx('Linear, as a pure dictionary', partial(nnx.Linear, 12, 5), X, pure=True,
           biases='bias', rows=inputs),
    of.row('a Module as the parameters', 'NNX', _whole_module, uncaptured=dict.fromkeys(
        ('layers/1/rngs/count', 'layers/1/rngs/key'), 'not real and floating')),
    of.nnx('two layers that share a Param', Shared, random(4, 12)),
    of.nnx('LinearGeneral', partial(nnx.LinearGeneral, (3, 4), (2, 5), axis=(-2, -1)),
           HEADS, biases='bias', rows=lambda p, x: x.reshape(-1, 12)),
    of.nnx('Einsum', partial(nnx.Einsum, 'btd,dhe->bthe', (12, 2, 5)), TOKENS, rows=inputs),
    of.nnx('MultiHeadAttention', partial(nnx.MultiHeadAttention, 3, 12, decode=False),
           TOKENS, biases=ATTENTION),
    of.nnx('LoRA beside Linear', partial(nnx.LoRALinear, 12, 5, lora_rank=9), X,
           biases='bias'),
    of.equinox('Linear', partial(eqx.nn.Linear, 12, 5), X, biases='bias', rows=inputs),
    of.equinox('two layers tied by Shared', _tied_equinox, random(4, 12),
               call=lambda shared, x: jax.vmap(shared())(x)),
    of.equinox('MLP', partial(eqx.nn.MLP, 12, 5, 14, 2), X,
               biases='layers/0/bias layers/1/bias layers/2/bias'),
    of.equinox('MultiheadAttention', partial(eqx.nn.MultiheadAttention, 3, 12), TOKENS,
               call=lambda m, x: jax.vmap(m)(x, x, x)),
    of.haiku('Linear', lambda x: hk.Linear(5)(x), X, biases='linear/b',
             rows=lambda p, x: x),
    of.haiku('MultiHeadAttention', lambda x: hk.MultiHeadAttention(
        3, 4, w_init=hk.initializers.RandomNormal())(x, x, x), TOKENS,
             biases=' '.join(f'multi_head_attention/{part}/b'
                             for part in ('query', 'key', 'value', 'linear'))),
]
