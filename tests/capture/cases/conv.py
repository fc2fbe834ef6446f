"""Convolutions: every geometry, forward and transposed, in all frameworks."""

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
from tests.capture import oracle

Case, random, weight = case_lib.Case, case_lib.random, case_lib.weight
BIAS = {'bias': 'added, as a bias is'}
SECTION = 'Convolutions'


def same(x, window, strides=None):
  strides = strides or (1,) * len(window)
  return [oracle.same_padding(n, w, s)
          for n, w, s in zip(x.shape[1:-1], window, strides)]


def linen(what, module, x, uncaptured=None, **geometry) -> Case:
  """A linen layer whose patches the oracle cuts with this geometry."""
  rows = lambda p, x: {'kernel': oracle.patches(
      x, geometry.pop('window', p['kernel'].shape[:-2]), **geometry)}
  return Case(what, SECTION, 'linen', lambda: frameworks.linen(module, x),
              uncaptured=BIAS if uncaptured is None else uncaptured,
              rows=rows if geometry else None)


def hand(what, fn, kernel, x, rows=None, **more) -> Case:
  return Case(what, SECTION, 'hand-written',
              lambda: frameworks.by_hand(fn, {'w': kernel}, x), rows=rows, **more)


def circular(x, *pads):
  return np.pad(x, [(0, 0), *pads, (0, 0)], mode='wrap')


SIGNAL = random(1, 7, 6)
IMAGE = random(1, 4, 4, 4)
WIDE = random(1, 5, 6, 4)
BLOCK = random(1, 3, 3, 2, 4)
NHWC = ('NHWC', 'HWIO', 'NHWC')


def _conv(x, w, **more):
  options = dict(window_strides=(1, 1), padding='SAME', dimension_numbers=NHWC)
  return lax.conv_general_dilated(x, w, **{**options, **more})


def _ensemble(p, x):
  return jax.vmap(_conv)(x, p['w'])


def _ensemble_of_grouped(p, x):
  conv = lambda x, w: _conv(x, w, feature_group_count=2, padding='VALID')
  return jax.vmap(conv)(x, p['w'])


def _shared_over_groups(p, x):
  """One filter for every channel, as a learnt blur has."""
  w = jnp.broadcast_to(p['w'][..., None, None], (3, 3, 1, 4))
  return _conv(x, w, feature_group_count=4, padding='VALID')


def _low_rank(p, x):
  w = jnp.einsum('hwir,ro->hwio', p['w'].reshape(3, 3, 4, 2), jnp.ones((2, 5)))
  return _conv(x, w)


def _members(x, **geometry):
  return np.concatenate([oracle.patches(one, (3, 3), **geometry) for one in x])


