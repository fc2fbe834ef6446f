"""OrthoGrad against its authors' step in float64 NumPy."""

import dataclasses

import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods

KEY = jax.random.key(0)


def authors_step(params, problem, ref, rate, alpha, by_leaf):
  """A span per tensor of the network in their code, of all together in their equation."""
  rows = ref.each(params, problem.retain)
  slope = ref.flat(ref.gradient(lambda p: ref.cross_entropy(p, problem.forget), params))
  sizes = [leaf.size for leaf in jax.tree.leaves(params)] if by_leaf else [slope.size]
  free, ends = [], np.cumsum(sizes)[:-1]
  for part, of in zip(np.split(slope, ends), np.split(rows, ends, 1)):
    u, s, _ = np.linalg.svd(of.T, full_matrices=False)
    u = u[:, s > 1e-9]
    free.append(part - u @ (u.T @ part))
  step = alpha * rows.mean(0) - (1 - alpha) * np.concatenate(free)
  return ref.unflat(ref.flat(params) - rate * step, params)


@pytest.mark.parametrize('published', [False, True])
def test_steps_are_those_of_the_authors(toy, ref, published):
  few = dataclasses.replace(toy, retain=toy.retain.where(np.array([0, 1, 2, 12, 17])))
  method = methods.orthograd(
      optax.sgd(.2), alpha=.3, published=published, steps=2, batch_size=10,
      retain_batch_size=5, stop_below=-1.)
  params = ref.params(toy)
  for _ in range(2):
    params = authors_step(params, few, ref, .2, .3, published)
  done = method(few, KEY)
  ref.assert_close(done.params, params, 5e-4)
  assert done.history['loss'].shape == (2,)


def test_without_descent_no_retained_example_of_the_batch_moves(toy, ref):
  """To first order: a small step changes their losses by the square of it."""
  few = dataclasses.replace(toy, retain=toy.retain.where(np.array([3, 14])))
  before = ref.params(few)
  done = methods.orthograd(
      optax.sgd(.03), alpha=0., steps=1, batch_size=10, retain_batch_size=2,
      stop_below=-1.)(few, KEY)
  losses = lambda part: ref.losses(ref.float64(done.params), part) - ref.losses(before, part)
  assert np.abs(losses(few.retain)).max() < .05 * losses(few.forget).mean()


def test_the_weight_is_one():
  with pytest.raises(ValueError, match='alpha is the weight of what remains'):
    methods.orthograd(alpha=-.1)
