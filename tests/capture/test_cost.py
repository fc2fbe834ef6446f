"""Tracing costs a few integers a value, whatever the parameters' size."""

import jax
import jax.numpy as jnp
import pytest

from benchmarks import trace_cost
import unsc_jax


@pytest.mark.parametrize('kind', [
    'scanned', pytest.param('unrolled', marks=pytest.mark.slow)])
def test_a_billion_parameters_that_do_not_exist(kind):
  cost = trace_cost.in_own_process(kind)
  assert cost['parameters'] > 1e9
  assert cost['captured'] > .999
  for step in ('sites', 'moments'):
    assert cost[step]['seconds'] < trace_cost.LIMITS['seconds']
    assert cost[step]['mebibytes'] < trace_cost.LIMITS['mebibytes']


@jax.custom_vjp
def _layer(w, x):
  return jnp.tanh(x @ w)


_layer.defvjp(lambda w, x: (_layer(w, x), (w, x)),
              lambda saved, g: (saved[1].T @ g, g @ saved[0].T))


@pytest.mark.parametrize('layer', [_layer, jax.checkpoint(_layer.fun)],
                         ids=['custom_vjp', 'checkpoint'])
def test_what_has_rules_of_its_own_is_computed_once(layer):
  """The walk runs such a call twice, once as it stands; XLA sees that."""
  fn = lambda w, x: layer(w, layer(w, x))
  args = jnp.ones((32, 32)), jnp.ones((8, 32))
  flops = lambda fn: jax.jit(fn).lower(*args).compile().cost_analysis()['flops']
  nothing = unsc_jax.input_moments(fn, select=lambda site: False)
  assert flops(nothing) == flops(fn)
