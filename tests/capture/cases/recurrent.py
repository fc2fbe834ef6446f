"""Layers in loops: recurrent ones, and stacks of layers run by one body."""

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

Case, random, weight = case_lib.Case, case_lib.random, case_lib.weight
SECTION = 'Loops and stacks'
BIAS = 'added, as a bias is'
X = random(4, 12)
SEQUENCE = random(2, 3, 12)
STACK = weight(3, 12, 12, seed=2)


def hand(what, fn, params, *args, rows=None, **more) -> Case:
  return Case(what, SECTION, 'hand-written',
              lambda: frameworks.by_hand(fn, params, *args), rows=rows, **more)


def of(framework, what, network, **more) -> Case:
  return Case(what, SECTION, framework, network, **more)


def layer_inputs(ws, x):
  """What each of a stack of layers sees, `x` going through `tanh(x @ w)`."""
  out = []
  for w in ws:
    out.append(x)
    x = np.tanh(x @ w)
  return np.stack(out)


def through(ws, x, **options):
  return lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, ws, **options)[0]


def _recurrent(p, x):
  def step(h, x):
    h = jnp.tanh(x @ p['x'] + h @ p['h'])
    return h, h
  return lax.scan(step, jnp.zeros((x.shape[0], 12)), x.swapaxes(0, 1))[1]


def _recurrent_rows(p, x):
  h, seen = np.zeros((len(x), 12)), []
  for t in range(x.shape[1]):
    seen.append(h)
    h = np.tanh(x[:, t] @ p['x'] + h @ p['h'])
  return {'x': x.reshape(-1, 12), 'h': np.concatenate(seen)}


def _unrolled(p, x):
  h = jnp.zeros((x.shape[0], 12))
  for t in range(x.shape[1]):
    h = jnp.tanh(x[:, t] @ p['x'] + h @ p['h'])
  return h


def _nested(p, x):
  return lax.scan(lambda x, ws: (through(ws, x), None), x, p['w'])[0]


def _nested_rows(p, x):
  inputs = layer_inputs(p['w'].reshape(6, 12, 12), x)
  return {'w': inputs.reshape(2, 3, *x.shape)}


def _reverse_rows(p, x):
  return {'w': layer_inputs(p['w'][::-1], x)[::-1]}


def _carried(p, x):
  def step(carry, _):
    x, w = carry
    return (jnp.tanh(x @ w), w), None
  (x, w), _ = lax.scan(step, (x, p['w']), None, length=2)
  return x @ w


def _carried_transposed(p, x):
  def step(carry, _):
    x, w = carry
    return (jnp.tanh(x @ w), w.T), None
  return lax.scan(step, (x, p['w']), None, length=2)[0][0]


def _handed_on(p, x):
  """The body returns its layer, and the caller uses the stack again."""
  x, ws = lax.scan(lambda x, w: (jnp.tanh(x @ w), w), x, p['w'])
  return jnp.einsum('bi,lio->lbo', x, ws)[1:] + through(ws, x)


def _handed_on_alone(p, x):
  x, ws = lax.scan(lambda x, w: (jnp.tanh(x @ w), w), x, p['w'])
  return through(ws, x)


def _counted(p, x):
  step = lambda i, x: jnp.tanh(x @ p['w'][i] + p['b'][i])
  return lax.fori_loop(0, 3, step, x)


def _counted_rows(p, x):
  seen = []
  for w, b in zip(p['w'], p['b']):
    seen.append(x)
    x = np.tanh(x @ w + b)
  return {'w': np.stack(seen), 'b': np.ones(3)}


def _stacked_in_place(p, x):
  return through(jnp.stack([p['a'], p['b']]), x)


def _flat_stack(p, x):
  return through(p['w'].reshape(3, 12, 12), x)


