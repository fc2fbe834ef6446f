"""Streamed gradients and their squares against one example at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from unsc_jax.problem import Examples
from unsc_jax.training import gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(11, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 11)
W = jnp.asarray(RNG.normal(size=(4, 3)), jnp.float32)


def fn(w, x):
  return jnp.tanh(x) @ w


def each():
  """`[11, 4, 3]` gradients, in closed form: x (p - e)^T."""
  x = np.tanh(np.asarray(X, np.float64))
  p = special.softmax(x @ np.asarray(W, np.float64), -1)
  return x[:, :, None] * (p - np.eye(3)[Y])[:, None], x, p


def stream(sizes):
  edges = np.cumsum([0, *sizes])
  return [Examples(X[a:b], Y[a:b]) for a, b in zip(edges, edges[1:])]


@pytest.mark.parametrize('sizes', [(11,), (4, 4, 3), (10, 1)])
def test_total_and_mean_square_do_not_depend_on_batches(sizes):
  g, _, _ = each()
  np.testing.assert_allclose(
      gradients.total(fn, W, stream(sizes)), g.sum(0), atol=1e-5)
  np.testing.assert_allclose(
      gradients.mean_square(fn, W, stream(sizes)), (g**2).mean(0), atol=1e-5)


def test_groups_square_the_mean():
  g, _, _ = each()
  groups = [g[:4].mean(0), g[4:8].mean(0), g[8:].mean(0)]
  np.testing.assert_allclose(
      gradients.mean_square(fn, W, stream((11,)), group=4),
      np.square(groups).mean(0), atol=1e-5)


def test_fisher_sums_over_labels():
  _, x, p = each()
  rows = p[:, None] - np.eye(3)[None]  # [N, y, C]
  squares = np.einsum('nd,ny,nyc->dc', x**2, p, rows**2) / len(x)
  np.testing.assert_allclose(
      gradients.fisher(fn, W, stream((8, 3))), squares, atol=1e-5)


def test_wide_parameters_are_added_up_in_their_own_type():
  g, x, p = each()
  with jax.enable_x64(True):
    w = jnp.asarray(W, jnp.float64)
    found = {of.__name__: of(fn, w, stream((8, 3))) for of in (
        gradients.total, gradients.mean_square, gradients.fisher)}
  assert {leaf.dtype for leaf in found.values()} == {np.dtype('float64')}
  squares = np.einsum('nd,ny,nyc->dc', x**2, p, (p[:, None] - np.eye(3)) ** 2) / len(x)
  for name, want in (('total', g.sum(0)), ('mean_square', (g**2).mean(0)), ('fisher', squares)):
    np.testing.assert_allclose(found[name], want, rtol=1e-6)


def test_more_classes_need_no_more_gradients_at_once():
  """Of each example one gradient is held, for whatever number of labels."""
  shape = lambda *sizes: jax.ShapeDtypeStruct(sizes, jnp.float32)

  def held(classes):
    params = {'wide': shape(64, 64), 'head': shape(64, classes)}
    compiled = gradients._fisher.lower(
        lambda p, x: jnp.tanh(x @ p['wide']) @ p['head'], params,
        Examples(shape(16, 64), shape(16)), shape(16)).compile()
    return compiled.memory_analysis().temp_size_in_bytes / (4 * 64 * (64 + classes))

  assert held(48) < 2 * held(3)


def test_says_when_there_is_nothing():
  with pytest.raises(ValueError, match='no data'):
    gradients.total(fn, W, [])
