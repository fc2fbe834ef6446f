"""What is to be forgotten arrives as gradients: their sums and their squares.

One streamed pass over a set, the network as in evaluation. `B` examples a
batch, `C` classes. Batches are pytrees with `x` `[B, ...]` and `y` `[B]`, as
`problem.Examples`, or `batching.Filled` with such, of which some rows do not count;
labels may be probabilities `[B, C]`.
"""

from collections.abc import Callable, Iterable
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import batching
from unsc_jax import programs
from unsc_jax import sharding
from unsc_jax.problem import trainable
from unsc_jax.training import losses


def total(fn: Callable, params: Any, batches: Iterable) -> Any:
  r"""The gradient of the summed cross-entropy over all batches.

  .. math:: g = \sum_i \nabla_\theta \, \mathrm{CE}(f_\theta(x_i), y_i)

  Args:
    fn: `(params, x) -> logits`.
    params: pytree of arrays.
    batches: examples, one batch after the other, of any sizes.

  Returns:
    A pytree like `params`, float32 at least, of zeros where a leaf cannot be trained. Cost:
    one forward and one backward pass.

  Example:
    >>> from unsc_jax.problem import Examples
    >>> data = Examples(jnp.ones((4, 1)), jnp.zeros(4, int))
    >>> fn = lambda params, x: x @ params
    >>> print(total(fn, jnp.zeros((1, 2)), [data]))
    [[-2.  2.]]
  """
  return _sum(functools.partial(_gradient, fn), params, batches)


def mean_square(
    fn: Callable, params: Any, batches: Iterable, *, group: int = 1
) -> Any:
  r"""The mean squared gradient: the diagonal of the empirical Fisher matrix.

  .. math:: F = \frac{1}{n} \sum_i (\nabla_\theta \,
    \mathrm{CE}(f_\theta(x_i), y_i))^2

  Args:
    fn: `(params, x) -> logits`.
    params: pytree of arrays.
    batches: examples, one batch after the other; each size is compiled for.
    group: squares the mean gradient of so many examples instead of each one's.
      Published code squares those of minibatches, which shrinks `F` by about
      that much and mixes in the squared mean. A last group may be smaller.

  Returns:
    A pytree like `params`, float32 at least, of zeros where a leaf cannot be trained. Cost:
    one forward and one backward pass.

  Raises:
    ValueError: there is no batch.

  Example:
    >>> from unsc_jax.problem import Examples
    >>> data = Examples(jnp.array([[2.], [4.]]), jnp.zeros(2, int))
    >>> fn = lambda params, x: x @ params
    >>> print(mean_square(fn, jnp.zeros((1, 2)), [data]))
    [[2.5 2.5]]
  """
  return _mean(functools.partial(_squares, fn, group), params, batches)


def fisher(fn: Callable, params: Any, batches: Iterable) -> Any:
  r"""The diagonal of the Fisher matrix, over the network's own labels.

  .. math:: F = E_x \sum_{y=1}^C p_\theta(y \mid x)
    (\nabla_\theta \, \mathrm{CE}(f_\theta(x), y))^2

  Args:
    fn: `(params, x) -> logits`.
    params: pytree of arrays.
    batches: examples, of which only `x` matters.

  Returns:
    A pytree like `params`, float32 at least, of zeros where a leaf cannot be trained. Cost:
    one forward and `C` backward passes.

  Example:
    >>> from unsc_jax.problem import Examples
    >>> data = Examples(jnp.array([[2.]]), jnp.zeros(1, int))
    >>> fn = lambda params, x: x @ params
    >>> print(fisher(fn, jnp.zeros((1, 2)), [data]).round(3))
    [[1. 1.]]
  """
  return _mean(functools.partial(_fisher, fn), params, batches)


def _sum(step: Callable, params: Any, batches: Iterable) -> Any:
  out = None
  for batch in batches:
    now = step(params, *batching.weighted(batch))
    out = sharding.settle(now if out is None else programs.add(out, now))
  if out is None:
    raise ValueError('there is no data to take gradients of; pass one batch.')
  return out


