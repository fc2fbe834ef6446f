"""Lowered logits: at the level of the least likely class, and nothing else moved."""

import dataclasses

import jax
import numpy as np
import pytest

from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.evaluation import relearn

KEY = jax.random.key(0)


def _relu(params, x):
  return np.maximum(x @ params['a']['kernel'] + params['a']['bias'], 0)


def _logits(params, x):
  bias = params['b'].get('bias', 0)
  return _relu(params, x) @ params['b']['kernel'] + bias


def _float64(params):
  return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)


def test_a_bias_comes_down_to_the_least_likely_class(toy):
  named = dataclasses.replace(toy, params={**toy.params, 'b': {
      **toy.params['b'], 'bias': toy.params['b']['bias'] + np.array([0, 0, 3.], np.float32)}})
  before = _float64(named.params)
  logits = _logits(before, toy.forget.x)
  excess = (logits[:, 2] - logits[:, :2].min(1)).mean()
  assert excess > 1
  after = methods.lower_logits(methods.original())(named, KEY).params
  np.testing.assert_allclose(
      after['b']['bias'], before['b']['bias'] - excess * np.eye(3)[2], rtol=1e-5)
  for layer, name in (('a', 'kernel'), ('a', 'bias'), ('b', 'kernel')):
    np.testing.assert_array_equal(after[layer][name], toy.params[layer][name])


def test_a_class_that_is_lower_already_stays(toy):
  logits = _logits(_float64(toy.params), toy.forget.x)
  assert (logits[:, 2] - logits[:, :2].min(1)).mean() < 0
  after = methods.lower_logits(methods.original())(toy, KEY).params
  np.testing.assert_array_equal(after['b']['bias'], toy.params['b']['bias'])


def test_without_a_bias_weights_take_a_constant_from_the_logit(toy):
  raised = toy.params['b']['kernel'] + np.array([0, 0, 2.], np.float32)
  params = {**toy.params, 'b': {'kernel': raised}}
  fn = lambda params, x: jax.nn.relu(
      x @ params['a']['kernel'] + params['a']['bias']) @ params['b']['kernel']
  problem = dataclasses.replace(
      toy, network=problem_lib.Network(fn, lambda key: params), params=params)
  before = _float64(params)
  after = _float64(methods.lower_logits(methods.original())(problem, KEY).params)
  np.testing.assert_array_equal(after['b']['kernel'][:, :2], before['b']['kernel'][:, :2])
  logits = _logits(before, toy.forget.x)
  excess = (logits[:, 2] - logits[:, :2].min(1)).mean()
  # Ordinary least squares of ones on the features of all training examples.
  z = _relu(before, np.concatenate([toy.retain.x, toy.forget.x]).astype(np.float64))
  w, *_ = np.linalg.lstsq(z, np.ones(len(z)), rcond=None)
  assert excess > 1
  taken = before['b']['kernel'][:, 2] - after['b']['kernel'][:, 2]
  np.testing.assert_allclose(taken, excess * w, rtol=2e-2, atol=2e-3 * abs(taken).max())


def test_retained_logits_stay_and_the_head_is_slow_to_relearn(problem, digits):
  def steps(params):
    found, _ = relearn.relearn_by_draws(problem, digits.test, params, KEY)
    return float(found.value)

  masked = methods.lower_logits(methods.original())(problem, KEY)
  remaining = list(problem.retain_classes)
  of = lambda params: training.predict(problem.fn, params, digits.test.x)[:, remaining]
  np.testing.assert_allclose(of(masked.params), of(problem.params), rtol=1e-5)
  assert steps(problem.params) == 0
  assert steps(masked.params) >= 2


def test_what_it_cannot_work_on_is_told(toy):
  with pytest.raises(ValueError, match='works on weights'):
    methods.lower_logits(methods.head_only())(toy, KEY)
  frozen = dataclasses.replace(toy, network=dataclasses.replace(
      toy.network, trainable=lambda path: not path.startswith('b')))
  with pytest.raises(ValueError, match='b/kernel may not be trained'):
    methods.lower_logits(methods.original())(frozen, KEY)
  single = dataclasses.replace(toy, forget_classes=())
  with pytest.raises(ValueError, match='lower_logits forgets whole classes'):
    methods.lower_logits(methods.original())(single, KEY)
