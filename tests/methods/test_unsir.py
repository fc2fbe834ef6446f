"""UNSIR's noise against its loss in numpy, and what its epochs see."""

import dataclasses

import jax
import numpy as np
import optax

from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import sharding
from unsc_jax.methods.unsir import error_maximising

KEY = jax.random.key(0)


def test_noise_maximises_the_error_on_a_leash(toy, ref):
  labels = np.full(6, 2, np.int32)
  start = error_maximising(toy, labels, KEY, 0, .1).astype(np.float64)
  params = ref.params(toy)

  def loss(noise):
    wrong = -ref.log_p(params, noise)[np.arange(6), labels].mean()
    return -wrong + .1 * np.square(noise).sum(-1).mean()

  # Adam's first step is the sign of the gradient.
  found = error_maximising(toy, labels, KEY, 1, .1)
  slope = ref.gradient(loss, start)
  sure = np.abs(slope) > 1e-4
  assert sure.mean() > .8
  np.testing.assert_allclose(
      (found - start)[sure], -.1 * np.sign(slope)[sure], atol=1e-4)
  assert loss(error_maximising(toy, labels, KEY, 50, .1)) < loss(start)


def test_repairs_on_the_retained_alone(toy, ref):
  # Nothing is impaired, and the whole retain set makes one batch.
  method = methods.unsir(optax.sgd(0.), optax.sgd(.1), noise_batch=4,
                         noise_copies=1, batch_size=20, repair_epochs=1)
  loss = lambda p: ref.cross_entropy(p, toy.retain)
  ref.assert_close(method(toy, KEY).params,
                   ref.descend(ref.params(toy), .1, loss))


def test_impairs_on_noise_beside_the_retained(toy, ref):
  # One batch is all of both: the noise, twice over, and the retain set.
  options = {'noise_batch': 4, 'noise_copies': 2, 'noise_steps': 3, 'batch_size': 28}
  method = methods.unsir(optax.sgd(.1), optax.sgd(0.), **options)
  noise_key = jax.random.split(KEY, 8)[0]
  labels = np.full(4, 2, np.int32)
  noise = problem_lib.Examples(
      error_maximising(toy, labels, noise_key, 3, .1), labels)
  loss = lambda p: (8 * ref.cross_entropy(p, noise)
                    + 20 * ref.cross_entropy(p, toy.retain)) / 28
  ref.assert_close(method(toy, KEY).params,
                   ref.descend(ref.params(toy), .1, loss))


def test_noise_is_the_same_on_several_devices(toy):
  labels = np.full(6, 2, np.int32)
  problem = dataclasses.replace(
      toy, session=session_lib.Session(sharding.data_mesh(2)))
  one, two = (error_maximising(p, labels, KEY, 20, .1) for p in (toy, problem))
  np.testing.assert_allclose(two, one, atol=1e-5)
