"""Rewritten convolutions against XLA's own, values and gradients."""

import chex
from flax import linen as nn
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax import models
from unsc_jax.evaluation.shadows import im2col


def _draw(*shape, seed=0):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def _primitives(fn, *args):
  return {eqn.primitive.name for eqn in jax.make_jaxpr(fn)(*args).eqns}


@pytest.mark.parametrize(('groups', 'numbers', 'options'), [
    (1, ('NHWC', 'HWIO', 'NHWC'), {'padding': 'SAME'}),
    (2, ('NHWC', 'HWIO', 'NHWC'), {'padding': 'VALID', 'window_strides': (2, 3)}),
    (1, ('NCHW', 'OIHW', 'NHWC'),
     {'padding': ((2, 0), (0, 1)), 'rhs_dilation': (2, 1)}),
    (2, ('NHWC', 'OHWI', 'NCHW'),
     {'padding': ((1, 2), (2, 1)), 'lhs_dilation': (2, 1)}),
])
def test_it_is_xlas_convolution(groups, numbers, options):
  sizes = {'N': 3, 'H': 9, 'W': 8, 'C': 4}
  kernel = {'H': 3, 'W': 2, 'I': 4 // groups, 'O': 6}
  x = _draw(*(sizes[axis] for axis in numbers[0]))
  w = _draw(*(kernel[axis] for axis in numbers[1]), seed=1)
  conv = lambda x, w: lax.conv_general_dilated(
      x, w, dimension_numbers=numbers, feature_group_count=groups,
      **{'window_strides': (1, 1), **options})
  ours = im2col.without_convolutions(conv)
  assert 'conv_general_dilated' not in _primitives(ours, x, w)
  def loss(fn, x, w):
    y = fn(x, w)
    return jnp.sum(jnp.sin(y)), y

  both = jax.jit(jax.value_and_grad(loss, (1, 2), has_aux=True), static_argnums=0)
  ((_, y), gradient), ((_, want), gradient_of_want) = both(ours, x, w), both(conv, x, w)
  np.testing.assert_allclose(y, want, atol=1e-4)
  chex.assert_trees_all_close(gradient, gradient_of_want, rtol=1e-7, atol=1e-3)


def test_pools_that_tile_are_maxima_and_others_stay():
  x = _draw(2, 8, 6, 3)
  tiled = lambda x: nn.max_pool(x, (2, 3), (2, 3))
  overlapping = lambda x: nn.max_pool(x, (3, 3), (2, 2), 'SAME')
  for pool, stays in ((tiled, False), (overlapping, True)):
    ours = im2col.without_convolutions(pool)
    assert ('reduce_window_max' in _primitives(ours, x)) == stays
    np.testing.assert_array_equal(jax.jit(ours)(x), jax.jit(pool)(x))
    gradient = lambda fn: jax.jit(jax.grad(lambda x: jnp.sum(jnp.square(fn(x)))))(x)
    np.testing.assert_allclose(gradient(ours), gradient(pool), atol=1e-6)


def test_whole_networks_and_pytrees_go_through():
  x = _draw(4, 8, 8, 1)
  model = models.SmallCNN()
  params = jax.jit(model.init)(jax.random.key(0), x)
  fn = lambda params, x: {'logits': model.apply(params, x), 'size': len(x)}
  ours = jax.jit(im2col.without_convolutions(fn))(params, x)
  want = jax.jit(model.apply)(params, x)
  np.testing.assert_allclose(ours['logits'], want, atol=1e-5)
  assert ours['size'] == 4
