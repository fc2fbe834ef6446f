"""JAX's strict modes stop nothing of the library, from the pass to the metrics.

The functions are strict themselves: what is stopped would be the library's. Values are
those of the same calls without the mode, or of numpy.
"""

import contextlib
import functools

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import unsc_jax
from unsc_jax import null_space
from unsc_jax.evaluation import metrics

MODES = {
    'rank_promotion': lambda: jax.numpy_rank_promotion('raise'),
    'dtype_promotion': lambda: jax.numpy_dtype_promotion('strict'),
    'tracer_leaks': jax.checking_leaks,
    'x64': lambda: jax.enable_x64(True),
    'debug_nans': lambda: jax.debug_nans(True),
}
AT_ONCE = ('rank_promotion', 'dtype_promotion', 'x64', 'debug_nans')  # what each stops, all stop


@contextlib.contextmanager
def strict(mode):
  """One of the modes, or all but the one that keeps nothing compiled."""
  with contextlib.ExitStack() as stack:
    for name in AT_ONCE if mode == 'at once' else [mode]:
      stack.enter_context(MODES[name]())
    yield


modes = pytest.mark.parametrize('mode', [
    'at once', *(pytest.param(mode, marks=pytest.mark.slow) for mode in MODES)])
RNG = np.random.default_rng(0)
normal = lambda *shape: RNG.normal(size=shape).astype(np.float32)
PARAMS = {'conv': normal(3, 3, 2, 6), 'table': normal(5, 8), 'bias': normal(8),
          'stack': normal(2, 8, 8), 'head': normal(8, 4)}
IMAGES, IDS = normal(6, 4, 4, 4), np.arange(6, dtype=np.int32) % 3


def network(params, images, ids):
  """A grouped convolution, a table, a scan over stacked layers, a bias, a head."""
  x = lax.conv_general_dilated(
      images, params['conv'], (2, 2), 'SAME', feature_group_count=2,
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'))
  h = jnp.pad(x.mean((1, 2)), ((0, 0), (0, 2))) + params['table'][ids]
  h, _ = lax.scan(lambda h, w: (jnp.tanh(h @ w), None), h, params['stack'])
  return (h + params['bias'][None]) @ params['head']


def arrays():
  return jax.tree.map(jnp.asarray, (PARAMS, IMAGES, IDS))


@functools.cache
def reference():
  """What the network's layers keep, without any mode."""
  params, images, ids = arrays()
  _, moments = jax.jit(unsc_jax.input_moments(network))(params, images[:3], ids[:3])
  return moments, unsc_jax.null_space_bases(moments, unsc_jax.threshold_rank(1e-4))


@modes
@pytest.mark.filterwarnings('ignore:.*has no free direction', 'ignore:only .* layers have room')
def test_from_the_pass_to_a_confined_step(mode):
  wanted, bases_wanted = reference()
  with strict(mode):
    params, images, ids = arrays()
    run = jax.jit(unsc_jax.input_moments(network))
    _, moments = run(params, images[:3], ids[:3])
    _, others = run(params, images[3:], ids[3:])
    assert (whole := moments + others).by_path.keys() == moments.by_path.keys()
    np.testing.assert_allclose((whole - others)['head'].second, moments['head'].second, atol=1e-3)
    bases = unsc_jax.null_space_bases(moments, unsc_jax.threshold_rank(1e-4))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4), moments, wanted)
    for a, b in zip(bases, bases_wanted):
      np.testing.assert_array_equal(a.rank, b.rank)
    str(unsc_jax.capacity(bases))
    jax.eval_shape(unsc_jax.null_space_bases, moments)
    tx = unsc_jax.project_updates(optax.sgd(.1, momentum=.9), bases)
    unsc_jax.assert_preserves(tx, bases, params)
    gradient = jax.jit(jax.grad(lambda p: jnp.sum(network(p, images, ids)**2)))(params)
    updates, _ = jax.jit(tx.update)(gradient, tx.init(params), params)
    after = jax.jit(optax.apply_updates)(params, updates)
    assert max(map(float, unsc_jax.drift(moments, params, after).values())) < 1e-2
    assert max(map(float, unsc_jax.leak(updates, bases).values())) < 1e-4
    out, new = (np.asarray(jax.jit(network)(p, images[:3], ids[:3])) for p in (params, after))
    np.testing.assert_allclose(new, out, atol=1e-4 * np.abs(out).max())


