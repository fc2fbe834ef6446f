"""Matrix products: of one array or many, whole, in parts, or rearranged."""

import equinox as eqx
from flax import linen as nn
from flax import nnx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from tests.capture import case as case_lib
from tests.capture import frameworks

Case, random, weight = case_lib.Case, case_lib.random, case_lib.weight
by_hand = frameworks.by_hand
BIAS = 'added, as a bias is'


def hand(what, fn, params, *args, rows=None, **more) -> Case:
  return Case(what, 'Matrix products', 'hand-written',
              lambda: by_hand(fn, params, *args), rows=rows, **more)


def of(framework, what, network, **more) -> Case:
  return Case(what, 'Matrix products', framework, network, **more)


X = random(6, 12)
TOKENS = random(2, 3, 12)
flat = lambda x, d=12: np.reshape(x, (-1, d))
first = lambda path: lambda params, x: {path: flat(x, x.shape[-1])}


def _fused_qkv(p, x):
  q, k, v = (x @ w for w in jnp.split(p['w'], 3, axis=1))
  return jax.nn.softmax(q @ k.mT) @ v


def _fused_qkv_reshaped(p, x):
  w = p['w'].reshape(12, 3, 2, 4)
  q, k, v = (jnp.einsum('btd,dhe->bthe', x, w[:, i]) for i in range(3))
  return nn.dot_product_attention(q, k, v)


def _cross_attention(p, x, memory):
  w = p['w']
  q, k, v = x @ w[:, :8], memory @ w[:, 8:16], memory @ w[:, 16:]
  return jax.nn.softmax(q @ k.mT) @ v


def _soft_experts(p, x):
  gates = jax.nn.softmax(x @ p['gate'])
  return jnp.einsum('be,beo->bo', gates, jnp.einsum('bi,eio->beo', x, p['w']))


def _in_parts(p, x):
  return x[:, :5] @ p['w'][:5] + jnp.tanh(x[:, 5:]) @ p['w'][5:]


def _in_parts_rows(params, x):
  x = np.asarray(x, np.float64)
  zero = np.zeros_like(x)
  return {'w': np.concatenate([
      np.concatenate([x[:, :5], zero[:, 5:]], 1),
      np.concatenate([zero[:, :5], np.tanh(x[:, 5:])], 1)])}


def _broadcast(p, x):
  w = jnp.broadcast_to(p['w'], (3, 12, 5))
  return jnp.einsum('btd,tdo->bto', x, w)


