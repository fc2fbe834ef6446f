"""Convolutions: every geometry, forward and transposed, in all frameworks."""

import functools

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

random, weight = case_lib.random, case_lib.weight
of = frameworks.Section('Convolutions')
SIGNAL = random(1, 7, 6)
IMAGE = random(1, 4, 4, 4)
SMALL, TINY = random(1, 3, 3, 4), random(1, 2, 2, 4)
WIDE = random(1, 5, 6, 4)
BLOCK = random(1, 3, 3, 2, 4)
MEMBERS = random(3, 1, 4, 4, 4)
SAME3 = dict(padding=[(1, 1), (1, 1)])
STRIDED = dict(strides=(2, 2), padding=[
    oracle.same_padding(n, 3, 2) for n in WIDE.shape[1:-1]])
SPREAD = dict(input_dilation=(2, 2), padding=[(2, 1), (2, 1)])


def patches(*window, prepare=lambda x: x, after=lambda rows: rows, **geometry):
  """The rows of a convolution of this geometry."""
  return lambda _, x: after(oracle.patches(prepare(x), window, **geometry))


def linen(what, module, x, biases='bias', **geometry):
  """A linen layer whose patches the oracle cuts with this geometry."""
  window = module.kernel_size
  return of.linen(what, module, x, biases=biases,
                  rows=patches(*window, **geometry) if geometry else None)


def _conv(x, w, **more):
  options = dict(window_strides=(1, 1), padding='SAME',
                 dimension_numbers=('NHWC', 'HWIO', 'NHWC'))
  return lax.conv_general_dilated(x, w, **{**options, **more})


def _ensemble_of_grouped(w, x):
  conv = lambda x, w: _conv(x, w, feature_group_count=2, padding='VALID')
  return jax.vmap(conv)(x, w)


def _shared_over_groups(w, x):
  """One filter for every channel, as a learnt blur has."""
  w = jnp.broadcast_to(w[..., None, None], (3, 3, 1, 4))
  return _conv(x, w, feature_group_count=4, padding='VALID')


def _low_rank(w, x):
  w = jnp.einsum('hwir,ro->hwio', w.reshape(3, 3, 4, 2), jnp.ones((2, 5), w.dtype))
  return _conv(x, w)


def _members(**geometry):
  cut = patches(3, 3, **geometry)
  return lambda w, x: np.concatenate([cut(w, one) for one in x])


def _last(x):
  """From channels first to channels last."""
  return np.moveaxis(x, 1, -1)


def _channels_first(rows):
  """Patches of 3 x 3 of a kernel whose inputs come before its window."""
  return rows.reshape(*rows.shape[:2], 9, -1).swapaxes(2, 3).reshape(rows.shape)


def _flipped(rows):
  return rows.reshape(-1, 9, 4)[:, ::-1].reshape(rows.shape)


def _padded_window(rows):
  return np.pad(rows.reshape(-1, 3, 3, 4), ((0, 0), (1, 1), (1, 1), (0, 0))
                ).reshape(1, -1, 100)


def _spread(x):
  """With zeros between pixels, padded by `((-1, 1), (1, -2))`."""
  n, h, w, c = x.shape
  out = np.zeros((n, 2 * h - 1, 3 * w - 2, c))
  out[:, ::2, ::3] = x
  return np.pad(out[:, 1:, :-2], ((0, 0), (0, 1), (1, 0), (0, 0)))


