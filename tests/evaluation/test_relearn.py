"""Relearning against a loop written out, and what it says of networks."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from benchmarks import _programs
from tests.evaluation import draws
from unsc_jax import batching
from unsc_jax import problem as problem_lib
from unsc_jax.evaluation import relearn


def _fn(params, x):
  return x @ params['w'] + params['b']


def _data(seed=0, n=30):
  return problem_lib.Examples(*draws.blobs(seed, n, 2., classes=3, d=5))


def _params(w=0., b=(0., 0., 0.)):
  return {'w': w * jnp.ones((5, 3)), 'b': jnp.array(b)}


def test_it_is_the_loop_written_out():
  few, watched, key = _data(0, 12), _data(1), jax.random.key(3)
  start = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
  params = _params(start)
  course = relearn.relearn_time(
      _fn, params, few, watched, .3, key, optimizer=optax.sgd(.2), batch_size=4,
      cap=9)
  w, b = (np.asarray(params[name], np.float64) for name in 'wb')
  batches = batching.stream(few, 4, batching.seed_of(key))
  accuracy = []
  for _ in range(10):
    said = (watched.x @ w + b).argmax(1)
    accuracy.append(np.mean(said == watched.y))
    batch = next(batches)
    logits = batch.x @ w + b
    p = np.exp(logits - logits.max(1, keepdims=True))
    p = p / p.sum(1, keepdims=True) - np.eye(3)[batch.y]
    w, b = w - .2 * batch.x.T @ p / 4, b - .2 * p.mean(0)
  np.testing.assert_allclose(course.accuracy, accuracy, atol=1e-6)
  assert course.reached
  assert course.steps == np.argmax(np.array(accuracy) >= .3) > 0
  np.testing.assert_array_equal(params['w'], start)


def test_what_is_only_hidden_is_back_at_once():
  few, watched = _data(0), _data(1, 200)
  learn = lambda params, target, cap=60: relearn.relearn_time(
      _fn, params, few, watched, target, jax.random.key(0),
      optimizer=optax.sgd(.1), cap=cap)
  eye = 2 * np.eye(5, 3)
  knows, hides, flipped = _params(eye), _params(eye, (-3., 0., 0.)), _params(-eye)
  steps = [learn(p, .8).steps for p in (knows, hides, _params(), flipped)]
  assert steps[0] == 0 < steps[1]
  assert max(steps[1:3]) < steps[3]
  never = learn(flipped, 1., cap=2)
  assert (never.steps, never.reached) == (2, False)


def test_frozen_leaves_stay_and_looks_can_be_rare():
  few = _data()
  course = relearn.relearn_time(
      _fn, _params(), few, few, 0., jax.random.key(0), cap=7, every=3,
      trainable=lambda path: False)
  assert course.at.tolist() == [0, 3, 6, 7]
  assert np.ptp(course.accuracy) == course.steps == 0


@pytest.mark.parametrize('frozen', ['', 'b'])
def test_another_network_is_measured_by_the_same_programs(frozen):
  few, trainable = _data(2), lambda path: path != frozen
  measure = lambda w: relearn.relearn_time(
      _fn, _params(w), few, few, 0., jax.random.key(0), cap=2, trainable=trainable)
  measure(0.)
  with _programs.compiled() as names:
    measure(1.)
  assert not names


def test_the_anamnesis_index_is_a_ratio_of_times():
  indices = [relearn.anamnesis_index(*steps) for steps in ((2, 8), (0, 0), (1, 0))]
  assert indices == [.25, 1, np.inf]


@pytest.mark.parametrize(('changes', 'words'), [
    ({'target': 95.}, 'between 0 and 1'), ({'cap': 0}, 'at least 1')])
def test_bad_settings_are_named(changes, words):
  data = _data()
  with pytest.raises(ValueError, match=words):
    relearn.relearn_time(_fn, _params(), data, data, **{
        'target': .5, 'key': jax.random.key(0), **changes})
