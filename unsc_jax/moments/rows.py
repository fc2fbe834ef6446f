"""Moments of some of a batch's examples, so that one program serves every number of them.

A pass compiles for every shape that it meets, and sets of examples end in batches of
any size. Filled up to one size, with weights of zero for what fills them, they have
one shape. Which rows of a layer's inputs are of which example the network itself
tells: it runs as for one example at a time, under `jax.vmap`. `E` examples.
"""

from collections.abc import Iterable
import functools
from typing import Any

import jax
from jax import custom_batching
import jax.numpy as jnp

from unsc_jax.capture import layers
from unsc_jax.capture import trace
from unsc_jax.moments import group
from unsc_jax.moments import memory
from unsc_jax.moments import moments as moments_lib
from unsc_jax.moments import sums


@functools.partial(jax.jit, static_argnums=0)
def moments_of_rows(
    moments_fn: moments_lib.input_moments, params: Any, x: Any, weights: jax.Array
) -> group.Moments:
  r"""The moments of those examples whose weight is one.

  .. math:: M = \sum_{e : w_e = 1} \sum_i x_{ei} x_{ei}^\top

  Args:
    moments_fn: of a function that answers row by row, `fn(params, x)`.
    params: pytree of arrays.
    x: pytree of arrays `[E, ...]`.
    weights: `[E]`, one or zero.

  Returns:
    The moments, as of a batch without the others.

  Raises:
    ValueError: examples part ways in the network, at a `cond` or `while_loop`: then
      what they meet cannot be told apart.

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> x = jnp.array([[1., 2.], [3., 4.], [9., 9.]])
    >>> M = moments_of_rows(fn, {'w': jnp.ones((2, 1))}, x, jnp.array([1., 1., 0.]))
    >>> M['w'].second[0].tolist(), M['w'].count.item()
    ([[10.0, 14.0], [14.0, 20.0]], 2.0)
  """
  def of_example(x, weight):
    def visit(site, inputs):
      return _weighted(inputs, weight, moments_fn) if moments_fn.select(site) else ()

    one = jax.tree.map(lambda leaf: leaf[None], x)
    traced = trace.trace(moments_fn.fn, visit, params, one, data=moments_fn.data)
    return group.from_sums(traced.values, traced.fixed)

  return jax.vmap(of_example, out_axes=None)(x, weights)


def accumulate_rows(
    moments_fn: moments_lib.input_moments, params: Any, batches: Iterable
) -> group.Moments:
  """Sums moments over batches of one shape, of which some rows do not count.

  Args:
    moments_fn: as for `moments_of_rows`.
    params: pytree of arrays.
    batches: pairs of inputs `x` and weights `[E]`.

  Returns:
    The moments of all rows that count.

  Raises:
    ValueError: there is no batch, an input is NaN or infinite, or the moments do not
      fit the memory.
  """
  shapes = lambda batch: moments_of_rows.eval_shape(moments_fn, params, *batch)
  with memory.fits(shapes) as seen:
    total = moments_lib.add_up(
        moments_of_rows(moments_fn, params, *seen(batch)) for batch in batches)
  group.check_finite(total)
  return total


def row_by_row(
    moments_fn: moments_lib.input_moments, params: Any, x: Any, weights: Any
) -> bool:
  """Whether `moments_of_rows` can tell a network's examples apart.

  Not where they part ways at a `cond` or `while_loop`, where `jax.vmap` has no rule, or
  where the network takes only batches of one size. Any other mistake of its own is
  raised, here as in the pass.

  Example:
    >>> until = lambda p, x: jax.lax.while_loop(
    ...     lambda x: jnp.abs(x).max() < 9, lambda x: x @ p['w'], x)
    >>> row_by_row(moments_lib.input_moments(until), {'w': 2 * jnp.eye(2)},
    ...            jnp.ones((3, 2)), jnp.ones(3))
    False
  """
  try:
    jax.eval_shape(functools.partial(moments_of_rows, moments_fn), params, x, weights)
  except (NotImplementedError, TypeError, ValueError):
    # no rule; shapes that do not fit; results of their own, where all should share one
    return False
  return True


def _weighted(inputs: layers.Inputs, weight: jax.Array,
              moments_fn: moments_lib.input_moments) -> tuple[jax.Array, ...]:
  """The sums of one example's inputs; of a batch of them those that count."""
  @custom_batching.custom_vmap
  def of_one(array, weight):
    del weight  # alone, or alike for all examples
    return of(array)

  def of(array):
    given = inputs._replace(**{inputs._fields[0]: array})
    return sums.sums(given, sums.room(moments_fn.chunk_bytes, None, given))

  @of_one.def_vmap
  def of_batch(size, batched, array, weight):
    if not batched[0]:  # no example changes what is read here
      return of(array), (False,) * 3
    where = weight.reshape(-1, *(1,) * (array.ndim - 1)) > 0
    array = jnp.where(where, array, jnp.zeros((), array.dtype))
    second, first, count = of(_joined(inputs, array))
    return (second, first, count if isinstance(inputs, layers.Lookup)
            else count / size * weight.sum()), (False,) * 3

  return of_one(inputs[0], weight)


def _joined(inputs: layers.Inputs, array: jax.Array) -> jax.Array:
  """All examples' inputs `[E, ...]` as those of one batch."""
  if isinstance(inputs, layers.Lookup):  # [E, B, d]
    return array.sum(0)
  if isinstance(inputs, layers.Conv):  # [E, N, *spatial, channels]
    return array.reshape(-1, *array.shape[2:])
  return array.swapaxes(0, 1).reshape(array.shape[1], -1, array.shape[-1])  # [E, B, n, d]
