"""Dampening, noise and Newton steps by squares of gradients, against numpy."""

import dataclasses

import jax
import numpy as np
import pytest

from unsc_jax import batching
from unsc_jax import capture
from unsc_jax import methods
from unsc_jax.methods.fisher_forgetting import noise_variance

KEY = jax.random.key(0)


@pytest.mark.parametrize('group', [  # by one, by some, and all at once
    1, 4, pytest.param(30, marks=pytest.mark.slow)])
def test_dampens_by_the_ratio_of_importances(toy, ref, group):
  """Minibatches are of all data, in whatever classes the key's order brings."""
  params = ref.params(toy)
  f, r = (ref.each(params, examples) for examples in (toy.forget, toy.retain))

  def importance(each, key):
    each = each[np.random.default_rng(batching.seed_of(key)).permutation(len(each))]
    batches = [each[lo:lo + group] for lo in range(0, len(each), group)]
    return np.mean([np.square(batch.mean(0)) for batch in batches], 0)

  # What compose hands to an edit, and what is drawn with it.
  all_key, forget_key = jax.random.split(jax.random.split(KEY, 4)[0])
  everything = importance(np.concatenate([r, f]), all_key)
  forget = importance(f, forget_key)
  w = ref.flat(params)
  chosen = forget > 1.2 * everything
  assert .1 < chosen.mean() < .9
  expected = np.where(chosen, w * np.minimum(
      1, .8 * everything / np.where(chosen, forget, 1)), w)
  done = methods.ssd(1.2, .8, group=group, batch_size=8)(toy, KEY)
  np.testing.assert_allclose(ref.flat(done.params), expected, atol=1e-4)


# Of another power the variance itself is compared below.
@pytest.mark.parametrize('power', [1., pytest.param(.5, marks=pytest.mark.slow)])
def test_noise_has_the_variance(toy, ref, power):
  problem = dataclasses.replace(toy, retain=toy.retain.where(slice(None, None, 3)))
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
      / np.sqrt(ref.flat(v)) for key in jax.random.split(jax.random.key(0), 40)])
  # Standard normal, entry by entry: five standard errors.
  assert np.abs(z.mean(0)).max() < 5 / np.sqrt(40)
  assert np.abs(np.square(z).mean(0) - 1).max() < 5 * np.sqrt(2 / 40)


@pytest.mark.parametrize('axes', [(0,), (0, 1)], ids=['into heads', 'out of heads'])
def test_variance_is_averaged_over_the_inputs_of_heads(axes):
  F = np.random.default_rng(0).uniform(1, 2, (2, 3, 4))
  site = capture.Site('w', F.shape, axes)
  for power in (1., .5):
    found = noise_variance(F.astype(np.float32), .1, power, in_head=False, site=site)
    expected = np.broadcast_to((.1 * F**-power).mean(axes, keepdims=True), F.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def pieces(problem, ref):
  params = ref.params(problem)
  G_r, G_f = (ref.each(params, data) for data in (problem.retain, problem.forget))
  n_f, n_r = len(G_f), len(G_r)
  n = n_f + n_r
  return params, G_r, G_f.sum(0) / n - n_f / (n * n_r) * G_r.sum(0)


@pytest.mark.parametrize('batch_size', [  # at once, and with a remainder
    pytest.param(256, marks=pytest.mark.slow), 7])
def test_step_solves_with_the_empirical_fisher(toy, ref, batch_size):
  params, G, v = pieces(toy, ref)
  F = .3 * np.eye(len(v)) + G.T @ G / len(G)
  expected = ref.flat(params) + 2. * np.linalg.solve(F, v)
  done = methods.influence(2., damping=.3, batch_size=batch_size)(toy, KEY)
  np.testing.assert_allclose(ref.flat(done.params), expected, atol=2e-4)


def recursion(G, v):
  k, o = v.copy(), G[0].copy()
  for g in G[1:]:
    k, o = (k - k @ g / (1000 + o @ g) * o, o - o @ g / (1000 + o @ g) * o)
  return k


def test_published_recursion(toy, ref):
  # Two examples that differ, whose order is a draw: one of two results is right.
  # Gradients are enlarged, or a thousand swallows them.
  large = dataclasses.replace(toy.network, fn=lambda p, x: 20 * toy.fn(p, x))
  problem = dataclasses.replace(
      toy, network=large, retain=toy.retain.where(np.array([0, -1])))

  class Large(type(ref)):
    def logits(self, params, x):
      return 20 * super().logits(params, x)
  ref = Large()
  params, G, v = pieces(problem, ref)
  found = (ref.flat(methods.influence(1., published=True)(problem, KEY).params)
           - ref.flat(params))
  wanted = [recursion(G[order], v) for order in ([0, 1], [1, 0])]
  errors = [np.abs(found - k).max() / np.abs(v).max() for k in (*wanted, v)]
  assert min(errors[:2]) < 1e-3
  assert max(errors[:2]) > 1e-2
  assert errors[2] > 1e-2
