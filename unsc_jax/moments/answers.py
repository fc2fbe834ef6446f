"""Cotangents of a network's answers: random combinations of them, or each one alone.

Every real number of an example's answer is one coordinate, so that a complex entry has
two; whole numbers have no derivative and none.
"""

from collections.abc import Callable
import math
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from unsc_jax.capture import varying


def total(out: Any, sums_of: Callable, key: jax.Array, draws: int | None) -> dict:
  """The sums for random combinations of the answers, or for each entry of them.

  Args:
    out: the answers.
    sums_of: from a cotangent of theirs to `(second, first, count)` at every site.
    key: of the draws.
    draws: how many combinations to average over; None for every entry.

  Returns:
    The sums, by site.

  Raises:
    TypeError: no answer has a derivative.
  """
  leaves, tree = jax.tree.flatten(out)
  if not any(map(_units, leaves)):
    dtypes = ', '.join(sorted({str(leaf.dtype) for leaf in leaves}))
    raise TypeError(
        f'answers of type {dtypes or None} have no derivative; let the function return '
        'logits, not the classes that they name.')
  if draws is not None:
    def one(key):
      keys = jax.random.split(key, len(leaves))
      return sums_of(tree.unflatten(map(_signs, keys, leaves)))

    if draws == 1:
      return one(key)
    return jax.tree.map(lambda x: x.mean(0), lax.map(one, jax.random.split(key, draws)))
  summed: dict = {}
  for at, leaf in enumerate(leaves):
    def entry(i, at=at):
      return sums_of(tree.unflatten(
          _entry(leaf, i) if j == at else _none(leaf) for j, leaf in enumerate(leaves)))

    width = len(_units(leaf)) * math.prod(leaf.shape[1:])
    if width:
      each = lax.map(entry, jnp.arange(width))
      found = {site: (second.sum(0), first.sum(0), count[0])
               for site, (second, first, count) in each.items()}
      summed = {site: (*map(jnp.add, summed[site][:2], sums[:2]), sums[2])
                for site, sums in found.items()} if summed else found
  return summed


def _units(leaf) -> tuple[complex, ...]:
  """The real coordinates of one entry of an answer; of whole numbers none."""
  if jnp.issubdtype(leaf.dtype, jnp.complexfloating):
    return 1, 1j
  return (1,) if jnp.issubdtype(leaf.dtype, jnp.inexact) else ()


def _none(leaf):
  """Of an answer nothing."""
  if not _units(leaf):
    return np.zeros(leaf.shape, jax.dtypes.float0)
  return varying.over(jnp.zeros(leaf.shape, leaf.dtype), varying.axes(leaf))


def _signs(key, leaf):
  """A random sign for every real coordinate of an answer."""
  units = _units(leaf)
  if not units:
    return _none(leaf)
  real = jnp.finfo(leaf.dtype).dtype
  signs = jax.random.rademacher(key, (len(units), *leaf.shape), real)
  value = lax.complex(*signs) if len(units) > 1 else signs[0]
  return varying.over(value, varying.axes(leaf))


def _entry(leaf, i):
  """The real coordinate `i` of every example's answer."""
  shape = leaf.shape[1:]
  width = math.prod(shape)
  here = jnp.arange(width).reshape(shape) == i % width
  unit = jnp.asarray(_units(leaf), leaf.dtype)[i // width]
  return varying.over(jnp.broadcast_to(jnp.where(here, unit, 0), leaf.shape),
                      varying.axes(leaf))
