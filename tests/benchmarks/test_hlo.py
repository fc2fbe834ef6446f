"""Collectives and work are counted as programs run, loops included."""

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import _flops
from benchmarks import _hlo
import unsc_jax
from unsc_jax import sharding


def _compiled(fn, *args):
  return jax.jit(fn).lower(*args).compile().as_text()


def test_what_devices_exchange_in_a_loop():
  mesh = sharding.data_mesh()
  x = sharding.shard_batch(np.ones((16, 6), np.float32), mesh)
  w = sharding.replicate(jnp.ones((6, 6)), mesh)

  def fn(w, x):  # each turn needs the last one's sum, so none can be put off
    step = lambda w, _: (jnp.tanh(w @ (x.T @ x)), None)
    return lax.scan(step, w, length=7)[0], x.sum(0)

  once = lambda w, x: jnp.tanh(w @ (x.T @ x))
  loop = lambda w, x: lax.scan(
      lambda w, _: (once(w, jnp.tanh(x @ w)), None), w, length=7)[0]
  (single,) = _hlo.collectives(_compiled(once, w, x))
  assert single == ('all-reduce', 1, 6 * 6 * 4)
  (many,) = _hlo.collectives(_compiled(loop, w, x))
  assert many == ('all-reduce', 7, 7 * 6 * 6 * 4)
  assert sum(c.bytes for c in _hlo.collectives(_compiled(fn, w, x))) >= 6 * 7 * 4
  gathered = _hlo.collectives(_compiled(
      lambda x: jax.lax.with_sharding_constraint(
          x, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())), x))
  assert gathered == [('all-gather', 1, 16 * 6 * 4)]


# What a TPU's compiler leaves of a loop: its length is in the condition alone.
LOOP = """
%turn (p: (s32[], f32[4])) -> (s32[], f32[4]) {
  %r = (f32[4]{0:T(128)}, bf16[2,3]{1,0}) all-reduce(%a, %b), channel_id=1
}

%goes_on (p: (s32[], f32[4])) -> pred[] {
  %end = s32[]{:T(128)} constant(24)
  ROOT %lt = pred[]{:T(512)} compare(%i, %end), direction=LT
}

ENTRY %main (x: f32[4]) -> f32[4] {
  %w = (s32[], f32[4]) while(%t), condition=%goes_on, body=%turn
  %g = (f32[4]{0}, f32[32]{0}) all-gather-start(%x), dimensions={0}
  %d = f32[32]{0} all-gather-done(%g)
}
"""


def test_loops_as_a_tpu_has_them():
  assert _hlo.collectives(LOOP) == [
      ('all-gather', 1, 32 * 4), ('all-reduce', 24, 24 * (4 * 4 + 6 * 2))]
  with pytest.raises(ValueError, match='turn is a loop of unknown length'):
    _hlo.collectives(LOOP.replace('direction=LT', 'direction=NE'))


def test_work_is_that_of_all_turns():
  x, w = jnp.ones((5, 8)), jnp.ones((8, 8))
  once = _flops.work(lambda w, x: x @ w, w, x)
  assert once == (2 * 5 * 8 * 8, 2 * 5 * 8 * 8, 4 * (5 * 8 + 8 * 8 + 5 * 8))
  loop = lambda w, x: lax.scan(lambda x, _: (jax.jit(jnp.matmul)(x, w), None),
                               x, length=3)[0]
  assert _flops.work(loop, w, x).flops == 3 * once.flops
  highest = lambda w, x: jnp.matmul(x, w, precision='highest')
  assert _flops.work(highest, w, x).passes == 6 * once.flops
  short = [a.astype(jnp.bfloat16) for a in (w, x)]
  assert _flops.work(highest, *short).passes == once.flops
  conv = lambda k, x: lax.conv_general_dilated(
      x, k, (1, 1), 'VALID', dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
      feature_group_count=2)
  assert _flops.work(conv, jnp.ones((3, 3, 2, 6)), jnp.ones((2, 5, 5, 4))).flops == (
      2 * (2 * 3 * 3 * 6) * 3 * 3 * 2)
  # A factor has d^3 / 6 multiplications with their additions, a solve d^2 / 2 a column.
  matrices, columns = jnp.ones((3, 30, 30)), jnp.ones((3, 30, 4))
  factor = _flops.work(lax.linalg.cholesky, matrices)
  assert factor[:2] == (3 * 30**3 // 3, 6 * 3 * 30**3 // 3)
  solve = lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True)
  assert _flops.work(solve, matrices, columns).flops == 3 * 30**2 * 4
  either = lambda w, x: lax.cond(w[0, 0] > 0, lambda: x @ w @ w, lambda: x @ w)
  assert _flops.work(either, w, x).flops == 2 * once.flops


@pytest.mark.parametrize('chunk_bytes', [1, 4_000, 10_000, 10**9])
def test_a_batch_of_one_image_a_device_is_never_gathered(chunk_bytes):
  """However small the chunks are, each holds all images: only sums travel."""
  def fn(params, x):
    for kernel in params['kernels']:
      x = jax.nn.relu(lax.conv_general_dilated(
          x, kernel, (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')))
    return x.mean((1, 2)) @ params['head']

  mesh = sharding.data_mesh()
  params = sharding.replicate({
      'kernels': [jnp.ones((3, 3, 4, 4)), jnp.ones((3, 3, 4, 4))],
      'head': jnp.ones((4, 3))}, mesh)
  x = sharding.shard_batch(np.ones((8, 6, 5, 4), np.float32), mesh)
  moments_fn = unsc_jax.input_moments(fn, chunk_bytes=chunk_bytes)
  moments = lambda params, x: moments_fn(params, x)[1]
  size = sum(4 * leaf.size for leaf in jax.tree.leaves(
      jax.eval_shape(moments, params, x)))
  (found,) = _hlo.collectives(_compiled(moments, params, x))
  assert found.kind == 'all-reduce'
  # XLA for CPUs sums in every turn of the loop, that for TPUs after it.
  # What is summed beside `second` is small, but counts at fan-ins like these.
  turns = found.count if chunk_bytes < 10**9 else 1
  assert found.bytes <= 1.25 * turns * size
