"""What moments of outputs refuse, each in a sentence, and what adds nothing."""

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P
import numpy as np
import pytest

from tests import toys
from unsc_jax import moments as moments_lib
from unsc_jax import sharding

KEY = jax.random.key(0)
PARAMS = {'w': toys.normal(0, 6, 3)}
X = toys.normal(1, 10, 6)


def _fn(params, x):
  return x @ params['w']


OUTPUTS = moments_lib.output_moments(_fn)


def test_empty_batches_add_nothing():
  moments = moments_lib.accumulate_outputs(
      moments_lib.output_moments(_fn, draws=None), KEY, PARAMS, [X[:0], X, X[:0]])['w']
  assert moments.count == 10
  np.testing.assert_array_equal(moments.second[0], 10 * np.eye(3))
  with pytest.raises(ValueError, match='no data to take moments of'):
    moments_lib.accumulate_outputs(OUTPUTS, KEY, PARAMS, [X[:0]])


def test_pairs_that_the_function_takes_are_no_labels():
  pairs = lambda params, x: x[0] @ params['w'] + x[1]
  moments = moments_lib.accumulate_outputs(
      moments_lib.output_moments(pairs), KEY, PARAMS, [(X, np.ones((10, 3), np.float32))])
  assert moments['w'].count == 10
  with pytest.raises(TypeError, match='a batch is a pair .* pass the inputs alone'):
    moments_lib.accumulate_outputs(OUTPUTS, KEY, PARAMS, [(X, np.ones(10))])


def test_whose_key_is_missing_is_told():
  for call in (lambda: OUTPUTS(PARAMS, X), lambda: OUTPUTS(None, PARAMS, X),
               lambda: moments_lib.accumulate(OUTPUTS, PARAMS, [X])):
    with pytest.raises(TypeError, match='takes a key first, .* `accumulate_outputs`'):
      call()
  with pytest.raises(TypeError, match='are of inputs, which take no key'):
    moments_lib.accumulate_outputs(moments_lib.input_moments(_fn), KEY, PARAMS, [X])
  # Any key will do; where nothing is drawn none is read.
  for key, draws in ((jax.random.PRNGKey(0), 1), (None, None)):
    _, found = jax.jit(lambda p, key=key, draws=draws: moments_lib.output_moments(
        _fn, draws=draws)(key, p, X))(PARAMS)
    assert found['w'].count == 10


def test_draws_are_a_number():
  for draws in ('a', 1.5):
    with pytest.raises(TypeError, match=f'and not {draws!r}; draw one'):
      moments_lib.output_moments(_fn, draws=draws)
  assert moments_lib.output_moments(_fn, draws=np.int64(2)) == moments_lib.output_moments(
      _fn, draws=2)


@pytest.mark.parametrize('draws', [None, 1])
def test_classes_have_no_derivative(draws):
  def run(answers):
    fn = moments_lib.output_moments(lambda p, x: answers(_fn(p, x)), draws=draws)
    return moments_lib.accumulate_outputs(fn, KEY, PARAMS, [X])

  named = lambda logits: logits.argmax(-1)
  with pytest.raises(TypeError, match='of type int.* have no derivative; .* logits'):
    run(named)
  with pytest.raises(ValueError, match='no answer has a derivative .* logits'):
    run(lambda logits: jnp.float32(named(logits)))
  beside = run(lambda logits: (named(logits), logits))['w']  # they take nothing away
  assert beside.count == 10
  np.testing.assert_array_equal(jnp.diagonal(beside.second[0]), [10] * 3)


@pytest.mark.parametrize('check_vma', [True, False])
def test_layers_in_a_shard_map_are_named_as_such(check_vma):
  layer = jax.shard_map(
      lambda w, x: x @ w, mesh=sharding.data_mesh(2), in_specs=(P(), P('data')),
      out_specs=P('data'), check_vma=check_vma)
  params = {**PARAMS, 'head': toys.normal(2, 3, 2)}
  partly = moments_lib.output_moments(lambda p, x: layer(p['w'], x) @ p['head'])
  sites = partly.sites(params, X)
  assert sites.uncaptured == {
      'w': 'used in a `shard_map`, into which outputs are not followed'}
  assert [site.path for site in sites.uses] == ['head']
  assert [*jax.jit(partly)(KEY, params, X)[1].by_path] == ['head']
  wholly = moments_lib.output_moments(lambda p, x: layer(p['w'], x))
  with pytest.raises(ValueError, match=r'`output_moments\(fn\).sites\(params, x\)` tells why'):
    wholly(KEY, PARAMS, X)
