"""What the matrix products and factors of a function cost, read off its jaxpr."""

from collections.abc import Iterator
import math
from typing import Any, NamedTuple

import jax
from jax import lax
import jax.extend.core as jex
import jax.numpy as jnp


class Work(NamedTuple):
  """Products, convolutions, Cholesky factors and triangular solves, loops included."""
  flops: int  # two for a multiplication with its addition
  passes: int  # the same times the passes a bfloat16 matrix unit needs for each
  bytes: int  # of all operands and results, each read or written once


_COUNTED = 'dot_general', 'conv_general_dilated', 'cholesky', 'triangular_solve'


def work(fn, *args: Any) -> Work:
  """The work of `fn(*args)`; `args` may be shapes alone."""
  total = Work(0, 0, 0)
  for eqn, times in _products(jax.make_jaxpr(fn)(*args).jaxpr, 1):
    flops = times * _flops(eqn)
    moved = sum(v.aval.size * v.aval.dtype.itemsize
                for v in (*eqn.invars, *eqn.outvars))
    total = Work(total.flops + flops, total.passes + flops * _passes(eqn),
                 total.bytes + times * moved)
  return total


def _products(jaxpr, times: int) -> Iterator[tuple[Any, int]]:
  """All products in a jaxpr, with how often each runs."""
  for eqn in jaxpr.eqns:
    if eqn.primitive.name in _COUNTED:
      yield eqn, times
    if eqn.primitive.name == 'cond':
      yield from _products(max(eqn.params['branches'], key=_all_flops).jaxpr, times)
      continue
    inner = times * (eqn.params['length'] if eqn.primitive.name == 'scan' else 1)
    for value in jax.tree.leaves(
        list(eqn.params.values()),
        is_leaf=lambda x: isinstance(x, jex.Jaxpr | jex.ClosedJaxpr)):
      if isinstance(value, jex.ClosedJaxpr):
        value = value.jaxpr
      if isinstance(value, jex.Jaxpr):
        yield from _products(value, inner)


def _all_flops(branch) -> int:
  """Of a branch: of several the dearest counts."""
  return sum(times * _flops(eqn) for eqn, times in _products(branch.jaxpr, 1))


def _flops(eqn) -> int:
  """Two times the terms of all sums."""
  out = math.prod(eqn.outvars[0].aval.shape)
  left, *right = (v.aval.shape for v in eqn.invars)
  if eqn.primitive.name == 'cholesky':
    return out * left[-1] // 3
  if eqn.primitive.name == 'triangular_solve':
    return out * left[-1]
  if eqn.primitive.name == 'dot_general':
    (contracted, _), _ = eqn.params['dimension_numbers']
    return 2 * out * math.prod(left[i] for i in contracted)
  outputs, *_ = eqn.params['dimension_numbers'].rhs_spec
  return 2 * out * math.prod(right[0]) // right[0][outputs]


def _passes(eqn) -> int:
  """One for 16 bits or the default precision, six for float32 at the highest."""
  wide = all(v.aval.dtype == jnp.float32 for v in eqn.invars)
  # XLA's own factors are at the highest.
  precision = eqn.params.get('precision', lax.Precision.HIGHEST)
  highest = lax.Precision.HIGHEST in (
      precision if isinstance(precision, tuple) else (precision,))
  return 6 if wide and highest else 1
