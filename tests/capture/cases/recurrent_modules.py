"""Layers in loops, as the frameworks make them: recurrent cells, scanned blocks."""

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
from tests.capture.cases import recurrent

Case, random = case_lib.Case, case_lib.random
BIAS, SEQUENCE, X = recurrent.BIAS, recurrent.SEQUENCE, recurrent.X


def of(framework, what, network, **more) -> Case:
  return Case(what, recurrent.SECTION, framework, network, **more)


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


def _linen_inputs(ws, bs, x):
  seen = []
  for w, b in zip(ws, bs):
    seen.append(x)
    x = np.tanh(x @ w + b)
  return np.stack(seen)


GATES = {f'cell/h{gate}/bias': BIAS for gate in 'ifgo'}
CASES = [
    of('linen', 'RNN of SimpleCell', lambda: frameworks.linen(
        nn.RNN(nn.SimpleCell(12)), SEQUENCE), uncaptured={'cell/i/bias': BIAS}),
    of('linen', 'RNN of LSTMCell', lambda: frameworks.linen(
        nn.RNN(nn.LSTMCell(12)), SEQUENCE), uncaptured=GATES),
    of('linen', 'RNN of OptimizedLSTMCell, its gates joined',
       lambda: frameworks.linen(nn.RNN(nn.OptimizedLSTMCell(12)), SEQUENCE),
       uncaptured=dict.fromkeys(GATES, 'joined to other parameters')),
    of('linen', 'RNN of GRUCell', lambda: frameworks.linen(
        nn.RNN(nn.GRUCell(12)), SEQUENCE), uncaptured={
            f'cell/{part}/bias': BIAS for part in ('ir', 'iz', 'in', 'hn')}),
    of('linen', 'RNN of ConvLSTMCell', lambda: frameworks.linen(
        nn.RNN(nn.ConvLSTMCell(4, (3,))), random(1, 2, 3, 4)),
       uncaptured={f'cell/{part}/bias': BIAS for part in ('hh', 'ih')}),
    of('linen', 'Bidirectional', lambda: frameworks.linen(nn.Bidirectional(
        nn.RNN(nn.SimpleCell(12)), nn.RNN(nn.SimpleCell(12))), SEQUENCE),
       uncaptured={f'{way}_rnn/cell/i/bias': BIAS for way in ('forward', 'backward')}),
    of('linen', 'scanned layers', lambda: frameworks.linen(Scanned(), X), uncaptured={
        'ScanBlock_0/Dense_0/bias': BIAS}, rows=lambda p, x: {
            'ScanBlock_0/Dense_0/kernel': _linen_inputs(
                p['ScanBlock_0/Dense_0/kernel'], p['ScanBlock_0/Dense_0/bias'], x)}),
    of('linen', 'scanned and rematerialised layers', lambda: frameworks.linen(
        Scanned(remat=True), X), uncaptured={
            'ScanCheckpointBlock_0/Dense_0/bias': BIAS}),
    of('linen', 'an ensemble by vmap, same inputs',
       lambda: frameworks.linen(Ensemble(same=True), X),
       uncaptured={'VmapDense_0/bias': BIAS}),
    of('linen', 'an ensemble by vmap, own inputs',
       lambda: frameworks.linen(Ensemble(same=False), random(3, 4, 12)),
       uncaptured={'VmapDense_0/bias': BIAS}),
    of('linen', 'a layer shared by vmap', lambda: frameworks.linen(
        Unshared(), SEQUENCE), uncaptured={'VmapDense_0/bias': BIAS}),
    of('NNX', 'scanned and rematerialised layers',
       lambda: frameworks.nnx_model(NNXBlocks(), X), uncaptured={'blocks/bias': BIAS}),
    of('NNX', 'an ensemble by vmap', lambda: frameworks.nnx_model(NNXEnsemble(), X),
       uncaptured={'blocks/bias': BIAS}),
    of('NNX', 'RNN of LSTMCell', lambda: frameworks.nnx_model(nnx.RNN(
        nnx.LSTMCell(12, 12, rngs=nnx.Rngs(0))), SEQUENCE), uncaptured=GATES),
    of('Equinox', 'scanned layers', lambda: frameworks.equinox(
        lambda key: eqx.filter_vmap(lambda key: eqx.nn.Linear(12, 12, key=key))(
            jax.random.split(key, 3)), X, call=_equinox_scan), uncaptured={'bias': BIAS}),
    of('Equinox', 'LSTMCell', lambda: frameworks.equinox(
        lambda key: eqx.nn.LSTMCell(12, 12, key=key), SEQUENCE, call=_equinox_lstm),
       uncaptured={'bias': BIAS}),
    of('Equinox', 'GRUCell', lambda: frameworks.equinox(
        lambda key: eqx.nn.GRUCell(12, 12, key=key), X,
        call=lambda cell, x: jax.vmap(cell)(x, jnp.tanh(x))),
       uncaptured={'bias': BIAS, 'bias_n': BIAS}),
    of('Haiku', 'LSTM', lambda: frameworks.haiku(_haiku_lstm, SEQUENCE),
       uncaptured={'lstm/linear/b': BIAS}),
    of('Haiku', 'layer_stack', lambda: frameworks.haiku(
        lambda x: hk.experimental.layer_stack(3)(
            lambda x: jnp.tanh(hk.Linear(12)(x)))(x), X), uncaptured={
                '__layer_stack_no_per_layer/linear/b': BIAS}),
]