class Shared(nnx.Module):
  """Two layers that hold one Param."""

  def __init__(self):
    self.a = nnx.Linear(12, 12, use_bias=False, rngs=nnx.Rngs(0))
    self.b = nnx.Linear(12, 12, use_bias=False, rngs=nnx.Rngs(0))
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
    hand('a product `x @ W`', lambda p, x: x @ p['w'], {'w': weight(12, 5)}, X,
         rows=first('w')),
    hand('a product `W @ x`, outputs first',
         lambda p, x: (p['w'] @ x.T).T, {'w': weight(5, 12)}, X, rows=first('w')),
    hand('a parameter tree that is a single array',
         lambda p, x: x @ p, weight(12, 5), X, rows=first('')),
    hand('a product over the last axis of many', lambda p, x: x @ p['w'],
         {'w': weight(12, 5)}, TOKENS, rows=first('w')),
    hand('einsum over two axes', lambda p, x: jnp.einsum(
        'bthd,hdo->bto', x, p['w']), {'w': weight(3, 4, 5)}, random(2, 3, 3, 4),
         rows=lambda p, x: {'w': flat(x)}),
    hand('einsum over two axes in another order', lambda p, x: jnp.einsum(
        'bthd,odh->bto', x, p['w']), {'w': weight(5, 4, 3)}, random(2, 3, 3, 4),
         rows=lambda p, x: {'w': flat(x.swapaxes(2, 3))}),
    hand('einsum with a weight for each position', lambda p, x: jnp.einsum(
        'btd,tdo->bto', x, p['w']), {'w': weight(3, 12, 5)}, random(6, 3, 12),
         rows=lambda p, x: {'w': x.swapaxes(0, 1)}),
    hand('einsum with that axis last', lambda p, x: jnp.einsum(
        'btd,dot->bto', x, p['w']), {'w': weight(12, 5, 3)}, random(6, 3, 12),
         rows=lambda p, x: {'w': x.swapaxes(0, 1)}),
    hand('one weight broadcast to all positions', _broadcast,
         {'w': weight(12, 5)}, TOKENS, rows=first('w')),
    hand('transposed, reversed and reshaped before use',
         lambda p, x: x @ p['w'][:, ::-1].transpose(2, 1, 0).reshape(12, 5),
         {'w': weight(5, 4, 3)}, X, rows=lambda p, x: {
             'w': flat(x.reshape(6, 3, 4)[:, :, ::-1].swapaxes(1, 2))}),
    hand('scaled by a number, by data and in sign',
         lambda p, x: x @ (-p['w'] * .5 / jnp.abs(x).max()),
         {'w': weight(12, 5)}, X, rows=first('w')),
    hand('a strided slice of the inputs', lambda p, x: x @ p['w'][1::2],
         {'w': weight(24, 5)}, X, rows=lambda p, x: {
             'w': np.insert(np.asarray(x), range(12), 0, axis=1)}),
    hand('in parts, each with inputs of its own', _in_parts, {'w': weight(12, 5)}, X,
         rows=_in_parts_rows),
    hand('rows in reverse', lambda p, x: x @ p['w'][::-1], {'w': weight(12, 5)}, X,
         rows=lambda p, x: {'w': x[:, ::-1]}),
    hand('every other row, from the end', lambda p, x: x @ p['w'][::-2],
         {'w': weight(24, 5)}, X, rows=lambda p, x: {
             'w': np.insert(x[:, ::-1], range(12), 0, axis=1)}),
    hand('two parameters, stacked', lambda p, x: jnp.einsum(
        'bi,kio->kbo', x, jnp.stack([p['a'], p['b']])),
         {'a': weight(12, 5), 'b': weight(12, 5, seed=4)}, X,
         rows=lambda p, x: {'a': x, 'b': x}),
    hand('a vmap over two parameters, stacked', lambda p, x: jax.vmap(
        lambda x, w: x @ w)(x, jnp.stack([p['a'], p['b']])),
         {'a': weight(12, 5), 'b': weight(12, 5, seed=4)}, random(2, 6, 12),
         rows=lambda p, x: {'a': x[0], 'b': x[1]}),
    hand('a stack, taken apart', lambda p, x: sum(
        jnp.tanh(x[:, 4 * i:][:, :4] @ w) for i, w in enumerate(
            jnp.unstack(p['w']))), {'w': weight(3, 4, 5)}, random(3, 12),
         rows=lambda p, x: {'w': x.reshape(3, 3, 4).swapaxes(0, 1)}),
    hand('fused q, k, v, split', _fused_qkv, {'w': weight(12, 24)}, TOKENS,
         rows=lambda p, x: {'w': np.tile(flat(x), (3, 1))}),
    hand('fused q, k, v, reshaped to heads', _fused_qkv_reshaped,
         {'w': weight(12, 24)}, TOKENS,
         rows=lambda p, x: {'w': np.tile(flat(x), (3, 1))}),
    hand('fused q, k, v of two sources', _cross_attention, {'w': weight(12, 24)},
         TOKENS, random(2, 2, 12, seed=5),
         rows=lambda p, x, m: {'w': np.concatenate([flat(x), flat(m), flat(m)])},
         remark='All columns keep what any of them reads.'),
    hand('stacked q, k, v', lambda p, x: jnp.einsum(
        'btd,kdo->kbto', x, p['w']).prod(0), {'w': weight(3, 12, 5)}, TOKENS,
         rows=first('w')),
    hand('one of a stack, by a fixed index', lambda p, x: x @ p['w'][1],
         {'w': weight(3, 12, 5)}, X, rows=lambda p, x: {
             'w': np.stack([0 * x, x, 0 * x])}),
    hand('columns joined with those of another parameter',
         lambda p, x: x @ jnp.concatenate([p['a'], p['b']], 1),
         {'a': weight(12, 5), 'b': weight(12, 3)}, X,
         rows=lambda p, x: {'a': x, 'b': x}),
    hand('rows joined with those of another parameter',
         lambda p, x: x @ jnp.concatenate([p['a'], p['b']]),
         {'a': weight(7, 5), 'b': weight(9, 5)}, random(5, 16),
         rows=lambda p, x: {'a': x[:, :7], 'b': x[:, 7:]}),
    hand('float32 parameters, computed in bfloat16', lambda p, x: jnp.dot(
        x.astype(jnp.bfloat16), p['w'].astype(jnp.bfloat16),
        preferred_element_type=jnp.float32), {'w': weight(12, 5)}, X,
         tolerance=2e-2, rows=lambda p, x: {
             'w': x.astype(jnp.bfloat16)}),
    hand('bfloat16 parameters', lambda p, x: x.astype(jnp.bfloat16) @ p['w'],
         {'w': weight(12, 5).astype(jnp.bfloat16)}, X, tolerance=2e-2,
         rows=lambda p, x: {'w': x.astype(jnp.bfloat16)}),
    hand('an outer product, of fan-in one', lambda p, x: jnp.einsum(
        'b,o->bo', x, p['w']), {'w': weight(5)}, random(6), full=('w',),
         rows=lambda p, x: {'w': x[:, None]}),
    hand('a module used twice', lambda p, x: jnp.tanh(x @ p['w']) @ p['w'],
         {'w': weight(12, 12)}, random(4, 12), rows=lambda p, x: {
             'w': np.concatenate([x, np.tanh(x @ p['w'])])}),
    hand('a siamese network', lambda p, a, b: jnp.tanh(a @ p['w']) - b @ p['w'],
         {'w': weight(12, 5)}, random(4, 12), random(4, 12, seed=3),
         rows=lambda p, a, b: {'w': np.concatenate([a, b])}),
    hand('a tied autoencoder, `W` and its transpose',
         lambda p, x: jnp.tanh(x @ p['w']) @ p['w'].T, {'w': weight(12, 20)},
         random(4, 12), rows=lambda p, x: {
             'w': [x, np.tanh(x @ p['w'])]}),
    hand('inputs joined as in a DenseNet', lambda p, x: jnp.concatenate(
        [x, jnp.tanh(x @ p['a'])], -1) @ p['b'],
         {'a': weight(12, 8), 'b': weight(20, 5)}, X,
         rows=lambda p, x: {'a': x, 'b': np.concatenate(
             [x, np.tanh(x @ p['a'])], 1)}),
    hand('LoRA beside a weight, unmerged',
         lambda p, x: x @ p['w'] + x @ p['a'] @ p['b'],
         {'w': weight(12, 5), 'a': weight(12, 9), 'b': weight(9, 5)}, X,
         rows=lambda p, x: {'w': x, 'a': x, 'b': x @ p['a']}),
    hand('a soft mixture of experts', _soft_experts,
         {'gate': weight(12, 3), 'w': weight(3, 12, 5)}, X,
         rows=lambda p, x: {'gate': x, 'w': x}),
    hand('weights mixed by data', lambda p, x: jnp.einsum(
        'bi,bio->bo', x[:, 8:], jnp.einsum('be,eio->bio', x[:, :8], p['w'])),
         {'w': weight(8, 4, 5)}, X, rows=lambda p, x: {'w': x[:, :8]}),
    hand('the gradient of an energy',
         lambda p, x: jax.grad(lambda x: jnp.tanh(x @ p['w']).sum())(x),
         {'w': weight(12, 20)}, random(4, 12), rows=lambda p, x: {
             'w': [x, 1 - np.tanh(x @ p['w'])**2]}),
    of('linen', 'Dense', lambda: frameworks.linen(nn.Dense(5), X),
       uncaptured={'bias': BIAS}, rows=first('kernel')),
    of('linen', 'Dense in bfloat16', lambda: frameworks.linen(
        nn.Dense(5, dtype=jnp.bfloat16), X), uncaptured={'bias': BIAS},
       tolerance=2e-2),
    of('linen', 'Dense with partitioned parameters', lambda: frameworks.linen(
        nn.Dense(5, use_bias=False, kernel_init=nn.with_partitioning(
            nn.initializers.lecun_normal(), (None, 'model'))), X),
       # Its axis has to be one of the mesh, which the tests' meshes do not have.
       rows=first('kernel'), contexts=('eager', 'jit', 'grad', 'vmap')),
    of('linen', 'DenseGeneral over two axes', lambda: frameworks.linen(
        nn.DenseGeneral((2, 5), axis=(-2, -1)), random(2, 3, 3, 4)),
       uncaptured={'bias': BIAS}, rows=lambda p, x: {'kernel': flat(x)}),
    of('linen', 'DenseGeneral with a batch axis', lambda: frameworks.linen(
        nn.DenseGeneral(5, axis=-1, batch_dims=(0,)), random(3, 6, 12)),
       uncaptured={'bias': BIAS}, rows=lambda p, x: {'kernel': x}),
    of('linen', 'Einsum', lambda: frameworks.linen(
        nn.Einsum((12, 2, 5), 'btd,dhe->bthe', use_bias=False), TOKENS),
       rows=first('kernel')),
    of('linen', 'MultiHeadDotProductAttention', lambda: frameworks.linen(
        nn.MultiHeadDotProductAttention(num_heads=3), TOKENS),
       uncaptured={f'{part}/bias': BIAS for part in ('query', 'key', 'value', 'out')}),
    of('linen', 'a perceptron of three layers', lambda: frameworks.linen(
        nn.Sequential([nn.Dense(14), nn.relu, nn.Dense(13), nn.gelu, nn.Dense(5)]),
        X), uncaptured={f'layers_{i}/bias': BIAS for i in (0, 2, 4)}),
    of('NNX', 'Linear, as a State', lambda: frameworks.nnx_model(
        nnx.Linear(12, 5, rngs=nnx.Rngs(0)), X), uncaptured={'bias': BIAS},
       rows=first('kernel')),
    of('NNX', 'Linear, as a pure dictionary', lambda: frameworks.nnx_model(
        nnx.Linear(12, 5, rngs=nnx.Rngs(0)), X, pure=True),
       uncaptured={'bias': BIAS}, rows=first('kernel')),
    of('NNX', 'a Module as the parameters', _whole_module, uncaptured={
        f'layers/1/rngs/{part}': 'not real and floating'
        for part in ('count', 'key')}),
    of('NNX', 'two layers that share a Param', lambda: frameworks.nnx_model(
        Shared(), random(4, 12))),
    of('NNX', 'LinearGeneral', lambda: frameworks.nnx_model(
        nnx.LinearGeneral((3, 4), (2, 5), axis=(-2, -1), rngs=nnx.Rngs(0)),
        random(2, 3, 3, 4)), uncaptured={'bias': BIAS},
       rows=lambda p, x: {'kernel': flat(x)}),
    of('NNX', 'Einsum', lambda: frameworks.nnx_model(
        nnx.Einsum('btd,dhe->bthe', (12, 2, 5), rngs=nnx.Rngs(0)), TOKENS),
       rows=first('kernel')),
    of('NNX', 'MultiHeadAttention', lambda: frameworks.nnx_model(
        nnx.MultiHeadAttention(3, 12, decode=False, rngs=nnx.Rngs(0)), TOKENS),
       uncaptured={f'{part}/bias': BIAS for part in ('query', 'key', 'value', 'out')}),
    of('NNX', 'LoRA beside Linear', lambda: frameworks.nnx_model(
        nnx.LoRALinear(12, 5, lora_rank=9, rngs=nnx.Rngs(0)), X),
       uncaptured={'bias': BIAS}),
    of('Equinox', 'Linear', lambda: frameworks.equinox(
        lambda key: eqx.nn.Linear(12, 5, key=key), X), uncaptured={'bias': BIAS},
       rows=first('weight')),
    of('Equinox', 'two layers tied by Shared', lambda: frameworks.equinox(
        _tied_equinox, random(4, 12),
        call=lambda shared, x: jax.vmap(shared())(x))),
    of('Equinox', 'MLP', lambda: frameworks.equinox(
        lambda key: eqx.nn.MLP(12, 5, 14, 2, key=key), X),
       uncaptured={f'layers/{i}/bias': BIAS for i in range(3)}),
    of('Equinox', 'MultiheadAttention', lambda: frameworks.equinox(
        lambda key: eqx.nn.MultiheadAttention(3, 12, key=key), TOKENS,
        call=lambda m, x: jax.vmap(m)(x, x, x))),
    of('Haiku', 'Linear', lambda: frameworks.haiku(
        lambda x: hk.Linear(5)(x), X), uncaptured={'linear/b': BIAS},
       rows=first('linear/w')),
    of('Haiku', 'MultiHeadAttention', lambda: frameworks.haiku(
        lambda x: hk.MultiHeadAttention(
            3, 4, w_init=hk.initializers.RandomNormal())(x, x, x), TOKENS),
       uncaptured={f'multi_head_attention/{part}/b': BIAS
                 for part in ('query', 'key', 'value', 'linear')}),
]
