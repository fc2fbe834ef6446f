"""Convolutions as matrix products, for networks that run side by side.

Under `vmap` over the kernels a convolution becomes a grouped one, which XLA
runs slowly, and slower still inside a loop on a CPU. A matrix product becomes
a batched one, which every device is good at. Pools that do not overlap become
a plain maximum, whose gradient is cheaper.
"""

from collections.abc import Callable
import functools
import math
from typing import Any

import jax
from jax.extend import core as jex
import numpy as np

from unsc_jax.capture import equations
from unsc_jax.capture import layers
from unsc_jax.moments import patches
from unsc_jax.training import tiles


def without_convolutions(fn: Callable) -> Callable:
  """The same function, its convolutions written as matrix products.

  Equal up to rounding, and so are the gradients, but that a pool shares its
  gradient among equal maxima. Every patch is cut out, so inputs take as much
  more memory as a kernel has entries in its window.

  Args:
    fn: any JAX function of pytrees of arrays.

  Returns:
    The function. Convolutions in the bodies of loops, of branches and of
    rematerialised blocks, and those with groups of batches, stay as they are.

  Example:
    >>> import jax.numpy as jnp
    >>> conv = lambda k, x: jax.lax.conv(x, k, (1, 1), 'SAME')
    >>> k, x = jnp.ones((4, 3, 2, 2)), jnp.ones((5, 3, 8, 8))
    >>> 'conv' in str(jax.make_jaxpr(without_convolutions(conv))(k, x))
    False

  Source: im2col; exact.
  """
  @functools.wraps(fn)
  def rewritten(*args):
    closed, shape = jax.make_jaxpr(fn, return_shape=True)(*args)
    out = _run(closed.jaxpr, closed.consts, jax.tree.leaves(args))
    return jax.tree.unflatten(jax.tree.structure(shape), out)
  return rewritten


def _run(jaxpr: jex.Jaxpr, consts, args) -> list[Any]:
  values: dict[Any, Any] = dict(
      zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *args), strict=True))
  for eqn in jaxpr.eqns:
    ins, name = equations.read(values, eqn.invars), eqn.primitive.name
    if name == 'conv_general_dilated' and eqn.params['batch_group_count'] == 1:
      outs = [_product(eqn, *ins)]
    elif name == 'reduce_window_max' and _tiles(eqn.params, ins[0].shape):
      outs = [tiles.largest(ins[0], eqn.params['window_dimensions'])]
    elif name in ('jit', 'pjit'):
      inner = eqn.params['jaxpr']
      outs = _run(inner.jaxpr, inner.consts, ins)
    else:
      outs = equations.bind(eqn, ins)
    values.update(zip(eqn.outvars, outs, strict=True))
  return equations.read(values, jaxpr.outvars)


def _tiles(params, shape) -> bool:
  """Whether windows lie side by side and cover everything."""
  window = params['window_dimensions']
  return (window == params['window_strides']
          and not any(map(any, params['padding']))
          and all(d == 1 for d in (*params['base_dilation'],
                                   *params['window_dilation']))
          and all(size % w == 0 for size, w in zip(shape, window)))


def _product(eqn, x: jax.Array, kernel: jax.Array) -> jax.Array:
  """A convolution as patches by kernel, in the layout that it asks for."""
  p, out = eqn.params, eqn.outvars[0].aval
  (batch, channel, *space), (o, i, *window), out_spec = p['dimension_numbers']
  groups = p['feature_group_count']
  rows, = patches.extract(layers.Conv(
      x=x.transpose(batch, *space, channel),
      window=tuple(kernel.shape[axis] for axis in window),
      strides=p['window_strides'], padding=p['padding'],
      input_dilation=p['lhs_dilation'], kernel_dilation=p['rhs_dilation'],
      groups=groups))  # [groups, n, d]
  weights = kernel.transpose(*window, i, o)
  fan_in = math.prod(weights.shape[:-1])
  weights = weights.reshape(fan_in, groups, -1).swapaxes(0, 1)  # [groups, d, o]
  y = jax.lax.dot_general(
      rows, weights, (((2,), (1,)), ((0,), (0,))), precision=p['precision'],
      preferred_element_type=p['preferred_element_type'])
  out_batch, out_channel, *out_space = out_spec
  order = (out_batch, *out_space, out_channel)
  y = y.swapaxes(0, 1).reshape([out.shape[axis] for axis in order])
  return y.transpose(np.argsort(order)).astype(out.dtype)