def _flat_stack_rows(p, x):
  seen = layer_inputs(p['w'].reshape(3, 12, 12), x)
  out = np.zeros((len(seen), len(x), 36))
  for i, rows in enumerate(seen):
    out[i, :, 12 * i:][:, :12] = rows
  return {'w': out.reshape(-1, 36)}


class Block(nn.Module):

  @nn.compact
  def __call__(self, x, _=None):
    return nn.tanh(nn.Dense(12)(x)), None


class Scanned(nn.Module):
  remat: bool = False

  @nn.compact
  def __call__(self, x):
    block = nn.remat(Block, prevent_cse=False) if self.remat else Block
    return nn.scan(block, variable_axes={'params': 0},
                   split_rngs={'params': True}, length=3)()(x, None)[0]


class Ensemble(nn.Module):
  same: bool

  @nn.compact
  def __call__(self, x):
    dense = nn.vmap(nn.Dense, variable_axes={'params': 0}, axis_size=3,
                    split_rngs={'params': True}, in_axes=None if self.same else 0)
    return dense(5)(x)


class Unshared(nn.Module):
  """One layer that a vmap shares."""

  @nn.compact
  def __call__(self, x):
    return nn.vmap(nn.Dense, variable_axes={'params': None},
                   split_rngs={'params': False})(5)(x)


class NNXBlocks(nnx.Module):

  def __init__(self):

    @nnx.split_rngs(splits=3)
    @nnx.vmap
    def make(rngs):
      return nnx.Linear(12, 12, rngs=rngs)

    self.blocks = make(nnx.Rngs(0))

  def __call__(self, x):

    @nnx.scan(in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)
    @nnx.remat
    def forward(x, block):
      return jnp.tanh(block(x))

    return forward(x, self.blocks)


class NNXEnsemble(NNXBlocks):

  def __call__(self, x):
    return nnx.vmap(lambda block, x: block(x), in_axes=(0, None))(self.blocks, x)


def _equinox_scan(model, x):
  params, static = eqx.partition(model, eqx.is_array)
  step = lambda x, p: (jnp.tanh(jax.vmap(eqx.combine(p, static))(x)), None)
  return lax.scan(step, x, params)[0]


def _equinox_lstm(cell, x):
  def run(x):
    state = (jnp.zeros(12), jnp.zeros(12))
    return lax.scan(lambda s, x: (cell(x, s),) * 2, state, x)[1][0]
  return jax.vmap(run)(x)


def _haiku_lstm(x):
  lstm = hk.LSTM(12)
  return hk.dynamic_unroll(
      lstm, x, lstm.initial_state(x.shape[0]), time_major=False)[0]