def _mean(step: Callable, params: Any, batches: Iterable) -> Any:
  return _divided(*_sum(step, params, batches))


@jax.jit
def _divided(tree, count):
  return jax.tree.map(lambda leaf: leaf / count, tree)


def _weighted(fn, params, batch, weights):
  """The summed losses of the rows that count."""
  return (weights * losses.cross_entropies(fn(params, batch.x), batch.y)).sum()


@functools.partial(jax.jit, static_argnums=0)
def _gradient(fn, params, batch, weights):
  loss = lambda params: _weighted(fn, params, batch, weights)
  return _like(params, trainable.value_and_grad(loss)(params)[1])


def _like(params, gradient):
  """A gradient in float32 at least, of zeros where a leaf has none."""
  return jax.tree.map(
      lambda zero, g: zero if g is None else g.astype(zero.dtype), _zeros(params), gradient)


def _zeros(params):
  """What a sum of gradients starts from, in float32 at least."""
  return jax.tree.map(lambda leaf: jnp.zeros(jnp.shape(leaf), _wide(leaf)), params)


def _wide(leaf):
  """The type in which a leaf's gradients are added up."""
  own = jnp.result_type(leaf) if trainable.is_floating(leaf) else np.float32
  return jnp.promote_types(own, np.float32)


_AT_ONCE = 8  # of so many examples or groups gradients are held in memory


def _add_up(per_group, params, batch, weights, group):
  """Sums what `per_group` gives over groups of rows that count, a few at a time.

  Large groups one by one: side by side their convolutions are grouped ones, slow.
  """
  n = len(weights)
  width = min(max(1, _AT_ONCE // group), -(-n // group))
  size = -(-n // (width * group)) * width * group
  fill = lambda leaf: jnp.concatenate([leaf, jnp.repeat(leaf[:1], size - n, 0)])
  cut = lambda leaf: leaf.reshape(-1, width, group, *leaf.shape[1:])
  batch = jax.tree.map(lambda leaf: cut(fill(leaf)), batch)
  weights = cut(jnp.pad(weights, (0, size - n)))

  def several(total, chunk):
    squares = jax.vmap(per_group, (None, 0, 0))(params, *chunk)
    counts = chunk[1].any(-1)
    add = lambda sums, new: sums + jnp.einsum('g,g...->...', counts.astype(new.dtype), new,
                                              precision=jax.lax.Precision.HIGHEST)
    return jax.tree.map(add, total, squares), counts.sum()

  total, counts = jax.lax.scan(several, _zeros(params), (batch, weights))
  return total, counts.sum()


@functools.partial(jax.jit, static_argnums=(0, 1))
def _squares(fn, group, params, batch, weights):
  """The summed squares of the groups' mean gradients, and how many groups."""
  def of_group(params, batch, weights):
    loss = lambda params: _weighted(fn, params, batch, weights) / jnp.maximum(weights.sum(), 1)
    return jax.tree.map(
        jnp.square, _like(params, trainable.value_and_grad(loss)(params)[1]))

  return _add_up(of_group, params, batch, weights, group)


@functools.partial(jax.jit, static_argnums=0)
def _fisher(fn, params, batch, weights):
  """The summed squares of the examples' gradients, and how many examples."""
  def of_example(params, x, weights):
    del weights
    floating = trainable.floats(params)
    logits, pull = jax.vjp(
        lambda floating: fn(trainable.merged(floating, params), x)[0], floating)
    p = jax.nn.softmax(logits.astype(_wide(logits)))
    # The rows of sqrt(p_y) (p - e_y), whose pull-backs squared sum to F.
    rows = jnp.sqrt(p)[:, None] * (p[None] - jnp.eye(len(p), dtype=p.dtype))

    def add(sums, row):
      (gradient,) = pull(row)
      square = lambda total, g: total + jnp.square(g.astype(total.dtype))
      return jax.tree.map(square, sums, gradient), None

    # One after the other: side by side, a network of many classes needs that many gradients.
    squares, _ = jax.lax.scan(add, _zeros(floating), rows.astype(logits.dtype))
    return _like(params, squares)

  return _add_up(of_example, params, batch.x, weights, 1)
