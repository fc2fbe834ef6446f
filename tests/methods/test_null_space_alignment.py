"""Null space + alignment against its equations in numpy, in float64."""

import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods
from unsc_jax import spaces
from unsc_jax.methods.null_space_alignment import ClassFeatures
from unsc_jax.methods.null_space_alignment import mismatch

KEY = jax.random.key(0)
FLOOR = .01


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


def test_step(toy, ref):
  """One step of SGD down CE + weight * D, with UNSC's projection."""
  params, energy, weight, x = ref.params(toy), .9, .7, toy.forget.x
  retained = ref.hidden(params, toy.retain.x)
  kept = gaussians(retained, toy.retain.y, (0, 1))
  pseudo = ref.logits(params, x)[:, :2].argmax(-1)
  labelled = toy.forget.replace(y=pseudo)

  def loss(p):
    return ref.cross_entropy(p, labelled) + weight * divergence(
        ref.hidden(p, x), pseudo, kept)

  gradient = ref.gradient(loss, params)
  for name, rows in (('a', toy.retain.x), ('b', retained)):
    u, s, _ = np.linalg.svd(np.asarray(rows, np.float64).T)
    k = 1 + int(np.sum(np.cumsum(s**2) < energy * np.sum(s**2)))
    g = gradient[name]['kernel']
    params[name]['kernel'] -= .01 * (g - u[:, :k] @ (u[:, :k].T @ g))
  method = methods.null_space_alignment(
      spaces.pooled(energy), optax.sgd(.01), weight=weight, floor=FLOOR, steps=1,
      batch_size=10)
  done = method(toy, KEY)
  ref.assert_close(done.params, params, 2e-4)
  moved = np.abs(ref.flat(done.params) - ref.flat(ref.params(toy))).max()
  assert moved > 1e-3  # several times the tolerance


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
