"""GEM's constraint, against a quadratic program, and as the gradient of a loss."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from unsc_jax.parts import gem


def projected(g, m, **options):
  out = gem.projected({'w': jnp.asarray(g)}, {'w': jnp.asarray(m)}, **options)
  return np.asarray(out['w'])


@pytest.mark.parametrize('seed', range(4))
def test_nearest_gradient_that_does_no_harm(seed):
  g, m = np.random.default_rng(seed).normal(size=(2, 6))
  best = optimize.minimize(
      lambda x: .5 * np.sum((x - g)**2), np.zeros(6), method='SLSQP',
      constraints={'type': 'ineq', 'fun': lambda x: x @ m}).x
  np.testing.assert_allclose(projected(g, m), best, atol=1e-3)


def test_passes_what_does_no_harm():
  g = np.array([1., 2.], np.float32)
  np.testing.assert_array_equal(projected(g, g, margin=5.), g)


def test_margin_adds_at_least_so_much():
  g, m = np.array([-.1, 1.], np.float32), np.array([1., 0.], np.float32)
  np.testing.assert_allclose(projected(g, m, margin=.5), [.4, 1.])


@pytest.mark.parametrize('sign', [1, -1])
def test_a_held_loss_has_its_value_and_the_gradient_taken_back(sign):
  a, m, w = (jnp.asarray(x, jnp.float32)
             for x in np.random.default_rng(0).normal(size=(3, 5)))
  loss = lambda w: jnp.sum(jnp.sin(a * w))
  memory = sign * m
  value, gradient = jax.value_and_grad(
      lambda w: gem.held(loss, w, memory, margin=.5, ridge=1e-3))(w)
  plain = a * jnp.cos(a * w)
  np.testing.assert_allclose(value, loss(w), rtol=1e-6)
  np.testing.assert_allclose(
      gradient, projected(plain, memory, margin=.5, ridge=1e-3), rtol=1e-5)
  # One of the two signs is held back, the other is not.
  assert np.allclose(gradient, plain) == (plain @ memory >= 0)