@modes
def test_ways_to_combine(mode):
  """Of a table and of stacked layers."""
  deep = lambda params, ids: lax.scan(
      lambda h, w: (jnp.tanh(h @ w), None), params['table'][ids], params['stack'])[0]
  with strict(mode):
    run = jax.jit(unsc_jax.input_moments(deep))
    params = {name: jnp.asarray(PARAMS[name]) for name in ('table', 'stack')}
    parts = [run(params, jnp.asarray(ids))[1] for ids in (IDS[:3], IDS[3:] + 1)]
    for combine in (null_space.pooled(.9), null_space.merged(.9), null_space.sequential(.9),
                    null_space.pooled(null_space.soft(1e-2))):
      assert combine(parts).by_path.keys() == params.keys()


def test_nothing_leaks_from_a_trace():
  """With leaks looked for nothing is kept compiled: here all is traced, and no more."""
  moments, bases = reference()
  params, images, ids = arrays()
  with jax.checking_leaks():
    _, traced = jax.eval_shape(unsc_jax.input_moments(network), params, images, ids)
    jax.eval_shape(unsc_jax.null_space_bases, moments)
    tx = unsc_jax.project_updates(optax.sgd(.1, momentum=.9), bases)
    gradient = jax.grad(lambda p: jnp.sum(network(p, images, ids)**2))
    jax.eval_shape(lambda p: tx.update(gradient(p), tx.init(p), p), params)
    jax.eval_shape(lambda a: metrics.linear_cka(a, a), images.reshape(6, -1))
  assert jax.tree.structure(traced) == jax.tree.structure(moments)


@modes
def test_sampled_moments(mode):
  conv = lambda p, x: lax.conv(x, p['w'], (1, 1), 'SAME')
  with strict(mode):
    _, sampled = jax.jit(unsc_jax.sampled_moments(conv, .5))(
        jax.random.key(0), {'w': jnp.ones((1, 2, 3, 3), jnp.float32)}, jnp.asarray(IMAGES[:, :2]))
    assert 0 < sampled.relative_error()['w'] < 1


@modes
def test_metrics(mode):
  logits, labels, other = normal(20, 4), RNG.integers(0, 4, 20), normal(20, 4)
  with strict(mode):
    scores, unseen = (metrics.confidence(x, labels) for x in (logits, other))
    metrics.auc(scores, unseen), metrics.balanced_accuracy(scores, unseen)
    metrics.tpr_at_fpr(scores, unseen, .1)
    metrics.threshold_attacks(logits, labels, other, labels)
    metrics.linear_cka(logits, other)
    models = np.stack([scores, unseen, scores[::-1]])
    metrics.ulira(models, models[:, ::-1])
    half = np.full((1, 20), .5, np.float32)
    metrics.rmia_scores(scores, half, unseen, half)


@modes
def test_metrics_of_any_floats_and_of_what_is_not_known(mode):
  """Tables, features of 16 and of 64 bits, numbers without an interval, NaN that is named."""
  features, gone = normal(20, 4), np.full(3, np.nan)
  with strict(mode):
    assert metrics.normalized_mutual_information([[5, 0], [0, 5]]) == pytest.approx(1)
    for dtype in (jnp.bfloat16, np.float32, np.float64):
      x = features.astype(dtype)
      assert metrics.linear_cka(x, x).value == pytest.approx(1, abs=1e-5)
      same = metrics.dimensional_alignment(x, x)
      assert same.subspace.value == pytest.approx(1, abs=1e-5)
    gap = metrics.gap(.5, [.4, .5, .6])
    assert (float(gap.value), float(gap.noise)) == pytest.approx((0, .1), abs=1e-6)
    assert np.isnan(metrics.gap(metrics.wilson(5, 9), [metrics.wilson(5, 9)]).noise)
    assert metrics.tug_of_war([.9, .8], [.9, .8]).value == 1
    for metric, args in ((metrics.auc, (gone, gone)), (metrics.gap, (np.nan, [.4, .5, .6]))):
      with pytest.raises(ValueError, match='NaN'):
        metric(*args)
    params, ids = {'w': jnp.ones((3, 4, 2))}, jnp.asarray(1)
    _, picked = jax.jit(unsc_jax.input_moments(lambda p, x, i: x @ p['w'][i]))(
        params, jnp.eye(4)[:2], ids)
    np.testing.assert_array_equal(picked['w'].count, [0, 2, 0])
    _, mixed = jax.jit(unsc_jax.input_moments(
        lambda p, x: x @ p['w'] + (x.astype(jnp.bfloat16) @ p['w'].astype(jnp.bfloat16)
                                   ).astype(x.dtype)))(
        {'w': jnp.ones((4, 2))}, jnp.eye(4)[:2])
    assert mixed['w'].count.sum() == 4
