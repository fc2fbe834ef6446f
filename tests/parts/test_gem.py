"""GEM's constraint against a quadratic program, solved by scipy."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from unsc_jax.parts import gem


def projected(g, m, **options):
  tx = gem.gem_projection({'w': jnp.asarray(m)}, **options)
  out, _ = tx.update({'w': jnp.asarray(g)}, tx.init(None))
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
