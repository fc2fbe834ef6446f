"""What is to be forgotten arrives as gradients: their sums and their squares.

One streamed pass over a set, the network as in evaluation. `B` examples a
batch, `C` classes. Batches are pytrees with `x` `[B, ...]` and `y` `[B]`, as
`problem.Examples`; labels may be probabilities `[B, C]`.
"""

from collections.abc import Callable, Iterable
import functools
from typing import Any

import jax
import jax.numpy as jnp

from unsc_jax import batching
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
    A pytree like `params`, float32, of zeros where a leaf cannot be trained. Cost:
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
    batches: examples; the sizes should be few, each is compiled for.
    group: squares the mean gradient of so many examples instead of each one's.
      Published code squares those of minibatches, which shrinks `F` by about
      that much and mixes in the squared mean. A last group may be smaller.

  Returns:
    A pytree like `params`, float32, of zeros where a leaf cannot be trained. Cost:
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
    A pytree like `params`, float32, of zeros where a leaf cannot be trained. Cost:
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
    now = step(params, batch)
    out = now if out is None else jax.tree.map(jnp.add, out, now)
    sharding.settle(out)
  if out is None:
    raise ValueError('there is no data to take gradients of; pass one batch.')
  return out


def _mean(step: Callable, params: Any, batches: Iterable) -> Any:
  squares, count = _sum(step, params, batches)
  return jax.tree.map(lambda leaf: leaf / count, squares)


@functools.partial(jax.jit, static_argnums=0)
def _gradient(fn, params, batch):
  loss = lambda params: losses.cross_entropies(fn(params, batch.x), batch.y).sum()
  return _like(params, trainable.value_and_grad(loss)(params)[1])


def _like(params, gradient):
  """A gradient in float32 at least, of zeros where a leaf has none."""
  def one(leaf, g):
    if g is None:
      return jnp.zeros(jnp.shape(leaf), jnp.float32)
    return g.astype(jnp.promote_types(g.dtype, jnp.float32))
  return jax.tree.map(one, params, gradient)


_AT_ONCE = 8  # of so many examples or groups gradients are held in memory


def _add_up(per_group, params, groups, size=1):
  """Sums the squares that `per_group` gives, a few examples at a time.

  Large groups one by one: side by side their convolutions are grouped ones, slow.
  """
  n = len(jax.tree.leaves(groups)[0])
  width = min(max(1, _AT_ONCE // size), n)
  whole = n // width * width
  chunks = jax.tree.map(
      lambda leaf: leaf[:whole].reshape(-1, width, *leaf.shape[1:]), groups)
  several = lambda chunk: jax.tree.map(
      lambda leaf: leaf.sum(0), jax.vmap(per_group, (None, 0))(params, chunk))
  add = lambda carry, new: jax.tree.map(jnp.add, carry, new)
  start = jax.tree.map(lambda p: jnp.zeros(jnp.shape(p), jnp.float32), params)
  out, _ = jax.lax.scan(
      lambda carry, chunk: (add(carry, several(chunk)), None), start, chunks)
  if whole < n:
    out = add(out, several(jax.tree.map(lambda leaf: leaf[whole:], groups)))
  return out


@functools.partial(jax.jit, static_argnums=(0, 1))
def _squares(fn, group, params, batch):
  """The summed squares of the groups' mean gradients, and how many groups."""
  def of_group(params, batch):
    loss = lambda params: losses.cross_entropies(fn(params, batch.x), batch.y).mean()
    return jax.tree.map(
        jnp.square, _like(params, trainable.value_and_grad(loss)(params)[1]))

  n = len(batch.y)
  whole = n // group * group
  split = lambda leaf: leaf[:whole].reshape(-1, group, *leaf.shape[1:])
  parts = [jax.tree.map(split, batch)] if whole else []
  if whole < n:
    parts.append(jax.tree.map(lambda leaf: leaf[None, whole:], batch))
  sums = [_add_up(of_group, params, part, group) for part in parts]
  return jax.tree.map(lambda *s: sum(s), *sums), -(-n // group)


@functools.partial(jax.jit, static_argnums=0)
def _fisher(fn, params, batch):
  """The summed squares of the examples' gradients, and how many examples."""
  def of_example(params, x):
    one = jax.tree.map(lambda leaf: leaf[None], x)
    logits, pull = jax.vjp(
        lambda floating: fn(trainable.merged(floating, params), one)[0],
        trainable.floats(params))
    p = jax.nn.softmax(logits.astype(jnp.float32))
    # The rows of sqrt(p_y) (p - e_y), whose pull-backs squared sum to F.
    rows = jnp.sqrt(p)[:, None] * (p[None] - jnp.eye(len(p)))
    (gradients,) = jax.vmap(pull)(rows.astype(logits.dtype))
    square = lambda g: jnp.square(g.astype(jnp.float32)).sum(0)
    return _like(params, jax.tree.map(square, gradients))

  return (_add_up(of_example, params, jax.tree.map(jnp.asarray, batch.x)),
          batching.count(batch.x))
