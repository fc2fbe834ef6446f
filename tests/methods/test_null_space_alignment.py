"""Null space + alignment against its equations in numpy, in float64."""

import dataclasses

import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax.methods.null_space_alignment import ClassFeatures
from unsc_jax.methods.null_space_alignment import mismatch

KEY = jax.random.key(0)
FLOOR = .01
TOLERANCE = 1e-5


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
  steps = {'answers': 0., 'pull': 0.}
  for name, rows in (('a', request.retain.x), ('b', retained)):
    for part, gradient in (('answers', answers), ('pull', pull)):
      step = rate * ref.projected(gradient[name]['kernel'], rows, energy)
      params[name]['kernel'] -= step
      steps[part] = max(steps[part], np.abs(step).max())
  assert min(steps.values()) > 20 * TOLERANCE, steps  # both parts tell
  method = methods.null_space_alignment(
      null_space.pooled(energy), optax.sgd(rate), weight=weight, floor=FLOOR, steps=1,
      batch_size=10)
  ref.assert_close(method(request, KEY).params, params, TOLERANCE)


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


def test_single_examples_raise(single):
  with pytest.raises(ValueError, match='whole classes'):
    methods.null_space_alignment()(single, KEY)
