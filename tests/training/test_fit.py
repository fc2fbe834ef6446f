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

from tests import toys
import unsc_jax
from unsc_jax import batching
from unsc_jax import null_space
from unsc_jax import problem
from unsc_jax import session as session_lib
from unsc_jax import storage
from unsc_jax import training

KEY = jax.random.key(0)
DATA = problem.Examples(
    np.asarray(toys.normal(0, 64, 5)), np.arange(64, dtype=np.int32) % 3)
PARAMS = {'w': toys.normal(1, 5, 3)}


def _fn(params, x):
  return x @ params['w']


LOSS = training.classify(_fn)


def _fit(optimizer, steps, params=PARAMS, batches=None, loss=LOSS, **options):
  batches = batching.stream(DATA, 16, 0) if batches is None else batches
  return training.fit(
      loss, optimizer, params, batches, steps=steps, key=KEY, **options)


@pytest.mark.parametrize('optimizer', [optax.sgd(.1), optax.adam(1e-2)])
def test_fit_is_gradient_descent(optimizer):
  fitted = _fit(optimizer, 5)
  want, state = PARAMS, optimizer.init(PARAMS)
  for batch in itertools.islice(batching.stream(DATA, 16, 0), 5):
    loss = lambda p, batch=batch: training.cross_entropy(_fn(p, batch.x), batch.y)
    updates, state = optimizer.update(jax.grad(loss)(want), state, want)
    want = optax.apply_updates(want, updates)
  np.testing.assert_allclose(fitted.params['w'], want['w'], rtol=1e-5, atol=1e-6)
  assert fitted.history['loss'].shape == (5,)


def test_an_argument_may_follow_the_count_of_steps():
  loss = lambda params, batch, key, weight: (weight * LOSS(params, batch, key)[0], params)
  given = training.Scheduled(optax.linear_schedule(1., 0., 4))
  scaled = _fit(optax.sgd(0.), 5, loss=loss, given=given).history['loss']
  plain = _fit(optax.sgd(0.), 5).history['loss']
  np.testing.assert_allclose(scaled, plain * [1, .75, .5, .25, 0], rtol=1e-5)


def test_the_loop_compiles_a_confined_step_once_and_without_constants():
  """Bases are arguments of the program that `fit` runs, not part of it."""
  data, params = DATA.replace(x=np.asarray(toys.normal(0, 64, 40))), {'w': jnp.ones((40, 3))}
  bases = unsc_jax.null_space_bases(toys.moments_of(_fn, params, data.x[:9]))
  assert bases['w'].vectors.nbytes > 1024
  tx = unsc_jax.project_updates(optax.adam(1e-2), bases)
  step, state = training.make_step(LOSS, tx), tx.init(params)
  large = lambda step, *args: re.findall(  # constants of more than 1 kB
      '0x[0-9A-F]{2049,}', step.lower(*args, data, KEY).as_text())
  assert not large(step, params, state)
  closure = training.make_step(LOSS, optax.stateless(
      lambda u, _: null_space.project(u, bases)))
  assert large(closure, params, optax.EmptyState())  # they would be found
  once = chex.assert_max_traces(lambda *args: LOSS(*args), n=1)  # raises in the second
  batches = batching.stream(data, 16, 0)
  assert len(_fit(tx, 3, params, batches, once).history['loss']) == 3


def test_the_given_parameters_survive():
  before = np.array(PARAMS['w'])
  _fit(optax.sgd(.1), 2)
  np.testing.assert_array_equal(PARAMS['w'], before)


def test_what_is_not_trainable_stays_even_under_weight_decay():
  fitted = _fit(
      optax.adamw(.1, weight_decay=1.), 3, {**PARAMS, 'statistics': jnp.ones(3)},
      trainable=lambda path: path == 'w')
  np.testing.assert_array_equal(fitted.params['statistics'], 1)
  assert np.abs(fitted.params['w'] - PARAMS['w']).max() > 1e-3


def test_what_the_forward_pass_rewrites_is_kept():
  def loss(params, batch, key):
    return jnp.sum(params['w'] * batch), {**params, 'seen': params['seen'] + 1}
  params = {'w': jnp.ones(2), 'seen': jnp.zeros(())}
  fitted = _fit(optax.sgd(1.), 3, params, itertools.repeat(jnp.ones(2)), loss,
                trainable=lambda path: path == 'w')
  assert fitted.params['seen'] == 3
  np.testing.assert_allclose(fitted.params['w'], -2)


def test_divergence_is_named():
  loss = lambda w, batch, key: (w / batch, w)
  with pytest.raises(FloatingPointError, match='loss of digits is inf at step 1'):
    _fit(optax.sgd(0.), 2, jnp.ones(()), [jnp.ones(()), jnp.zeros(())], loss,
         label='digits')


def test_batches_that_end_too_soon_are_no_finished_run(tmp_path):
  fit = lambda batches: _fit(
      optax.sgd(1.), 5, jnp.ones(()), batches, lambda w, batch, key: (w * batch, w),
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
    training.train(network, DATA, recipe, KEY)


def test_watching_records_and_stops():
  loss = lambda w, batch, key: ((w - batch) ** 2, w)
  fitted = _fit(
      optax.sgd(.25), 50, jnp.zeros(()), itertools.repeat(jnp.ones(())), loss,
      watch_every=2, watch=lambda w: ({'w': float(w)}, w > .9))
  # The distance to one halves with every step: .75, .9375.
  np.testing.assert_allclose(fitted.history['w'], [.75, .9375])
  assert len(fitted.history['loss']) == 4
