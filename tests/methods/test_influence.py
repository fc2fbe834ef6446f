"""The Newton step against a dense inverse, and the published recursion."""

import dataclasses

import jax
import numpy as np

from unsc_jax import methods

KEY = jax.random.key(0)


def pieces(problem, ref):
  params = ref.params(problem)
  G_r, G_f = (np.stack([ref.flat(g) for g in ref.each(params, data)])
              for data in (problem.retain, problem.forget))
  n_f, n_r = len(G_f), len(G_r)
  n = n_f + n_r
  return params, G_r, G_f.sum(0) / n - n_f / (n * n_r) * G_r.sum(0)


def test_step_solves_with_the_empirical_fisher(toy, ref):
  params, G, v = pieces(toy, ref)
  F = .3 * np.eye(len(v)) + G.T @ G / len(G)
  expected = ref.flat(params) + 2. * np.linalg.solve(F, v)
  done = methods.influence(2., damping=.3)(toy, KEY)
  np.testing.assert_allclose(ref.flat(done.params), expected, atol=2e-4)


def test_published_recursion(toy, ref):
  # Of one example the order does not matter, of several it does: take all the
  # same, so that it is known.
  same = jax.tree.map(lambda leaf: np.repeat(leaf[:1], 20, 0), toy.retain)
  problem = dataclasses.replace(toy, retain=same)
  params, G, v = pieces(problem, ref)
  k, o = v.copy(), G[0].copy()
  for g in G[1:]:
    k, o = (k - k @ g / (1000 + o @ g) * o, o - o @ g / (1000 + o @ g) * o)
  done = methods.influence(300., published=True)(problem, KEY)
  assert not np.allclose(k, v, rtol=1e-4)
  np.testing.assert_allclose(
      ref.flat(done.params), ref.flat(params) + 300 * k, rtol=1e-3, atol=1e-2)