SAME3 = dict(padding=[(1, 1), (1, 1)])
CASES = [
    linen('1-D', nn.Conv(8, (3,)), SIGNAL, padding=[(1, 1)]),
    linen('1-D, causal, dilated', nn.Conv(
        8, (3,), padding='CAUSAL', kernel_dilation=2), SIGNAL,
          padding=[(4, 0)], kernel_dilation=(2,)),
    linen('2-D', nn.Conv(8, (3, 3)), IMAGE, **SAME3),
    linen('2-D, unequal window', nn.Conv(8, (2, 3)), WIDE[:, :3],
          padding=[(0, 1), (1, 1)]),
    linen('3-D', nn.Conv(8, (2, 3, 2)), BLOCK, padding=same(BLOCK, (2, 3, 2))),
    linen('stride', nn.Conv(8, (3, 3), strides=2), WIDE, strides=(2, 2),
          padding=same(WIDE, (3, 3), (2, 2))),
    linen('no padding', nn.Conv(8, (3, 3), padding='VALID'), WIDE, padding=None),
    linen('explicit padding', nn.Conv(8, (3, 3), padding=((0, 2), (1, 0))), IMAGE,
          padding=[(0, 2), (1, 0)]),
    Case('circular padding', SECTION, 'linen', lambda: frameworks.linen(
        nn.Conv(8, (3, 3), padding='CIRCULAR'), random(1, 3, 3, 4)), uncaptured=BIAS,
         rows=lambda p, x: {'kernel': oracle.patches(
             circular(x, (1, 1), (1, 1)), (3, 3))}),
    linen('kernel dilation', nn.Conv(8, (3, 3), kernel_dilation=2), IMAGE,
          padding=[(2, 2), (2, 2)], kernel_dilation=(2, 2)),
    linen('input dilation', nn.Conv(
        8, (3, 3), input_dilation=2, padding=((1, 1), (1, 1))), random(1, 3, 3, 4),
          padding=[(1, 1), (1, 1)], input_dilation=(2, 2)),
    linen('groups', nn.Conv(8, (3, 3), feature_group_count=2), IMAGE,
          groups=2, **SAME3),
    linen('depthwise', nn.Conv(8, (3, 3), feature_group_count=4, padding='VALID'),
          WIDE[:, :4, :4], groups=4),
    linen('stride, dilation, groups and padding at once', nn.Conv(
        8, (3, 2), strides=(2, 1), kernel_dilation=(1, 2), feature_group_count=2,
        padding=((1, 0), (2, 1))), WIDE[:, :3, :4], strides=(2, 1), kernel_dilation=(1, 2),
          groups=2, padding=[(1, 0), (2, 1)]),
    Case('in bfloat16', SECTION, 'linen', lambda: frameworks.linen(
        nn.Conv(8, (3, 3), dtype=jnp.bfloat16), IMAGE), uncaptured=BIAS,
         tolerance=2e-2, rows=lambda p, x: {'kernel': oracle.patches(
             np.asarray(jnp.asarray(x, jnp.bfloat16), float), (3, 3), **SAME3)}),
    linen('1 x 1', nn.Conv(8, (1, 1)), random(1, 2, 1, 4), padding=None),
    linen('with a weight for each position (ConvLocal)', nn.ConvLocal(
        8, (3, 3), padding='VALID'), WIDE,
          uncaptured={'bias': 'added, as a bias is'}),
    linen('with masked weights', nn.Conv(
        8, (3, 3), mask=np.tri(9, 32, 8, dtype=np.float32).reshape(3, 3, 4, 8)), IMAGE,
          uncaptured={**BIAS, 'kernel': 'multiplied entry by entry'}),
    linen('transposed', nn.ConvTranspose(8, (3, 3), strides=(2, 2)),
          random(1, 2, 2, 4), input_dilation=(2, 2), padding=[(2, 1), (2, 1)]),
    linen('transposed, no padding', nn.ConvTranspose(
        8, (3, 3), padding='VALID'), random(1, 2, 2, 4), padding=[(2, 2), (2, 2)]),
    linen('transposed, dilated', nn.ConvTranspose(
        8, (3,), strides=(2,), kernel_dilation=(2,)), random(1, 3, 6)),
    Case('transposed, with the forward kernel', SECTION, 'linen',
         lambda: frameworks.linen(nn.ConvTranspose(
             8, (3, 3), strides=(2, 2), transpose_kernel=True), random(1, 2, 2, 4)),
         uncaptured=BIAS, rows=lambda p, x: {'kernel': oracle.patches(
             x, (3, 3), input_dilation=(2, 2), padding=[(2, 1), (2, 1)]
             ).reshape(-1, 9, 4)[:, ::-1].reshape(1, -1, 36)}),
    linen('transposed, circular', nn.ConvTranspose(
        8, (3, 3), strides=(2, 2), padding='CIRCULAR'), random(1, 2, 2, 4)),
    hand('channels first, kernel outputs first',
         lambda p, x: lax.conv(x, p['w'], (2, 1), 'VALID'), weight(8, 4, 3, 3),
         random(1, 4, 5, 5), rows=lambda p, x: {'w': oracle.patches(
             x.transpose(0, 2, 3, 1), (3, 3), strides=(2, 1)
             ).reshape(-1, 9, 4).swapaxes(1, 2).reshape(1, -1, 36)}),
    hand('negative padding', lambda p, x: _conv(
        x, p['w'], padding=((-1, 2), (0, -2))), weight(3, 3, 4, 8), WIDE,
         rows=lambda p, x: {'w': oracle.patches(
             np.pad(x[:, 1:, :-2], ((0, 0), (0, 2), (0, 0), (0, 0))), (3, 3))}),
    hand('negative padding of dilated inputs', lambda p, x: _conv(
        x, p['w'], padding=((-1, 1), (1, -2)), lhs_dilation=(2, 3)),
         weight(3, 3, 4, 8), random(1, 3, 3, 4), rows=lambda p, x: {
             'w': oracle.patches(_cropped(_spread(x, 2, 3)), (3, 3))}),
    hand('a flipped kernel', lambda p, x: _conv(x, p['w'][::-1, ::-1]),
         weight(3, 3, 4, 8), IMAGE, rows=lambda p, x: {
             'w': oracle.patches(x, (3, 3), **SAME3).reshape(
                 -1, 9, 4)[:, ::-1].reshape(1, -1, 36)}),
    hand('a kernel kept as a matrix', lambda p, x: _conv(
        x, p['w'].reshape(3, 3, 4, 8)), weight(36, 8), IMAGE,
         rows=lambda p, x: {'w': oracle.patches(x, (3, 3), **SAME3)}),
    hand('a window cut out of a larger kernel', lambda p, x: _conv(
        x, p['w'][1:4, 1:4]), weight(5, 5, 4, 8), IMAGE, rows=lambda p, x: {
            'w': np.pad(oracle.patches(x, (3, 3), **SAME3).reshape(-1, 3, 3, 4),
                        ((0, 0), (1, 1), (1, 1), (0, 0))).reshape(1, -1, 100)}),
    hand('one filter for all channels', _shared_over_groups, weight(3, 3),
         random(1, 4, 3, 4), rows=lambda p, x: {'w': oracle.patches(
             x, (3, 3), groups=4).reshape(1, -1, 9)}),
    hand('an ensemble, each with inputs of its own', _ensemble,
         weight(3, 3, 3, 4, 8), random(3, 1, 4, 4, 4),
         rows=lambda p, x: {'w': _members(x, **SAME3)}),
    hand('an ensemble of grouped convolutions', _ensemble_of_grouped,
         weight(3, 3, 3, 2, 8), random(3, 1, 4, 4, 4),
         rows=lambda p, x: {'w': _members(x, groups=2)},
         remark='The kernel is split at its groups.'),
    hand('an ensemble with the same inputs', lambda p, x: jax.vmap(
        _conv, (None, 0))(x, p['w']), weight(3, 3, 3, 4, 8), IMAGE,
         rows=lambda p, x: {'w': oracle.patches(x, (3, 3), **SAME3)}),
    hand('an ensemble of grouped ones, with the same inputs', lambda p, x: jax.vmap(
        lambda x, w: _conv(x, w, feature_group_count=2), (None, 0))(x, p['w']),
         weight(3, 3, 3, 2, 8), IMAGE),
    hand('a kernel that is a product with a constant', _low_rank,
         weight(36, 2), IMAGE, remark='Confined as the product is, more than need be.'),
    Case('Conv', SECTION, 'NNX', lambda: frameworks.nnx_model(nnx.Conv(
        4, 8, (3, 3), strides=2, rngs=nnx.Rngs(0)), WIDE), uncaptured=BIAS,
         rows=lambda p, x: {'kernel': oracle.patches(
             x, (3, 3), strides=(2, 2), padding=same(x, (3, 3), (2, 2)))}),
    Case('Conv, depthwise', SECTION, 'NNX', lambda: frameworks.nnx_model(nnx.Conv(
        4, 4, (3, 3), padding='VALID', feature_group_count=4, rngs=nnx.Rngs(0)),
        random(1, 4, 4, 4)), uncaptured=BIAS,
         rows=lambda p, x: {'kernel': oracle.patches(x, (3, 3), groups=4)}),
    Case('ConvTranspose', SECTION, 'NNX', lambda: frameworks.nnx_model(
        nnx.ConvTranspose(4, 8, (3, 3), strides=(2, 2), rngs=nnx.Rngs(0)),
        random(1, 2, 2, 4)), uncaptured=BIAS),
    Case('Conv2d', SECTION, 'Equinox', lambda: frameworks.equinox(
        lambda key: eqx.nn.Conv2d(4, 8, 3, stride=2, groups=2, key=key),
        random(1, 4, 5, 5)), uncaptured=BIAS, rows=lambda p, x: {
            'weight': oracle.patches(
                x.transpose(0, 2, 3, 1), (3, 3), strides=(2, 2), groups=2
                ).reshape(2, -1, 9, 2).swapaxes(2, 3).reshape(2, -1, 18)}),
    Case('Conv1d', SECTION, 'Equinox', lambda: frameworks.equinox(
        lambda key: eqx.nn.Conv1d(4, 8, 3, dilation=2, padding=1, key=key),
        random(1, 4, 7)), uncaptured=BIAS),
    Case('Conv3d', SECTION, 'Equinox', lambda: frameworks.equinox(
        lambda key: eqx.nn.Conv3d(4, 8, 2, key=key), random(1, 4, 3, 2, 3)),
         uncaptured=BIAS),
    Case('ConvTranspose2d', SECTION, 'Equinox', lambda: frameworks.equinox(
        lambda key: eqx.nn.ConvTranspose2d(4, 8, 3, stride=2, key=key),
        random(1, 4, 2, 2)), uncaptured=BIAS),
    Case('Conv2D', SECTION, 'Haiku', lambda: frameworks.haiku(
        lambda x: hk.Conv2D(8, 3, stride=2, with_bias=False)(x), WIDE),
         rows=lambda p, x: {'conv2_d/w': oracle.patches(
             x, (3, 3), strides=(2, 2), padding=same(x, (3, 3), (2, 2)))}),
    Case('Conv2D, channels first', SECTION, 'Haiku', lambda: frameworks.haiku(
        lambda x: hk.Conv2D(8, 3, data_format='NCHW')(x), random(1, 4, 4, 4)),
         uncaptured={'conv2_d/b': 'added, as a bias is'}),
    Case('DepthwiseConv2D', SECTION, 'Haiku', lambda: frameworks.haiku(
        lambda x: hk.DepthwiseConv2D(1, 3, with_bias=False, padding='VALID')(x),
        random(1, 4, 4, 4)), rows=lambda p, x: {
            'depthwise_conv2_d/w': oracle.patches(x, (3, 3), groups=4)}),
    Case('Conv2DTranspose', SECTION, 'Haiku', lambda: frameworks.haiku(
        lambda x: hk.Conv2DTranspose(8, 3, stride=2, with_bias=False)(x),
        random(1, 2, 2, 4))),
]


def _spread(x, *steps):
  """Zeros between pixels."""
  n, h, w, c = x.shape
  out = np.zeros((n, (h - 1) * steps[0] + 1, (w - 1) * steps[1] + 1, c))
  out[:, ::steps[0], ::steps[1]] = x
  return out


def _cropped(x):
  return np.pad(x[:, 1:, :-2], ((0, 0), (0, 1), (1, 0), (0, 0)))
