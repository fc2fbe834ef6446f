"""Alignment of forget features against its equations in numpy, in float64."""

import dataclasses

import jax
import numpy as np
import optax
import pytest

from unsc_jax import capture
from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import training
from unsc_jax.methods.dimensional_alignment import misalignment
from unsc_jax.methods.dimensional_alignment import span
from unsc_jax.methods.null_space_alignment import ClassFeatures
from unsc_jax.methods.null_space_alignment import mismatch
from unsc_jax.parts import head
from unsc_jax.parts import optimizers

KEY = jax.random.key(0)
FLOOR = .01
TOLERANCE = 1e-5


def projector(ref, params, x, energy):
  u, s, _ = np.linalg.svd(ref.hidden(params, x).T)
  k = 1 + int(np.sum(np.cumsum(s**2) < energy * np.sum(s**2)))
  return u[:, :k] @ u[:, :k].T


def test_forget_and_recover(toy, ref):
  params, x, energy, weight = ref.params(toy), toy.forget.x, .8, 3.
  q = ref.softmax(np.where(np.arange(3) == 2, -np.inf, ref.logits(params, x)))
  expected = params
  for _ in range(2):
    v = projector(ref, expected, toy.retain.x, energy)

    def forget(p, v=v):
      z = ref.hidden(p, x)
      inside = np.square(z @ v).sum(-1) / np.square(z).sum(-1)
      return ref.kl(q, ref.softmax(ref.logits(p, x))) + weight * (1 - inside).mean()

    expected = ref.descend(
        expected, .05, forget, lambda p: ref.cross_entropy(p, toy.retain))
  method = methods.dimensional_alignment(
      optax.sgd(.05), weight=weight, energy=energy, rounds=2, forget_steps=1,
      retain_steps=1, batch_size=20)
  # Twenty: the ten forget examples twice.
  ref.assert_close(method(toy, KEY).params, expected, 1e-3)


def test_a_confined_optimizer_takes_the_place_of_one(toy):
  confined = optimizers.null_space(optax.sgd(.05), null_space.pooled(.8))
  done = methods.dimensional_alignment(
      confined, rounds=2, forget_steps=1, retain_steps=1, batch_size=20)(toy, KEY)
  change = jax.tree.map(lambda new, old: new - old, done.params, toy.params)
  inside = null_space.project(change, done.bases)
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), inside, change)
  assert optax.tree.norm(change) > .01


def test_regulariser_is_one_less_the_metric(toy, ref):
  params = ref.params(toy)
  retain, forget = (ref.hidden(params, e.x).astype(np.float32)
                    for e in (toy.retain, toy.forget))
  metric = evaluation.dimensional_alignment(retain, forget, energy=.8).sample.value
  found = misalignment(forget, span(retain, .8))
  assert float(found) == pytest.approx(1 - float(metric), abs=1e-5)


@pytest.mark.slow  # the steps by which it does are compared above in every run
def test_raises_alignment_more_than_without(problem):
  read = capture.layer_inputs(problem.fn, head.site(problem).path)
  def aligned(weight):
    done = methods.dimensional_alignment(
        optax.sgd(.01, momentum=.9), weight=weight, rounds=2)(problem, KEY)
    z = [training.predict(read, done.params, e.x)
         for e in (problem.retain, problem.forget)]
    return float(evaluation.dimensional_alignment(*z, rank=9).sample.value)
  assert aligned(10.) > aligned(0.)


def gaussians(z, y, classes):
  """Mean and inverse root of the covariance of every class's features."""
  found = {}
  for c in classes:
    rows = z[y == c]
    values, u = np.linalg.eigh(np.cov(rows.T, ddof=0))
    values = np.maximum(values, 0)
    values += FLOOR * values.mean()
    found[c] = rows.mean(0), u / np.sqrt(values) @ u.T
  return found


def divergence(z, y, kept):
  """Half the squared mean of the whitened residuals, for each feature."""
  r = np.stack([(row - kept[c][0]) @ kept[c][1] for row, c in zip(z, y)])
  return np.sum(r.mean(0)**2) / (2 * z.shape[1])


@pytest.fixture
def both_ways(toy, ref):
  """The toy request, half of it taken for either retained class."""
  logits = ref.logits(ref.params(toy), toy.forget.x)
  gap = np.median(logits[:, 0] - logits[:, 1]).astype(np.float32)
  params = jax.tree.map(lambda leaf: leaf, toy.params)
  params['b']['bias'] = params['b']['bias'].at[1].add(gap)
  return dataclasses.replace(toy, params=params)


def test_step(both_ways, ref):
  """One step of SGD down CE + weight * D, with UNSC's projection."""
  request, rate, energy, weight = both_ways, .01, .7, 10.
  params, x = ref.params(request), request.forget.x
  retained = ref.hidden(params, request.retain.x)
  kept = gaussians(retained, request.retain.y, (0, 1))
  pseudo = ref.logits(params, x)[:, :2].argmax(-1)
  assert np.bincount(pseudo).tolist() == [5, 5]
  labelled = request.forget.replace(y=pseudo)
  answers = ref.gradient(lambda p: ref.cross_entropy(p, labelled), params)
  pull = ref.gradient(
      lambda p: weight * divergence(ref.hidden(p, x), pseudo, kept), params)
  steps = [jax.tree.map(lambda g: rate * g, ref.confined(request, gradient, energy))
           for gradient in (answers, pull)]
  assert min(np.abs(ref.flat(step)).max() for step in steps) > 20 * TOLERANCE  # both tell
  method = methods.null_space_alignment(
      null_space.pooled(energy), optax.sgd(rate), weight=weight, floor=FLOOR, steps=1,
      batch_size=10)
  expected = jax.tree.map(lambda w, *step: w - sum(step), params, *steps)
  ref.assert_close(method(request, KEY).params, expected, TOLERANCE)


def test_mismatch_is_the_mahalanobis_distance_of_the_mean():
  rng = np.random.default_rng(0)
  z = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 3)) + [1., 2., 3.]
  y = np.repeat([0, 1], 20)
  z[20:] = 2 * z[:20] - 5
  found = gaussians(z, y, (0, 1))
  kept = ClassFeatures(*(
      np.stack(k).astype(np.float32) for k in zip(*found.values())))
  of = lambda z, y: float(mismatch(z.astype(np.float32), y, kept))
  assert of(z, y) < 1e-9
  shift = np.array([.3, -.2, .1])
  covariance = np.linalg.inv(found[0][1] @ found[0][1])
  squared = shift @ np.linalg.solve(covariance, shift)
  np.testing.assert_allclose(of(z[:20] + shift, y[:20]), squared / 6, rtol=1e-3)
  assert of(z[20:] + shift, y[20:]) < .5 * squared / 6  # twice as wide


def test_no_example_has_a_matrix_of_its_own():
  z, y = np.zeros((50, 40), np.float32), np.zeros(50, np.int32)
  kept = ClassFeatures(np.zeros((3, 40), np.float32), np.zeros((3, 40, 40), np.float32))
  compiled = jax.jit(jax.grad(mismatch)).lower(z, y, kept).compile()
  assert compiled.memory_analysis().temp_size_in_bytes < 50 * 40 * 40
