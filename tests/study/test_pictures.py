"""Data of the figures against scikit-learn and SciPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from scipy import linalg
from sklearn import metrics

from tests import toys
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax.evaluation import outputs as outputs_lib
from unsc_jax.study import pictures


def _outputs(seed=0, n=60, t=40, classes=4):
  rng = np.random.default_rng(seed)
  draw = lambda n: (3 * rng.normal(size=(n, classes)), rng.normal(size=(n, 6)),
                    rng.integers(0, classes, n))
  (train, f_train, y), (test, f_test, y_test) = draw(n), draw(t)
  return outputs_lib.Outputs(
      train, test, f_train, f_test, y, y_test, y == 1, (1,), (0, 2, 3))


@functools.cache
def _problem(seed=0):
  rng = np.random.default_rng(seed)
  x = rng.normal(size=(40, 6)).astype(np.float32)
  x[:20, 3:] = 0  # the retained inputs leave half of the first layer free
  params = {'a': rng.normal(size=(6, 5)).astype(np.float32),
            'b': rng.normal(size=(5, 2)).astype(np.float32),
            'bias': np.ones(2, np.float32)}
  fn = lambda p, x: jnp.tanh(x @ p['a']) @ p['b'] + p['bias']
  retain = problem_lib.Examples(x[:20], np.zeros(20, int))
  forget = problem_lib.Examples(x[20:], np.ones(20, int))
  problem = problem_lib.Problem(
      problem_lib.Network(fn), params, retain, forget, 2, (1,))
  m = toys.moments_of(fn, params, retain.x)
  return problem, null_space.null_space_bases(m, .9999999)


def test_confusion_is_scikit_learns():
  of = _outputs()
  np.testing.assert_array_equal(
      pictures.confusion(of, 5),
      metrics.confusion_matrix(
          of.test_labels, of.test_logits.argmax(1), labels=range(5)))


def test_losses_are_shares_of_all():
  of = _outputs()
  losses = pictures.losses(of)
  for shares in vars(losses).values():
    np.testing.assert_allclose(sum(shares), 1)
  gone = of.train_labels == 1
  p = np.exp(of.train_logits[gone])
  nats = -np.log(p[:, 1] / p.sum(1))
  np.testing.assert_allclose(
      losses.forget, np.histogram(nats, pictures.EDGES)[0] / gone.sum())
  masked = of._replace(train_logits=np.where(np.arange(4) == 1, -1e9, of.train_logits))
  assert pictures.losses(masked).forget[-1] == 1


def test_maps_are_turned_as_procrustes_would():
  a, b = np.random.default_rng(0).normal(size=(2, 30, 2))
  rotation, _ = linalg.orthogonal_procrustes(a, b)
  np.testing.assert_allclose(pictures.turned(a, b), a @ rotation, atol=1e-9)


def test_a_feature_map_has_every_network_and_neighbours_stay_neighbours():
  rng = np.random.default_rng(0)
  labels = np.repeat(np.arange(3), 20)
  apart = 9 * np.eye(3, 6)[labels] + rng.normal(size=(60, 6))
  drawn = pictures.feature_map({'one': apart, 'two': apart[:, ::-1]}, labels, rng)
  for points in drawn.points.values():
    assert points.shape == (60, 2)
    assert metrics.silhouette_score(points, drawn.labels) > .5
  one, two = drawn.points.values()
  assert np.mean(np.square(one - two)) < np.mean(np.square(one + two))


def test_directions_lie_in_and_out_of_the_space_with_the_same_norms():
  problem, bases = _problem()
  pairs = pictures.directions(problem.params, bases, jax.random.key(0))
  for inside, outside in zip(*pairs.values()):
    for name in ('a', 'b', 'bias'):
      np.testing.assert_allclose(
          np.linalg.norm(inside[name]), np.linalg.norm(outside[name]), rtol=1e-5)
    assert max(map(float, toys.leak(inside, bases).values())) < 1e-5
    np.testing.assert_allclose(toys.confine(outside, bases)['a'], 0, atol=1e-5)
    assert np.linalg.norm(inside['a']) > 1
    assert not np.any(inside['bias'])
    assert not np.any(inside['b'])  # all of it is in use: at rest in both


def test_contours_are_flat_inside_for_what_remains():
  problem, bases = _problem()
  drawn = pictures.contours(problem, bases, jax.random.key(0))
  inside, outside = drawn.in_null_space, drawn.out_of_null_space
  middle = len(drawn.along) // 2

  def at_rest(part):
    a, b, bias = (np.asarray(problem.params[name], np.float64) for name in ('a', 'b', 'bias'))
    logits = np.tanh(part.x @ a) @ b + bias
    return np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(len(part)), part.y])

  for name, part in (('retain', problem.retain), ('forget', problem.forget)):
    for losses in (inside, outside):
      np.testing.assert_allclose(
          getattr(losses, name)[middle, middle], at_rest(part), rtol=1e-5)
  assert np.ptp(inside.retain) < 1e-4
  assert np.ptp(inside.forget) > .1
  assert np.ptp(outside.retain) > .1


def test_numbers_are_short_and_plain():
  assert pictures.short({
      'a': np.array([[1 / 3, 1e-9]]), 'b': [np.int64(3)], 'c': None,
      'd': report.Sizes(train=np.int64(3), validation=1, test=2)}) == {
          'a': ((.3333, 1e-9),), 'b': (3,), 'c': None,
          'd': report.Sizes(train=3, validation=1, test=2)}
