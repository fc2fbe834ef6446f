"""SSD and Scissorhands against short ports of their authors' loops, on the digits.

Written from reading `if-loops/selective-synaptic-dampening` and `JingWu321/
Scissorhands`, in their order of things: batches of whatever classes come, and epochs.
"""

import itertools
import math

import jax
from jax import flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from unsc_jax import data
from unsc_jax import methods
from unsc_jax import models
from unsc_jax import problem as problem_lib
from unsc_jax import training

FORGOTTEN = 3


@pytest.fixture(scope='module')
def digits():
  return data.load('digits')


@pytest.fixture(scope='module')
def problem(digits):
  network = models.from_linen(models.MLP(hidden=(64, 64)), (8, 8, 1))
  schedule = lambda steps: optax.cosine_decay_schedule(5e-3, steps)
  recipe = training.Recipe(lambda steps: optax.adam(schedule(steps)), 20, 64)
  params = training.train(network, digits.train, recipe, jax.random.key(0)).params
  retain, forget = problem_lib.split_classes(digits.train, [FORGOTTEN])
  return problem_lib.Problem(network, params, retain, forget, 10, (FORGOTTEN,))


def accuracies(problem, digits, params):
  """Of what was forgotten, and of what remains of the test set."""
  kept = digits.test.where(digits.test.y != FORGOTTEN)
  return [float(np.mean(training.predict(problem.fn, params, e.x).argmax(-1) == e.y))
          for e in (problem.forget, kept)]


def loader(examples, size, rng):
  """A shuffled epoch, the last batch smaller."""
  order = rng.permutation(len(examples))
  return [examples.where(order[lo:lo + size]) for lo in range(0, len(order), size)]


def error_of(fn):
  return lambda params, batch: optax.softmax_cross_entropy_with_integer_labels(
      fn(params, batch.x), batch.y).mean()


def ssd_port(problem, size, rng, alpha=10., strength=1.):
  square = jax.jit(lambda params, batch: jax.tree.map(
      jnp.square, jax.grad(error_of(problem.fn))(params, batch)))

  def importance(examples):
    squares = [square(problem.params, b) for b in loader(examples, size, rng)]
    return jax.tree.map(lambda *s: np.mean([np.asarray(x) for x in s], 0), *squares)

  everything = jax.tree.map(
      lambda a, b: np.concatenate([a, b]), problem.retain, problem.forget)
  forget, all_of_it = importance(problem.forget), importance(everything)

  def dampened(w, f, d):
    chosen = f > alpha * d
    return np.where(chosen, w * np.minimum(strength * d / np.where(chosen, f, 1), 1), w)
  return jax.tree.map(dampened, problem.params, forget, all_of_it)


def moved(problem, params):
  return sum(int((np.asarray(a) != np.asarray(b)).sum()) for a, b in zip(
      jax.tree.leaves(params), jax.tree.leaves(problem.params)))


def test_ssd_of_mixed_minibatches(problem, digits):
  theirs = [ssd_port(problem, 64, np.random.default_rng(i)) for i in range(2)]
  ours = [methods.ssd()(problem, jax.random.key(i)).params for i in range(2)]
  counts = [np.mean([moved(problem, p) for p in found]) for found in (theirs, ours)]
  assert min(counts) > 300
  assert counts[1] == pytest.approx(counts[0], rel=.25)
  for params in (*theirs, *ours):
    assert accuracies(problem, digits, params)[0] < .05
  kept = [[accuracies(problem, digits, params)[1] for params in found]
          for found in (theirs, ours)]
  assert min(kept[1]) > .9
  # By its order of examples the authors' loop keeps one or two images in a hundred more
  # or fewer; the library's is held to what it keeps on average.
  assert np.mean(kept[0]) > .9
  assert np.mean(kept[1]) > np.mean(kept[0]) - .02


def test_ssd_of_one_batch_is_the_square_of_the_mean_over_all(problem):
  """Then no order plays a part, and the two agree weight by weight."""
  n = len(problem.retain) + len(problem.forget)
  theirs = ssd_port(problem, n, np.random.default_rng(0))
  ours = methods.ssd(group=n)(problem, jax.random.key(0)).params
  jax.tree.map(lambda a, b: np.testing.assert_allclose(
      a, b, atol=1e-5), ours, theirs)
  assert moved(problem, ours) > 1000


def scissorhands_port(problem, key, rng, *, share, weight, rate, epochs, size=128):
  error = error_of(problem.fn)
  slope = jax.jit(jax.grad(error))
  flat, unravel = flatten_util.ravel_pytree(problem.params)
  flatten = lambda tree: flatten_util.ravel_pytree(tree)[0]
  first = loader(problem.forget, 256, rng)[0]
  salience = jnp.abs(flat * flatten(slope(problem.params, first)))
  threshold = jnp.sort(salience)[int((1 - share) * len(flat))]
  fresh = flatten(problem.network.init(key))
  params = unravel(jnp.where(salience > threshold, fresh, flat))
  optimizer = optax.chain(
      optax.add_decayed_weights(5e-4), optax.sgd(rate, momentum=.9))
  state = optimizer.init(params)
  both = jax.jit(jax.grad(lambda p, r, f: error(p, r) - weight * error(p, f)))
  apply = jax.jit(lambda g, s, p: optimizer.update(g, s, p))
  for _ in range(epochs):
    memory = -flatten(slope(params, loader(problem.forget, 256, rng)[0]))
    for r, f in itertools.zip_longest(
        loader(problem.retain, size, rng), loader(problem.forget, size, rng)):
      if f is None:
        gradient = slope(params, r)
      else:
        gradient = flatten(both(params, r, f))
        against = gradient @ memory
        gradient = unravel(jnp.where(
            against < 0, gradient - against / (memory @ memory) * memory, gradient))
      updates, state = apply(gradient, state, params)
      params = optax.apply_updates(params, updates)
  return params


def test_scissorhands_forgets_first_and_then_repairs(problem, digits):
  settings = {'share': .03, 'weight': .05}
  theirs = scissorhands_port(
      problem, jax.random.key(0), np.random.default_rng(0), rate=5e-3, epochs=10,
      **settings)
  steps = 10 * math.ceil(len(problem.retain) / 128)
  optimizer = optax.chain(
      optax.add_decayed_weights(5e-4), optax.sgd(5e-3, momentum=.9))
  ours = methods.scissorhands(
      optimizer, steps=steps, **settings)(problem, jax.random.key(0)).params
  for params in (theirs, ours):
    forgotten, kept = accuracies(problem, digits, params)
    assert forgotten < .05
    assert kept > .95
