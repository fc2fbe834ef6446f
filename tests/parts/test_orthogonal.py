"""What is orthogonal to rows, against projectors in float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax.parts import orthogonal


def remainder(vector, rows):
  """By singular vectors: what no combination of the rows reaches."""
  rows = np.asarray(rows, np.float64)
  lengths = np.linalg.norm(rows, axis=1, keepdims=True)
  _, s, v = np.linalg.svd(rows / np.where(lengths > 0, lengths, 1), full_matrices=False)
  v = v[s > 1e-9 * s.max()] if s.size else v
  return np.asarray(vector, np.float64) - v.T @ (v @ np.asarray(vector, np.float64))


@pytest.mark.parametrize('rows', ['alike', 'dependent', 'tiny', 'too many'])
def test_a_vector_loses_what_rows_span(rows):
  rng = np.random.default_rng(0)
  random = rng.normal(size=(5, 12))
  rows = {
      'alike': 1 + 1e-2 * random,  # hardly independent
      'dependent': np.concatenate([random[:3], random[:2] + random[2], 0 * random[:1]]),
      'tiny': random * np.logspace(0, -24, 5)[:, None],
      'too many': rng.normal(size=(15, 12))}[rows]
  vector = rng.normal(size=12)
  q = np.asarray(jax.jit(orthogonal.basis)(np.float32(rows)))
  found = jax.jit(orthogonal.part)(np.float32(vector), q)
  np.testing.assert_allclose(found, remainder(vector, rows), atol=2e-5)
  length = np.linalg.norm(q, axis=1)
  kept = np.asarray(q, np.float64)[length > 0]
  assert len(kept) == np.linalg.matrix_rank(rows / np.linalg.norm(
      rows, axis=1, keepdims=True).clip(1e-30), tol=1e-4)
  np.testing.assert_allclose(kept @ kept.T, np.eye(len(kept)), atol=1e-5)


@pytest.mark.parametrize('by_leaf', [False, True])
def test_leaves_together_or_each_alone(by_leaf):
  rng = np.random.default_rng(1)
  make = lambda *lead: {
      'a': rng.normal(size=(*lead, 3, 2)), 'b': rng.normal(size=(*lead, 4))}
  tree, rows = make(), make(2)
  to_rows = jax.jit(orthogonal.to_rows, static_argnames='by_leaf')
  found = to_rows(*jax.tree.map(np.float32, (tree, rows)), by_leaf=by_leaf)
  flat = lambda t, *lead: np.concatenate([t[k].reshape(*lead, -1) for k in 'ab'], -1)
  expected = np.concatenate([
      remainder(tree[k].ravel(), rows[k].reshape(2, -1)) for k in 'ab']
  ) if by_leaf else remainder(flat(tree), flat(rows, 2))
  np.testing.assert_allclose(flat(jax.tree.map(np.asarray, found)), expected, atol=1e-5)


def test_gradients_are_of_single_examples():
  x = jnp.asarray(np.random.default_rng(2).normal(size=(4, 3)), jnp.float32)
  value = lambda leaves, batch: jnp.sin(batch @ leaves['w']).mean()
  found = orthogonal.gradients(value, {'w': jnp.ones(3)}, x)['w']
  np.testing.assert_allclose(found, np.cos(x.sum(1))[:, None] * x, atol=1e-5)