CASES = [
    of.hand('complex images', lambda w, x: _conv(
        x + 1j * x[:, ::-1], w.astype(jnp.complex64), feature_group_count=2),
            weight(3, 3, 2, 6), TINY, rows=patches(
                3, 3, prepare=lambda x: x + 1j * x[:, ::-1], groups=2, **SAME3)),
    linen('1-D', nn.Conv(8, (3,)), SIGNAL, padding=[(1, 1)]),
    linen('1-D, causal, dilated', nn.Conv(8, (3,), padding='CAUSAL', kernel_dilation=2),
          SIGNAL, padding=[(4, 0)], kernel_dilation=(2,)),
    linen('2-D', nn.Conv(8, (3, 3)), IMAGE, **SAME3),
    linen('2-D, unequal window', nn.Conv(8, (2, 3)), WIDE[:, :3],
          padding=[(0, 1), (1, 1)]),
    linen('3-D', nn.Conv(8, (2, 3, 2)), BLOCK, padding=[(0, 1), (1, 1), (0, 1)]),
    linen('stride', nn.Conv(8, (3, 3), strides=2), WIDE, **STRIDED),
    linen('no padding', nn.Conv(8, (3, 3), padding='VALID'), WIDE, padding=None),
    linen('explicit padding', nn.Conv(8, (3, 3), padding=((0, 2), (1, 0))), IMAGE,
          padding=[(0, 2), (1, 0)]),
    linen('circular padding', nn.Conv(8, (3, 3), padding='CIRCULAR'), SMALL,
          prepare=lambda x: np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode='wrap')),
    linen('kernel dilation', nn.Conv(8, (3, 3), kernel_dilation=2), IMAGE,
          padding=[(2, 2), (2, 2)], kernel_dilation=(2, 2)),
    linen('input dilation', nn.Conv(8, (3, 3), input_dilation=2, padding=((1, 1), (1, 1))),
          SMALL, input_dilation=(2, 2), **SAME3),
    linen('groups', nn.Conv(8, (3, 3), feature_group_count=2), IMAGE, groups=2, **SAME3),
    linen('depthwise', nn.Conv(8, (3, 3), feature_group_count=4, padding='VALID'),
          WIDE[:, :4, :4], groups=4),
    linen('stride, dilation, groups and padding at once', nn.Conv(
        8, (3, 2), strides=(2, 1), kernel_dilation=(1, 2), feature_group_count=2,
        padding=((1, 0), (2, 1))), WIDE[:, :3, :4], strides=(2, 1),
          kernel_dilation=(1, 2), groups=2, padding=[(1, 0), (2, 1)]),
    of.linen('in bfloat16', nn.Conv(8, (3, 3), dtype=jnp.bfloat16), IMAGE, biases='bias',
             tolerance=2e-2, rows=patches(3, 3, prepare=lambda x: np.asarray(
                 jnp.asarray(x, jnp.bfloat16), float), **SAME3)),
    linen('1 x 1', nn.Conv(8, (1, 1)), random(1, 2, 1, 4), padding=None),
    linen('with a weight for each position (ConvLocal)', nn.ConvLocal(
        8, (3, 3), padding='VALID'), WIDE),
    of.linen('with masked weights', nn.Conv(
        8, (3, 3), mask=np.tri(9, 32, 8, dtype=np.float32).reshape(3, 3, 4, 8)), IMAGE,
             biases='bias', uncaptured={'kernel': 'multiplied entry by entry'}),
    linen('transposed', nn.ConvTranspose(8, (3, 3), strides=(2, 2)), TINY, **SPREAD),
    linen('transposed, no padding', nn.ConvTranspose(8, (3, 3), padding='VALID'), TINY,
          padding=[(2, 2), (2, 2)]),
    linen('transposed, dilated', nn.ConvTranspose(
        8, (3,), strides=(2,), kernel_dilation=(2,)), random(1, 3, 6)),
    linen('transposed, with the forward kernel', nn.ConvTranspose(
        8, (3, 3), strides=(2, 2), transpose_kernel=True), TINY, after=_flipped, **SPREAD),
    linen('transposed, circular', nn.ConvTranspose(
        8, (3, 3), strides=(2, 2), padding='CIRCULAR'), TINY),
    of.hand('channels first, kernel outputs first',
            lambda w, x: lax.conv(x, w, (2, 1), 'VALID'), weight(8, 4, 3, 3),
            random(1, 4, 5, 5),
            rows=patches(3, 3, prepare=_last, after=_channels_first, strides=(2, 1))),
    of.hand('negative padding', lambda w, x: _conv(x, w, padding=((-1, 2), (0, -2))),
            weight(3, 3, 4, 8), WIDE, rows=patches(3, 3, prepare=lambda x: np.pad(
                x[:, 1:, :-2], ((0, 0), (0, 2), (0, 0), (0, 0))))),
    of.hand('negative padding of dilated inputs', lambda w, x: _conv(
        x, w, padding=((-1, 1), (1, -2)), lhs_dilation=(2, 3)), weight(3, 3, 4, 8), SMALL,
            rows=patches(3, 3, prepare=_spread)),
    of.hand('a flipped kernel', lambda w, x: _conv(x, w[::-1, ::-1]),
            weight(3, 3, 4, 8), IMAGE, rows=patches(3, 3, after=_flipped, **SAME3)),
    of.hand('a kernel kept as a matrix', lambda w, x: _conv(x, w.reshape(3, 3, 4, 8)),
            weight(36, 8), IMAGE, rows=patches(3, 3, **SAME3)),
    of.hand('a window cut out of a larger kernel', lambda w, x: _conv(x, w[1:4, 1:4]),
            weight(5, 5, 4, 8), IMAGE, rows=patches(3, 3, after=_padded_window, **SAME3)),
    of.hand('one filter for all channels', _shared_over_groups, weight(3, 3),
            random(1, 4, 3, 4),
            rows=patches(3, 3, after=lambda rows: rows.reshape(1, -1, 9), groups=4)),
    of.hand('an ensemble, each with inputs of its own', lambda w, x: jax.vmap(_conv)(x, w),
            weight(3, 3, 3, 4, 8), MEMBERS, rows=_members(**SAME3)),
    of.hand('an ensemble of grouped convolutions', _ensemble_of_grouped,
            weight(3, 3, 3, 2, 8), MEMBERS, rows=_members(groups=2),
            remark='The kernel is split at its groups.'),
    of.hand('an ensemble with the same inputs', lambda w, x: jax.vmap(
        _conv, (None, 0))(x, w), weight(3, 3, 3, 4, 8), IMAGE, rows=patches(3, 3, **SAME3)),
    of.hand('an ensemble of grouped ones, with the same inputs', lambda w, x: jax.vmap(
        lambda x, w: _conv(x, w, feature_group_count=2), (None, 0))(x, w),
            weight(3, 3, 3, 2, 8), IMAGE),
    of.hand('a kernel that is a product with a constant', _low_rank, weight(36, 2), IMAGE,
            remark='Confined as the product is, more than need be.'),
    of.nnx('Conv', functools.partial(nnx.Conv, 4, 8, (3, 3), strides=2), WIDE,
           biases='bias', rows=patches(3, 3, **STRIDED)),
    of.nnx('Conv, depthwise', functools.partial(
        nnx.Conv, 4, 4, (3, 3), padding='VALID', feature_group_count=4), IMAGE,
           biases='bias', rows=patches(3, 3, groups=4)),
    of.nnx('ConvTranspose', functools.partial(
        nnx.ConvTranspose, 4, 8, (3, 3), strides=(2, 2)), TINY, biases='bias'),
    of.equinox('Conv2d', functools.partial(eqx.nn.Conv2d, 4, 8, 3, stride=2, groups=2),
               random(1, 4, 5, 5), biases='bias', rows=patches(
                   3, 3, prepare=_last, after=_channels_first, strides=(2, 2), groups=2)),
    of.equinox('Conv1d', functools.partial(eqx.nn.Conv1d, 4, 8, 3, dilation=2, padding=1),
               random(1, 4, 7), biases='bias'),
    of.equinox('Conv3d', functools.partial(eqx.nn.Conv3d, 4, 8, 2), random(1, 4, 3, 2, 3),
               biases='bias'),
    of.equinox('ConvTranspose2d', functools.partial(eqx.nn.ConvTranspose2d, 4, 8, 3, stride=2),
               random(1, 4, 2, 2), biases='bias'),
    of.haiku('Conv2D', lambda x: hk.Conv2D(8, 3, stride=2, with_bias=False)(x), WIDE,
             rows=patches(3, 3, **STRIDED)),
    of.haiku('Conv2D, channels first', lambda x: hk.Conv2D(8, 3, data_format='NCHW')(x),
             IMAGE, biases='conv2_d/b'),
    of.haiku('DepthwiseConv2D', lambda x: hk.DepthwiseConv2D(
        1, 3, with_bias=False, padding='VALID')(x), IMAGE, rows=patches(3, 3, groups=4)),
    of.haiku('Conv2DTranspose', lambda x: hk.Conv2DTranspose(
        8, 3, stride=2, with_bias=False)(x), TINY),
]
