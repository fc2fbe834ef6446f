"""Layers in loops, as the frameworks make them: recurrent cells, scanned blocks."""

from functools import partial

import equinox as eqx
from flax import linen as nn
from flax import nnx
import haiku as hk
import jax
from jax import lax
import jax.numpy as jnp

from tests.capture import case as case_lib
from tests.capture import frameworks
from tests.capture.cases import recurrent

random = case_lib.random
SEQUENCE, X = recurrent.SEQUENCE, recurrent.X
of = frameworks.Section(recurrent.SECTION)


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


class Vmapped(nn.Module):
  """Three layers with the same inputs or their own, or one that all share."""
  layers: int | None
  in_axes: int | None = 0

  @nn.compact
  def __call__(self, x):
    axis = None if self.layers is None else 0
    return nn.vmap(nn.Dense, variable_axes={'params': axis}, axis_size=self.layers,
                   split_rngs={'params': axis == 0}, in_axes=self.in_axes)(5)(x)


class NNXBlocks(nnx.Module):

  def __init__(self, rngs):

    @nnx.split_rngs(splits=3)
    @nnx.vmap
    def make(rngs):
      return nnx.Linear(12, 12, rngs=rngs)

    self.blocks = make(rngs)

  def __call__(self, x):

    @nnx.scan(in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)
    @nnx.remat
    def forward(x, block):
      return jnp.tanh(block(x))

    return forward(x, self.blocks)


class NNXEnsemble(NNXBlocks):

  def __call__(self, x):
    return nnx.vmap(lambda block, x: block(x), in_axes=(0, None))(self.blocks, x)


def _equinox_stack(key):
  return eqx.filter_vmap(lambda key: eqx.nn.Linear(12, 12, key=key))(
      jax.random.split(key, 3))


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


def _scanned_rows(p, x):
  path = 'ScanBlock_0/Dense_0'
  return recurrent.layer_inputs(p[f'{path}/kernel'], x, p[f'{path}/bias'])


LSTM = 'cell/hi/bias cell/hf/bias cell/hg/bias cell/ho/bias'
GRU = 'cell/ir/bias cell/iz/bias cell/in/bias cell/hn/bias'
CASES = [
    of.linen('RNN of SimpleCell', nn.RNN(nn.SimpleCell(12)), SEQUENCE,
             biases='cell/i/bias'),
    of.linen('RNN of LSTMCell', nn.RNN(nn.LSTMCell(12)), SEQUENCE, biases=LSTM),
    of.linen('RNN of OptimizedLSTMCell, its gates joined',
             nn.RNN(nn.OptimizedLSTMCell(12)), SEQUENCE,
             uncaptured=dict.fromkeys(LSTM.split(), 'joined to other parameters')),
    of.linen('RNN of GRUCell', nn.RNN(nn.GRUCell(12)), SEQUENCE, biases=GRU),
    of.linen('RNN of ConvLSTMCell', nn.RNN(nn.ConvLSTMCell(4, (3,))), random(1, 2, 3, 4),
             biases='cell/hh/bias cell/ih/bias'),
    of.linen('Bidirectional', nn.Bidirectional(
        nn.RNN(nn.SimpleCell(12)), nn.RNN(nn.SimpleCell(12))), SEQUENCE,
             biases='forward_rnn/cell/i/bias backward_rnn/cell/i/bias'),
    of.linen('scanned layers', Scanned(), X, biases='ScanBlock_0/Dense_0/bias',
             rows=_scanned_rows),
    of.linen('scanned and rematerialised layers', Scanned(remat=True), X,
             biases='ScanCheckpointBlock_0/Dense_0/bias'),
    of.linen('an ensemble by vmap, same inputs', Vmapped(3, in_axes=None), X,
             biases='VmapDense_0/bias'),
    of.linen('an ensemble by vmap, own inputs', Vmapped(3), random(3, 4, 12),
             biases='VmapDense_0/bias'),
    of.linen('a layer shared by vmap', Vmapped(None), SEQUENCE, biases='VmapDense_0/bias'),
    of.nnx('scanned and rematerialised layers', NNXBlocks, X, biases='blocks/bias'),
    of.nnx('an ensemble by vmap', NNXEnsemble, X, biases='blocks/bias'),
    of.nnx('RNN of LSTMCell', lambda rngs: nnx.RNN(nnx.LSTMCell(12, 12, rngs=rngs)),
           SEQUENCE, biases=LSTM),
    of.equinox('scanned layers', _equinox_stack, X, call=_equinox_scan, biases='bias'),
    of.equinox('LSTMCell', partial(eqx.nn.LSTMCell, 12, 12), SEQUENCE,
               call=_equinox_lstm, biases='bias'),
    of.equinox('GRUCell', partial(eqx.nn.GRUCell, 12, 12), X, biases='bias bias_n',
               call=lambda cell, x: jax.vmap(cell)(x, jnp.tanh(x))),
    of.haiku('LSTM', _haiku_lstm, SEQUENCE, biases='lstm/linear/b'),
    of.haiku('layer_stack', lambda x: hk.experimental.layer_stack(3)(
        lambda x: jnp.tanh(hk.Linear(12)(x)))(x), X,
             biases='__layer_stack_no_per_layer/linear/b'),
]
