"""The noise of Fisher forgetting against variances computed in numpy."""

import dataclasses

import jax
import numpy as np
import pytest

from unsc_jax import capture
from unsc_jax import methods
from unsc_jax.methods.fisher_forgetting import noise_variance


@pytest.mark.parametrize('power', [1., .5])
def test_noise_has_the_variance(toy, ref, power):
  problem = dataclasses.replace(
      toy, retain=jax.tree.map(lambda leaf: leaf[::3], toy.retain))
  params, alpha = ref.params(problem), 1e-3
  F = ref.fisher(params, problem.retain.x)
  v = {}
  for layer, cap in (('a', 1e3), ('b', 1e2)):
    v[layer] = {name: alpha * np.minimum((f + 1e-8)**-power, cap)
                for name, f in F[layer].items()}
    v[layer]['kernel'] = np.broadcast_to(
        v[layer]['kernel'].mean(0), F[layer]['kernel'].shape)
  v['a']['bias'] = 10 * v['a']['bias']
  v['b'] = {name: 10 * value for name, value in v['b'].items()}
  v['b']['kernel'][:, 2], v['b']['bias'][2] = 1e-3, 1e-3
  params['b']['kernel'][:, 2], params['b']['bias'][2] = 0, 0

  method = methods.fisher_forgetting(alpha, power=power)
  z = np.stack([
      (ref.flat(method(problem, key).params) - ref.flat(params))
      / np.sqrt(ref.flat(v)) for key in jax.random.split(jax.random.key(0), 60)])
  # Standard normal, entry by entry: five standard errors.
  assert np.abs(z.mean(0)).max() < 5 / np.sqrt(60)
  assert np.abs(np.square(z).mean(0) - 1).max() < 5 * np.sqrt(2 / 60)


@pytest.mark.parametrize('axes', [(0,), (0, 1)], ids=['into heads', 'out of heads'])
def test_variance_is_averaged_over_the_inputs_of_heads(axes):
  F = np.random.default_rng(0).uniform(1, 2, (2, 3, 4))
  site = capture.Site('w', F.shape, axes)
  found = noise_variance(F.astype(np.float32), .1, 1., in_head=False, site=site)
  expected = np.broadcast_to((.1 / F).mean(axes, keepdims=True), F.shape)
  np.testing.assert_allclose(found, expected, rtol=1e-5)
