"""The loop against optax by hand, on one device and on eight."""

import dataclasses
import itertools
import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import unsc_jax
from unsc_jax import batching
from unsc_jax import null_space
from unsc_jax import problem
from unsc_jax import session as session_lib
from unsc_jax import sharding
from unsc_jax import storage
from unsc_jax import training


def _regression(seed=0):
  rng = np.random.default_rng(seed)
  x = rng.normal(size=(64, 5)).astype(np.float32)
  y = rng.integers(0, 3, 64).astype(np.int32)
  params = {'w': jnp.asarray(rng.normal(size=(5, 3)), jnp.float32)}
  return problem.Examples(x, y), params, lambda p, x: x @ p['w']


@pytest.mark.parametrize('optimizer', [optax.sgd(.1), optax.adam(1e-2)])
def test_fit_is_gradient_descent(optimizer):
  data, params, fn = _regression()
  batches = list(itertools.islice(batching.stream(data, 16, 0), 5))
  fitted = training.fit(training.classify(fn), optimizer, params, batches,
                        steps=5, key=jax.random.key(0))
  want, state = params, optimizer.init(params)
  for batch in batches:
    loss = lambda p, batch=batch: training.cross_entropy(fn(p, batch.x), batch.y)
    updates, state = optimizer.update(jax.grad(loss)(want), state, want)
    want = optax.apply_updates(want, updates)
  np.testing.assert_allclose(fitted.params['w'], want['w'], rtol=1e-5, atol=1e-6)
  assert fitted.history['loss'].shape == (5,)


def test_eight_devices_do_what_one_does():
  data, params, fn = _regression()
  run = lambda mesh: training.fit(
      training.classify(fn), optax.sgd(.1), params, batching.stream(data, 16, 0),
      steps=10, key=jax.random.key(0), session=session_lib.Session(mesh)).params['w']
  np.testing.assert_allclose(run(sharding.data_mesh(8)), run(None), atol=1e-5)


def test_the_loop_compiles_a_confined_step_once_and_without_constants():
  """Bases are arguments of the program that `fit` runs, not part of it."""
  rng = np.random.default_rng(0)
  x = rng.normal(size=(64, 40)).astype(np.float32)
  data = problem.Examples(x, rng.integers(0, 3, 64).astype(np.int32))
  params, fn = {'w': jnp.ones((40, 3))}, lambda p, x: x @ p['w']
  _, moments = jax.jit(unsc_jax.input_moments(fn))(params, x[:9])
  bases = unsc_jax.null_space_bases(moments)
  assert bases['w'].vectors.nbytes > 1024
  tx = unsc_jax.project_updates(optax.adam(1e-2), bases)
  step, state = training.make_step(training.classify(fn), tx), tx.init(params)
  key = jax.random.key(0)
  large = lambda step, *args: re.findall(  # constants of more than 1 kB
      '0x[0-9A-F]{2049,}', step.lower(*args, data, key).as_text())
  assert not large(step, params, state)
  closure = training.make_step(training.classify(fn), optax.stateless(
      lambda u, _: null_space.project(u, bases)))
  assert large(closure, params, optax.EmptyState())  # they would be found
  once = chex.assert_max_traces(training.classify(fn), n=1)  # raises in the second
  fitted = training.fit(once, tx, params, batching.stream(data, 16, 0), steps=3, key=key)
  assert len(fitted.history['loss']) == 3


def test_the_given_parameters_survive():
  data, params, fn = _regression()
  before = np.array(params['w'])
  training.fit(training.classify(fn), optax.sgd(.1), params,
               batching.stream(data, 16, 0), steps=2, key=jax.random.key(0))
  np.testing.assert_array_equal(params['w'], before)


def test_what_is_not_trainable_stays_even_under_weight_decay():
  data, params, fn = _regression()
  params = {**params, 'statistics': jnp.ones(3)}
  fitted = training.fit(
      training.classify(fn), optax.adamw(.1, weight_decay=1.), params,
      batching.stream(data, 16, 0), steps=3, key=jax.random.key(0),
      trainable=lambda path: path == 'w')
  np.testing.assert_array_equal(fitted.params['statistics'], 1)
  assert np.abs(fitted.params['w'] - params['w']).max() > 1e-3


def test_what_the_forward_pass_rewrites_is_kept():
  def loss(params, batch, key):
    return jnp.sum(params['w'] * batch), {**params, 'seen': params['seen'] + 1}
  params = {'w': jnp.ones(2), 'seen': jnp.zeros(())}
  fitted = training.fit(
      loss, optax.sgd(1.), params, itertools.repeat(jnp.ones(2)), steps=3,
      key=jax.random.key(0), trainable=lambda path: path == 'w')
  assert fitted.params['seen'] == 3
  np.testing.assert_allclose(fitted.params['w'], -2)


def test_divergence_is_named():
  loss = lambda w, batch, key: (w / batch, w)
  with pytest.raises(FloatingPointError, match='loss of digits is inf at step 1'):
    training.fit(loss, optax.sgd(0.), jnp.ones(()), [jnp.ones(()), jnp.zeros(())],
                 steps=2, key=jax.random.key(0), label='digits')


def test_batches_that_end_too_soon_are_no_finished_run(tmp_path):
  fit = lambda batches: training.fit(
      lambda w, batch, key: (w * batch, w), optax.sgd(1.), jnp.ones(()), batches,
      steps=5, key=jax.random.key(0),
      session=session_lib.Session(checkpoint=storage.Checkpoint(tmp_path, every=2)))
  with pytest.raises(ValueError, match='5 steps, but its batches ended after 3'):
    fit([1.] * 3)
  assert fit([1.] * 5).params == -4  # it goes on from the second


def test_equal_functions_are_one_program():
  traces = []

  @dataclasses.dataclass(frozen=True)
  class times:
    factor: float

    def __call__(self, w, x):
      traces.append(self.factor)
      return self.factor * w * x

  for factor in (2., 2., 3.):
    out = training.predict(times(factor), 1., np.arange(3.), batch_size=2)
    np.testing.assert_array_equal(out, factor * np.arange(3.))
  assert traces == [2., 3.]


def test_soft_labels_are_the_mean_of_hard_ones():
  logits = jnp.array([[1., 2., 3.]])
  hard = [training.cross_entropy(logits, jnp.array([c])) for c in range(3)]
  soft = training.cross_entropy(logits, jnp.array([[.2, .3, .5]]))
  np.testing.assert_allclose(soft, np.dot([.2, .3, .5], hard), rtol=1e-6)


def test_training_from_scratch_needs_init():
  network = problem.Network(fn=lambda p, x: x)
  recipe = training.Recipe(lambda steps: optax.sgd(.1), 1, 4)
  with pytest.raises(ValueError, match='give the Network an `init` function'):
    training.train(network, _regression()[0], recipe, jax.random.key(0))


def test_watching_records_and_stops():
  loss = lambda w, batch, key: ((w - batch) ** 2, w)
  fitted = training.fit(
      loss, optax.sgd(.25), jnp.zeros(()), itertools.repeat(jnp.ones(())),
      steps=50, key=jax.random.key(0), watch_every=2,
      watch=lambda w: ({'w': float(w)}, w > .9))
  # The distance to one halves with every step: .75, .9375.
  np.testing.assert_allclose(fitted.history['w'], [.75, .9375])
  assert len(fitted.history['loss']) == 4
