"""Relearning against a loop written out, and what it says of networks."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from unsc_jax import batching
from unsc_jax import problem as problem_lib
from unsc_jax.evaluation import relearn


def _fn(params, x):
  return x @ params['w'] + params['b']


def _data(seed=0, n=30):
  rng = np.random.default_rng(seed)
  y = rng.integers(0, 3, n)
  x = (2 * np.eye(3, 5)[y] + rng.normal(size=(n, 5))).astype(np.float32)
  return problem_lib.Examples(x, y)


def _params(scale=0., seed=0):
  w = scale * np.random.default_rng(seed).normal(size=(5, 3))
  return {'w': jnp.asarray(w, jnp.float32), 'b': jnp.zeros(3)}


def test_it_is_the_loop_written_out():
  few, watched, params, key = _data(0, 12), _data(1), _params(1.), jax.random.key(3)
  found = relearn.relearn_time(
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
  np.testing.assert_allclose(found.accuracy, accuracy, atol=1e-6)
  regained = [i for i, a in enumerate(accuracy) if a >= .3]
  assert found.reached
  assert found.steps == regained[0] > 0
  np.testing.assert_array_equal(params['w'], _params(1.)['w'])


def test_what_is_only_hidden_is_back_at_once():
  few, watched = _data(0), _data(1, 200)
  learn = lambda params, target, cap=60: relearn.relearn_time(
      _fn, params, few, watched, target, jax.random.key(0),
      optimizer=optax.sgd(.1), cap=cap)
  knows = {'w': 2 * jnp.eye(5, 3), 'b': jnp.zeros(3)}
  hides = {'w': 2 * jnp.eye(5, 3), 'b': jnp.array([-3., 0., 0.])}
  flipped = {'w': -2 * jnp.eye(5, 3), 'b': jnp.zeros(3)}
  steps = [learn(p, .8).steps for p in (knows, hides, _params(), flipped)]
  assert steps[0] == 0 < steps[1]
  assert max(steps[1:3]) < steps[3]
  never = learn(flipped, 1., cap=2)
  assert (never.steps, never.reached) == (2, False)


def test_frozen_leaves_stay_and_looks_can_be_rare():
  few = _data()
  found = relearn.relearn_time(
      _fn, _params(), few, few, 0., jax.random.key(0), cap=7, every=3,
      trainable=lambda path: False)
  assert found.at.tolist() == [0, 3, 6, 7]
  assert len(set(found.accuracy.tolist())) == 1
  assert found.steps == 0


def test_the_anamnesis_index_is_a_ratio_of_times():
  assert relearn.anamnesis_index(2, 8) == .25
  assert relearn.anamnesis_index(0, 0) == 1
  assert relearn.anamnesis_index(1, 0) == np.inf


@pytest.mark.parametrize(('changes', 'words'), [
    ({'target': 95.}, 'between 0 and 1'), ({'cap': 0}, 'at least 1')])
def test_bad_settings_are_named(changes, words):
  data = _data()
  with pytest.raises(ValueError, match=words):
    relearn.relearn_time(_fn, _params(), data, data, **{
        'target': .5, 'key': jax.random.key(0), **changes})
