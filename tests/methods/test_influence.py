"""The Newton step against a dense inverse, and the published recursion."""

import dataclasses

import jax
import numpy as np
import pytest

from unsc_jax import methods

KEY = jax.random.key(0)


def pieces(problem, ref):
  params = ref.params(problem)
  G_r, G_f = (np.stack([ref.flat(g) for g in ref.each(params, data)])
              for data in (problem.retain, problem.forget))
  n_f, n_r = len(G_f), len(G_r)
  n = n_f + n_r
  return params, G_r, G_f.sum(0) / n - n_f / (n * n_r) * G_r.sum(0)


@pytest.mark.parametrize('batch_size', [256, 7])  # at once, and with a remainder
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
  two = jax.tree.map(lambda leaf: leaf[[0, -1]], toy.retain)
  problem = dataclasses.replace(toy, network=large, retain=two)

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
