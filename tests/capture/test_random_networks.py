"""Networks that nobody chose: the moments and the test of truth."""

from hypothesis import given
from hypothesis import settings
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.capture import oracle
from tests.capture import random_networks
from tests.capture import runs
import unsc_jax


def check(network: random_networks.Network):
  params, x = jax.tree.map(jnp.asarray, (network.params, network.x))
  fn = lambda params, x: network.run(params, x, jnp)
  out, moments = jax.jit(unsc_jax.input_moments(fn))(params, x)
  assert not unsc_jax.sites(fn, params, x).uncaptured, network.said
  float64 = lambda x: np.asarray(x, np.float64)
  seen: dict[str, np.ndarray] = {}
  exact = network.run(
      jax.tree.map(float64, network.params), float64(network.x), np, seen)
  np.testing.assert_allclose(out, exact, atol=1e-5, err_msg=str(network.said))
  changes = {}
  for path, rows in seen.items():
    second = oracle.second_moment(rows.reshape(-1, *rows.shape[-2:]))
    np.testing.assert_allclose(
        moments[path].second, second, rtol=0,
        atol=1e-5 * np.abs(second).max(initial=1e-9), err_msg=str(network.said))
    draw = np.random.default_rng(0).standard_normal(network.params[path].shape)
    changes[path] = oracle.into_null_space(
        moments[path].site, second, draw, relative=1e-12)
  after = jax.jit(fn)(runs.replace(params, changes), x)
  assert runs.change(out, after) < 1e-4, network.said


@settings(deadline=None, max_examples=5, derandomize=True)
@given(random_networks.networks())
def test_random_networks(network):
  check(network)


@pytest.mark.slow
@settings(deadline=None, max_examples=400)
@given(random_networks.networks())
def test_many_random_networks(network):
  check(network)
