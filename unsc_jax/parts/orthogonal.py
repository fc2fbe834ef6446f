"""What of a vector is orthogonal to others: of `P` entries to `k` rows."""

from collections.abc import Callable, Mapping
import functools
import itertools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

_mul = functools.partial(jnp.matmul, precision=lax.Precision.HIGHEST)
_DEPENDENT = 1e-5  # of a row's length, below which what is left of it is rounding


def basis(rows: jax.Array) -> jax.Array:
  r"""An orthonormal basis of what some rows span.

  By Gram and Schmidt, twice, since once is not enough in float32. Rows of any lengths
  count alike: a network is sure of what it was trained on, and gradients of its loss
  are tiny there.

  Args:
    rows: `[k, P]`.

  Returns:
    `[k, P]` float32, a row of zeros where one depends on those before it.

  Example:
    >>> print(basis(jnp.array([[3., 0.], [1., 0.], [1., 1e-9]]))[:2])
    [[1. 0.]
     [0. 0.]]
  """
  rows = rows.astype(jnp.float32)
  for lengths in (lambda r: jnp.abs(r).max(-1), lambda r: jnp.linalg.norm(r, axis=-1)):
    rows = _divided(rows, lengths(rows))  # by the largest first: squares could vanish

  def add(i, q):
    row = part(rows[i], q)
    length = jnp.linalg.norm(row)
    kept = jnp.where(length > _DEPENDENT, row / jnp.maximum(length, _DEPENDENT), 0)
    return q.at[i].set(kept)

  return lax.fori_loop(0, len(rows), add, jnp.zeros_like(rows))


def _divided(rows: jax.Array, lengths: jax.Array) -> jax.Array:
  """Rows over their lengths; those of zeros stay."""
  return rows / jnp.where(lengths > 0, lengths, 1)[:, None]


def part(vector: jax.Array, basis: jax.Array) -> jax.Array:
  r"""What of a vector is orthogonal to an orthonormal basis: :math:`v - Q^\top Q v`.

  Args:
    vector: `[P]`.
    basis: `Q` `[k, P]`.

  Returns:
    `[P]`.

  Example:
    >>> print(part(jnp.array([1., 2.]), jnp.array([[1., 0.]])))
    [0. 2.]
  """
  for _ in range(2):
    vector = vector - _mul(_mul(basis, vector), basis)
  return vector


def to_rows(
    tree: Mapping[str, jax.Array], rows: Mapping[str, jax.Array], *, by_leaf: bool = False
) -> dict[str, jax.Array]:
  """The part of a dictionary of arrays that is orthogonal to others like it.

  Args:
    tree: of `P` entries in all.
    rows: `k` of them, along a first axis of every leaf.
    by_leaf: whether every leaf is to be orthogonal to its own rows, rather than all
      leaves together to all rows. It leaves less.

  Returns:
    A dictionary like `tree`, float32.

  Example:
    >>> tree, rows = {'a': jnp.ones(1), 'b': jnp.ones(1)}, {
    ...     'a': jnp.ones((1, 1)), 'b': -jnp.ones((1, 1))}
    >>> print(to_rows(tree, rows)['a'], to_rows(tree, rows, by_leaf=True)['a'])
    [1.] [0.]
  """
  flat = {path: leaf.astype(jnp.float32).ravel() for path, leaf in tree.items()}
  rows = {path: rows[path].reshape(-1, leaf.size) for path, leaf in flat.items()}
  if by_leaf:
    out = {path: part(leaf, basis(rows[path])) for path, leaf in flat.items()}
  else:
    whole = part(jnp.concatenate([*flat.values()]), basis(
        jnp.concatenate([*rows.values()], 1)))
    ends = [*itertools.accumulate(leaf.size for leaf in flat.values())][:-1]
    out = dict(zip(flat, jnp.split(whole, ends)))
  return {path: leaf.reshape(tree[path].shape) for path, leaf in out.items()}


def gradients(
    value: Callable[[Any, Any], jax.Array], leaves: Mapping[str, jax.Array], examples: Any
) -> dict[str, jax.Array]:
  """The gradient of every example's value, along a first axis `[k]` of every leaf.

  Args:
    value: of the leaves and a batch of one example.
    leaves: path to array.
    examples: pytree of arrays `[k, ...]`.

  Example:
    >>> value = lambda leaves, x: (x @ leaves['w']).sum()
    >>> print(gradients(value, {'w': jnp.zeros(2)}, jnp.eye(2))['w'])
    [[1. 0.]
     [0. 1.]]
  """
  alone = lambda leaves, example: value(
      leaves, jax.tree.map(lambda leaf: leaf[None], example))
  return jax.vmap(jax.grad(alone), (None, 0))(dict(leaves), examples)
