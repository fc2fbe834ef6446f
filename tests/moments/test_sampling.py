"""A sample of positions estimates the moments, and knows how well."""

import jax
import numpy as np
import pytest

from tests import toys
from unsc_jax import sharding
from unsc_jax.moments import sampling


def _fn(params, x):
  x = jax.nn.relu(toys.convolve(
      x, params['conv'], (2, 1), ((1, 1), (0, 2)), rhs_dilation=(1, 2), groups=2))
  return x.mean((1, 2)) @ params['head']


PARAMS = {'conv': toys.normal(0, 3, 2, 2, 6), 'head': toys.normal(1, 6, 3)}
# Images that are bright on one side: positions differ.
X = toys.normal(2, 5, 9, 8, 4) * np.linspace(.2, 2, 8, dtype=np.float32)[:, None]
EXACT = toys.moments_of(_fn, PARAMS, X)


@pytest.fixture(scope='module')
def draws():
  """Sampled moments of a thousand keys, stacked."""
  fn = sampling.sampled_moments(_fn, .25)
  keys = jax.random.split(jax.random.key(0), 1000)
  return jax.device_get(jax.jit(jax.vmap(lambda key: fn(key, PARAMS, X)[1]))(keys))


def test_the_estimate_is_unbiased(draws):
  second = np.asarray(draws.moments['conv'].second, np.float64)
  error = second.mean(0) - EXACT['conv'].second
  deviation = second.std(0) / len(second)**.5
  assert np.abs(error / deviation).max() < 5
  assert np.abs(error).max() < .02 * np.abs(EXACT['conv'].second).max()
  np.testing.assert_allclose(
      draws.moments['conv'].count.mean(0), EXACT['conv'].count, rtol=1e-6)


def test_its_error_is_known(draws):
  off = draws.moments['conv'].second - EXACT['conv'].second[None]
  true = np.square(off).sum((1, 2, 3)).mean()
  told = np.square(draws.spread['conv'].second).sum((1, 2, 3)).mean()
  assert told == pytest.approx(true, rel=.1)
  norm = np.linalg.norm(EXACT['conv'].second)
  one = jax.tree.map(lambda leaf: leaf[0], draws)
  assert .3 < one.relative_error()['conv'] / (true**.5 / norm) < 3


def test_dense_layers_and_all_positions_are_exact(draws):
  np.testing.assert_allclose(draws.moments['head'].second[7],
                             EXACT['head'].second, rtol=1e-5)
  assert not np.any(draws.spread['head'].second)
  every = jax.jit(sampling.sampled_moments(_fn, 1.))(jax.random.key(0), PARAMS, X)[1]
  for got, expected in zip(every.moments, EXACT):
    np.testing.assert_allclose(got.second, expected.second, rtol=1e-5)
  assert not any(every.relative_error().values())


def test_batches_add_up_and_chunks_do_not_matter():
  whole, chunks = (
      sampling.accumulate(
          sampling.sampled_moments(_fn, .5, chunk_bytes=size), jax.random.key(3),
          PARAMS, [X[:3], X[3:]]) for size in (2**24, 1))
  for got, expected in zip(chunks.moments, whole.moments):
    np.testing.assert_allclose(got.second, expected.second, rtol=1e-4, atol=1e-4)
  # Each batch has positions of its own, so that errors cancel.
  assert 0 < whole.relative_error()['conv'] < .5
  left_out = jax.jit(sampling.sampled_moments(
      _fn, .5, select=lambda site: site.kind != 'conv'))
  assert [*left_out(jax.random.key(0), PARAMS, X)[1].moments.by_path] == ['head']


@pytest.mark.parametrize('chunk_bytes', [pytest.param(None, marks=pytest.mark.slow), 1])
def test_a_sharded_batch_stays_on_its_devices(chunk_bytes):
  # Without groups, for which XLA gathers by itself.
  fn = lambda params, x: toys.convolve(x, params['conv'])
  params, x = {'conv': toys.normal(0, 3, 3, 4, 6)}, toys.normal(2, 16, 9, 8, 4)
  sampled = sampling.sampled_moments(fn, .25, chunk_bytes=chunk_bytes)
  run = jax.jit(lambda params, x: sampled(jax.random.key(3), params, x)[1])
  split = sharding.shard_batch(x, sharding.data_mesh(8))
  program = run.lower(params, split).compile().as_text()
  assert 'all-reduce' in program
  for collective in ('all-gather', 'all-to-all', 'collective-permute'):
    assert collective not in program
  one, several = run(params, x), run(params, split)
  for got, want in zip(jax.tree.leaves(several), jax.tree.leaves(one)):
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * np.abs(want).max())


def test_refusals():
  with pytest.raises(ValueError, match='share .* not 0; try .1'):
    sampling.sampled_moments(_fn, 0)
  with pytest.raises(ValueError, match='no data to take moments of'):
    sampling.accumulate(
        sampling.sampled_moments(_fn, .5), jax.random.key(0), PARAMS, [])
