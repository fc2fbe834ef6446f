"""A small network trained on the digits once, and a request to forget a class."""

import dataclasses

import jax
import numpy as np
import optax
import pytest

from unsc_jax import data
from unsc_jax import models
from unsc_jax import problem as problem_lib
from unsc_jax import training

FORGOTTEN = 3


@pytest.fixture(scope='session')
def recipe():
  schedule = lambda steps: optax.cosine_decay_schedule(5e-3, steps)
  return training.Recipe(lambda steps: optax.adam(schedule(steps)), 20, 64)


@pytest.fixture(scope='session')
def digits():
  return data.load('digits')


@pytest.fixture(scope='session')
def problem(digits, recipe):
  """Forget class 3 of the digits, from an MLP 64-64-64-10."""
  network = models.from_linen(models.MLP(hidden=(64, 64)), (8, 8, 1))
  params = training.train(network, digits.train, recipe, jax.random.key(0)).params
  retain, forget = problem_lib.split_classes(digits.train, [FORGOTTEN])
  return problem_lib.Problem(
      network, params, retain, forget, 10, (FORGOTTEN,),
      held_out=digits.validation)


@pytest.fixture(scope='session')
def toy():
  """A random two-layer network on random data: 3 classes, the last forgotten.

  Small enough to redo everything in numpy, in float64. One network for all tests: its
  programs are told apart by its functions.
  """
  rng = np.random.default_rng(0)
  params = {'a': {'kernel': rng.normal(size=(6, 5)), 'bias': rng.normal(size=5)},
            'b': {'kernel': rng.normal(size=(5, 3)), 'bias': rng.normal(size=3)}}
  params = jax.tree.map(lambda w: jax.numpy.asarray(w, jax.numpy.float32), params)
  scale = np.array([1., 1., 1., 1., .1, .1])  # leaves the first layer room
  x = (scale * rng.normal(size=(30, 6))).astype(np.float32)
  y = np.repeat(np.arange(3), 10).astype(np.int32)
  examples = problem_lib.Examples(x, y)

  def fn(params, x):
    h = jax.nn.relu(x @ params['a']['kernel'] + params['a']['bias'])
    return h @ params['b']['kernel'] + params['b']['bias']

  @jax.jit
  def init(key):
    keys = jax.random.split(key, 4)
    leaves, tree = jax.tree.flatten(params)
    return jax.tree.unflatten(tree, [
        jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves)])

  retain, forget = problem_lib.split_classes(examples, [2])
  return problem_lib.Problem(
      problem_lib.Network(fn, init), params, retain, forget, 3, (2,))


@pytest.fixture(scope='session')
def single(toy):
  """The same as a request of single examples, a few of every class."""
  both = jax.tree.map(lambda a, b: np.concatenate([a, b]), toy.retain, toy.forget)
  mask = np.arange(30) % 5 == 0
  return dataclasses.replace(
      toy, retain=both.where(~mask), forget=both.where(mask), forget_classes=())


@pytest.fixture(scope='session')
def accuracies(problem, digits):
  """From what a method gave back to accuracy: forgotten train, remaining test."""
  kept = digits.test.where(digits.test.y != FORGOTTEN)

  def of(unlearned):
    right = lambda e: float(np.mean(
        training.predict(unlearned.fn, unlearned.params, e.x).argmax(-1) == e.y))
    return right(problem.forget), right(kept)
  return of


