"""The same moments, whatever the function is wrapped in.

Two batches go through each row at once, over two virtual devices or as two
examples of a `vmap`; the moments must be the sum of those of one and the other.
"""

import functools

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P
import numpy as np
import pytest

from tests.capture import runs
from tests.capture import table
import unsc_jax
from unsc_jax import sharding

# Where there is no context to go through, and where it is that of `shard_map`.
FEW = {'a product `x @ W`', 'a tied table', 'a recurrent layer by `scan`'}


def rows(context, daily=table.DAILY):
  """The rows for a context; most of them only in long runs."""
  return pytest.mark.parametrize('case', [
      pytest.param(case, id=case.id, marks=() if _is_daily(case, daily) else pytest.mark.slow)
      for case in table.CASES if context in case.contexts])


BY_HAND = {case.what for case in table.CASES if case.framework == 'hand-written'}


def _is_daily(case, daily) -> bool:
  """As it is written by hand, or else in Flax."""
  return case.what in daily and case.framework == (
      'hand-written' if case.what in BY_HAND else 'linen')


@functools.cache
def second_batch(case):
  def other(leaf):
    if jnp.issubdtype(leaf.dtype, jnp.floating):
      leaf = np.asarray(leaf)
      return (1.3 * leaf[::-1] + .1).astype(leaf.dtype)
    return leaf
  return jax.tree.map(other, runs.network(case).args)


@functools.cache
def expected(case):
  params = runs.network(case).params
  out, moments = jax.device_get(runs.result(case))
  other, more = jax.device_get(runs.with_moments(case)(params, *second_batch(case)))
  return (out, other), moments + more


def both(case):
  args = runs.network(case).args
  is_key = lambda leaf: jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
  return jax.tree.map(lambda *leaves: (jnp if is_key(leaves[0]) else np).stack(leaves),
                      args, second_batch(case))


def assert_equal(case, found, wanted):
  assert jax.tree.structure(found) == jax.tree.structure(wanted)
  for a, b in zip(runs.floats(found), runs.floats(wanted), strict=True):
    np.testing.assert_allclose(
        a, b, rtol=0, atol=case.tolerance * np.abs(b).max(initial=1e-9))


@rows('eager', FEW)
def test_eager(case):
  fn, params, args = runs.network(case)
  found = unsc_jax.input_moments(fn)(params, *args)
  assert_equal(case, found, runs.result(case))


@rows('grad')
def test_gradients_pass_through(case):
  """The gradient of a loss is the same with and without moments beside it."""
  fn, params, args = runs.network(case)
  loss = lambda out: sum(jnp.sum(jnp.sin(part.astype(jnp.float32)))
                         for leaf in jax.tree.leaves(out)
                         if jnp.issubdtype(leaf.dtype, jnp.inexact)
                         for part in (leaf.real, leaf.imag))

  def beside(params, args):
    out, moments = unsc_jax.input_moments(fn)(params, *args)
    return loss(out), moments

  grad = functools.partial(jax.grad, allow_int=True)
  plain = jax.jit(grad(lambda params, args: loss(fn(params, *args))))(params, args)
  found, moments = jax.jit(grad(beside, has_aux=True))(params, args)
  assert_equal(case, found, plain)
  assert_equal(case, moments, runs.result(case)[1])


@rows('jvp')
def test_tangents_pass_through(case):
  """As above, forward: a `while_loop` has no reverse mode."""
  fn, params, args = runs.network(case)
  out = lambda fn: lambda params: fn(params, *args)
  run = lambda fn: jax.jit(lambda p: jax.jvp(out(fn), (p,), (p,))[1])(params)
  found, _ = run(unsc_jax.input_moments(fn))
  assert_equal(case, found, run(fn))


@rows('vmap')
def test_vmap(case):
  fn, params, _ = runs.network(case)
  with_moments = unsc_jax.input_moments(fn)
  outs, moments = jax.jit(jax.vmap(lambda args: with_moments(params, *args)))(both(case))
  total = jax.tree.map(lambda leaf: leaf.sum(0), jax.device_get(moments))
  check(case, outs, total)


@rows('pmap', FEW)
def test_pmap(case):
  fn, params, _ = runs.network(case)
  with_moments = unsc_jax.input_moments(fn, axis_name='batch')
  outs, moments = jax.pmap(lambda args: with_moments(params, *args),
                           axis_name='batch', devices=jax.devices()[:2])(both(case))
  check(case, outs, jax.tree.map(lambda leaf: leaf[0], jax.device_get(moments)))


@rows('shard_map')
def test_shard_map(case):
  fn, params, _ = runs.network(case)
  with_moments = unsc_jax.input_moments(fn, axis_name='data')

  def sharded(fn, out_specs, **options):
    def one(params, args):
      out, *rest = fn(params, *jax.tree.map(lambda x: x[0], args))
      return jax.tree.map(lambda x: x[None], out), *rest
    return jax.jit(jax.shard_map(
        one, mesh=sharding.data_mesh(2), in_specs=(P(), P('data')),
        out_specs=out_specs, **options))

  options = {}
  try:
    jax.eval_shape(sharded(lambda *a: (fn(*a),), (P('data'),)), params, both(case))
  except (TypeError, ValueError):  # the network itself does not go through them
    options['check_vma'] = False
  run = sharded(with_moments, (P('data'), P()), **options)
  check(case, *run(params, both(case)))


def check(case, outs, moments):
  (out, other), wanted = expected(case)
  assert_equal(case, moments, wanted)
  pick = lambda i: jax.tree.map(lambda leaf: leaf[i], jax.device_get(outs))
  assert_equal(case, (pick(0), pick(1)), (out, other))