GATES = {f'cell/h{gate}/bias': BIAS for gate in 'ifgo'}
CASES = [
    hand('a recurrent layer by `scan`', _recurrent,
         {'x': weight(12, 12), 'h': weight(12, 12, seed=3)}, SEQUENCE,
         rows=_recurrent_rows),
    hand('a recurrent layer, unrolled', _unrolled,
         {'x': weight(12, 12), 'h': weight(12, 12, seed=3)}, SEQUENCE,
         rows=_recurrent_rows),
    hand('stacked layers by `scan`', lambda p, x: through(p['w'], x),
         {'w': STACK}, X, rows=lambda p, x: {'w': layer_inputs(p['w'], x)}),
    hand('stacked layers, `scan` in reverse',
         lambda p, x: through(p['w'], x, reverse=True), {'w': STACK}, X,
         rows=_reverse_rows),
    hand('stacked layers, `scan` unrolled',
         lambda p, x: through(p['w'], x, unroll=2), {'w': STACK}, X,
         rows=lambda p, x: {'w': layer_inputs(p['w'], x)}),
    hand('part of a stack', lambda p, x: through(p['w'][1:], x), {'w': STACK}, X,
         rows=lambda p, x: {'w': np.concatenate(
             [0 * x[None], layer_inputs(p['w'][1:], x)])}),
    hand('a stack in reverse order', lambda p, x: through(p['w'][::-1], x),
         {'w': STACK}, X, rows=_reverse_rows),
    hand('a stack whose axes move first',
         lambda p, x: through(jnp.moveaxis(p['w'], 1, 0), x),
         {'w': np.moveaxis(STACK, 0, 1).copy()}, X,
         rows=lambda p, x: {'w': layer_inputs(np.moveaxis(p['w'], 1, 0), x)}),
    hand('a stack kept as one matrix', _flat_stack, {'w': STACK.reshape(36, 12)}, X,
         rows=_flat_stack_rows),
    hand('stacks of stacks', _nested,
         {'w': np.stack([STACK, weight(3, 12, 12, seed=9)])}, X, rows=_nested_rows),
    hand('stacked layers by `fori_loop` and index', _counted,
         {'w': STACK, 'b': weight(3, 12)}, X, rows=_counted_rows, full=('b',)),
    hand('a stack made of parameters on the way', _stacked_in_place,
         {'a': weight(12, 12), 'b': weight(12, 12, seed=5)}, X,
         untapped=dict.fromkeys('ab', 'stacked on others before a `scan`')),
    hand('a parameter that a loop carries unchanged', _carried,
         {'w': weight(12, 12)}, random(3, 12), rows=lambda p, x: {
             'w': layer_inputs([p['w']] * 3, x).reshape(-1, 12)}),
    hand('a parameter that a loop carries and changes', _carried_transposed,
         {'w': weight(12, 12)}, X,
         untapped={'w': 'carried and changed by a `scan`'}),
    hand('a stack that a loop hands on', _handed_on_alone, {'w': STACK}, X[:2],
         rows=lambda p, x: {'w': np.concatenate([
             layer_inputs(p['w'], x), layer_inputs(
                 p['w'], _run(p['w'], x))], 1)}),
    hand('a stack that a loop hands on to two uses', _handed_on, {'w': STACK}, X[:1],
         rows=lambda p, x: {'w': np.concatenate([
             *layer_inputs(p['w'], x), _run(p['w'], x),
             *layer_inputs(p['w'], _run(p['w'], x))])},
         remark='One of them reads all layers at once, so all keep what any reads.'),
    hand('the map of a layer', lambda p, x: lax.map(lambda x: x @ p['w'], x),
         {'w': weight(12, 5)}, X, rows=lambda p, x: {'w': x}),
    hand('a vmapped ensemble, same inputs', lambda p, x: jax.vmap(
        lambda w: x @ w)(p['w']), {'w': weight(3, 12, 5)}, X,
         rows=lambda p, x: {'w': x}),
    hand('a vmapped ensemble, own inputs', lambda p, x: jax.vmap(
        lambda x, w: x @ w, (1, 0), 1)(x, p['w']), {'w': weight(3, 12, 5)},
         random(6, 3, 12), rows=lambda p, x: {'w': x.swapaxes(0, 1)}),
    of('linen', 'RNN of SimpleCell', lambda: frameworks.linen(
        nn.RNN(nn.SimpleCell(12)), SEQUENCE), untapped={'cell/i/bias': BIAS}),
    of('linen', 'RNN of LSTMCell', lambda: frameworks.linen(
        nn.RNN(nn.LSTMCell(12)), SEQUENCE), untapped=GATES),
    of('linen', 'RNN of OptimizedLSTMCell, its gates joined',
       lambda: frameworks.linen(nn.RNN(nn.OptimizedLSTMCell(12)), SEQUENCE),
       untapped=dict.fromkeys(GATES, 'joined to other parameters')),
    of('linen', 'RNN of GRUCell', lambda: frameworks.linen(
        nn.RNN(nn.GRUCell(12)), SEQUENCE), untapped={
            f'cell/{part}/bias': BIAS for part in ('ir', 'iz', 'in', 'hn')}),
    of('linen', 'RNN of ConvLSTMCell', lambda: frameworks.linen(
        nn.RNN(nn.ConvLSTMCell(4, (3,))), random(1, 2, 3, 4)),
       untapped={f'cell/{part}/bias': BIAS for part in ('hh', 'ih')}),
    of('linen', 'Bidirectional', lambda: frameworks.linen(nn.Bidirectional(
        nn.RNN(nn.SimpleCell(12)), nn.RNN(nn.SimpleCell(12))), SEQUENCE),
       untapped={f'{way}_rnn/cell/i/bias': BIAS for way in ('forward', 'backward')}),
    of('linen', 'scanned layers', lambda: frameworks.linen(Scanned(), X), untapped={
        'ScanBlock_0/Dense_0/bias': BIAS}, rows=lambda p, x: {
            'ScanBlock_0/Dense_0/kernel': _linen_inputs(
                p['ScanBlock_0/Dense_0/kernel'], p['ScanBlock_0/Dense_0/bias'], x)}),
    of('linen', 'scanned and rematerialised layers', lambda: frameworks.linen(
        Scanned(remat=True), X), untapped={
            'ScanCheckpointBlock_0/Dense_0/bias': BIAS}),
    of('linen', 'an ensemble by vmap, same inputs',
       lambda: frameworks.linen(Ensemble(same=True), X),
       untapped={'VmapDense_0/bias': BIAS}),
    of('linen', 'an ensemble by vmap, own inputs',
       lambda: frameworks.linen(Ensemble(same=False), random(3, 4, 12)),
       untapped={'VmapDense_0/bias': BIAS}),
    of('linen', 'a layer shared by vmap', lambda: frameworks.linen(
        Unshared(), SEQUENCE), untapped={'VmapDense_0/bias': BIAS}),
    of('NNX', 'scanned and rematerialised layers',
       lambda: frameworks.nnx_model(NNXBlocks(), X), untapped={'blocks/bias': BIAS}),
    of('NNX', 'an ensemble by vmap', lambda: frameworks.nnx_model(NNXEnsemble(), X),
       untapped={'blocks/bias': BIAS}),
    of('NNX', 'RNN of LSTMCell', lambda: frameworks.nnx_model(nnx.RNN(
        nnx.LSTMCell(12, 12, rngs=nnx.Rngs(0))), SEQUENCE), untapped=GATES),
    of('Equinox', 'scanned layers', lambda: frameworks.equinox(
        lambda key: eqx.filter_vmap(lambda key: eqx.nn.Linear(12, 12, key=key))(
            jax.random.split(key, 3)), X, call=_equinox_scan), untapped={'bias': BIAS}),
    of('Equinox', 'LSTMCell', lambda: frameworks.equinox(
        lambda key: eqx.nn.LSTMCell(12, 12, key=key), SEQUENCE, call=_equinox_lstm),
       untapped={'bias': BIAS}),
    of('Equinox', 'GRUCell', lambda: frameworks.equinox(
        lambda key: eqx.nn.GRUCell(12, 12, key=key), X,
        call=lambda cell, x: jax.vmap(cell)(x, jnp.tanh(x))),
       untapped={'bias': BIAS, 'bias_n': BIAS}),
    of('Haiku', 'LSTM', lambda: frameworks.haiku(_haiku_lstm, SEQUENCE),
       untapped={'lstm/linear/b': BIAS}),
    of('Haiku', 'layer_stack', lambda: frameworks.haiku(
        lambda x: hk.experimental.layer_stack(3)(
            lambda x: jnp.tanh(hk.Linear(12)(x)))(x), X), untapped={
                '__layer_stack_no_per_layer/linear/b': BIAS}),
]


def _run(ws, x):
  for w in ws:
    x = np.tanh(x @ w)
  return x


def _linen_inputs(ws, bs, x):
  seen = []
  for w, b in zip(ws, bs):
    seen.append(x)
    x = np.tanh(x @ w + b)
  return np.stack(seen)