class Reference:
  """The toy network and its losses in float64 numpy, told by equations alone."""

  def params(self, problem):
    return self.float64(problem.params)

  def fresh(self, problem):
    return self.float64(problem.network.init(jax.random.key(0)))

  def float64(self, tree):
    return jax.tree.map(lambda w: np.asarray(w, np.float64), tree)

  def hidden(self, params, x):
    h = np.asarray(x, np.float64) @ params['a']['kernel'] + params['a']['bias']
    return np.maximum(h, 0)

  def logits(self, params, x):
    return self.hidden(params, x) @ params['b']['kernel'] + params['b']['bias']

  def softmax(self, z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)

  def log_p(self, params, x):
    return np.log(self.softmax(self.logits(params, x)))

  def losses(self, params, examples):
    """Cross-entropy of every example [N]."""
    return -self.log_p(params, examples.x)[np.arange(len(examples.y)), examples.y]

  def cross_entropy(self, params, examples):
    return self.losses(params, examples).mean()

  def kl(self, p, q):
    """Mean KL(p || q) of rows; 0 log 0 = 0."""
    p, q = np.broadcast_arrays(p, q)
    some = p > 0
    return np.sum(p[some] * (np.log(p[some]) - np.log(q[some]))) / len(p)

  def gradient(self, loss, params):
    """By central differences, entry by entry."""
    flat, tree = jax.tree.flatten(params)
    out = [np.zeros(w.shape) for w in flat]
    for i, w in enumerate(flat):
      for at in np.ndindex(w.shape):
        ends = []
        for eps in (1e-5, -1e-5):
          moved = [v.copy() for v in flat]
          moved[i][at] += eps
          ends.append(loss(jax.tree.unflatten(tree, moved)))
        out[i][at] = (ends[0] - ends[1]) / 2e-5
    return jax.tree.unflatten(tree, out)

  def each(self, params, examples):
    """The gradient of every example's cross-entropy, flat [N, P]."""
    return np.stack([self.flat(self.gradient(
        lambda p, i=i: self.losses(p, examples.where(slice(i, i + 1)))[0], params))
                     for i in range(len(examples))])

  def descend(self, params, rate, *losses):
    """One step of plain SGD on each loss in turn."""
    for loss in losses:
      gradient = self.gradient(loss, params)
      params = jax.tree.map(lambda w, g: w - rate * g, params, gradient)
    return params

  def fisher(self, params, x):
    """The sum over labels of p times the squared gradient, averaged over x."""
    p = self.softmax(self.logits(params, x))
    total = 0
    for i, y in np.ndindex(p.shape):
      one = lambda q, i=i, y=y: -self.log_p(q, x[i:i + 1])[0, y]
      total = total + p[i, y] * np.square(self.flat(self.gradient(one, params)))
    return self.unflat(total / len(x), params)

  def confined(self, problem, gradient, share, *, short=0, power=2):
    """The kernels' gradients without the directions that carry a share of their inputs."""
    left = jax.tree.map(np.zeros_like, gradient)
    features = self.hidden(self.params(problem), problem.retain.x)
    for name, rows in (('a', problem.retain.x), ('b', features)):
      u, s, _ = np.linalg.svd(np.asarray(rows, np.float64).T)
      k = 1 + int(np.sum(np.cumsum(s**power) < share * np.sum(s**power)))
      u, kernel = u[:, :max(k - short, 1)], gradient[name]['kernel']
      left[name]['kernel'] = kernel - u @ (u.T @ kernel)
    return left

  def flat(self, tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])

  def unflat(self, flat, like):
    """The pytree that `flat` took apart."""
    leaves, tree = jax.tree.flatten(like)
    ends = np.cumsum([leaf.size for leaf in leaves])[:-1]
    return jax.tree.unflatten(tree, [
        part.reshape(leaf.shape) for part, leaf in zip(np.split(flat, ends), leaves)])

  def largest(self, scores, share):
    """Marks the largest share of scores [P]; ties go by position."""
    mask = np.zeros(scores.size, bool)
    mask[np.argsort(-scores, kind='stable')[:int(share * scores.size)]] = True
    return mask

  def assert_close(self, found, expected, tolerance=2e-4):
    """Equal parameters, relative to the largest change of any entry."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    np.testing.assert_allclose(
        self.flat(found), self.flat(expected), rtol=0, atol=tolerance)


@pytest.fixture(scope='session')
def ref():
  return Reference()


@pytest.fixture(scope='session')
def two_classes(toy):
  """The toy request with two classes to forget: one alone remains."""
  both = jax.tree.map(lambda a, b: np.concatenate([a, b]), toy.retain, toy.forget)
  retain, forget = problem_lib.split_classes(both, [1, 2])
  return dataclasses.replace(
      toy, retain=retain, forget=forget, forget_classes=(1, 2))


@pytest.fixture(scope='session')
def fixed_init(toy):
  """The toy request with an initialisation that does not depend on its key."""
  fresh = toy.network.init(jax.random.key(7))
  network = dataclasses.replace(toy.network, init=lambda key: fresh)
  return dataclasses.replace(toy, network=network)
