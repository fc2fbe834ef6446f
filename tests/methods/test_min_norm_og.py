"""MinNorm-OG against its algorithm in float64 NumPy, and least-norm solutions."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax.methods.min_norm_og import in_turn

KEY = jax.random.key(0)


def algorithm(problem, ref, rate, strengths):
  """Algorithm 1 with one batch an epoch, of which every output is kept."""
  params, retain = ref.params(problem), problem.retain
  for c in strengths:
    rows = [ref.flat(ref.gradient(
        lambda p, x=x: ref.logits(p, x[None]).max(), params)) for x in retain.x]
    u, s, _ = np.linalg.svd(np.stack(rows).T, full_matrices=False)
    u, theta = u[:, s > 1e-9], ref.flat(params)
    params = ref.unflat(theta - c * (theta - u @ (u.T @ theta)), params)
    params = ref.descend(params, rate, lambda p: ref.cross_entropy(p, retain))
  return params


def test_steps_are_those_of_the_algorithm(toy, ref):
  few = dataclasses.replace(toy, retain=toy.retain.where(np.array([0, 1, 2, 3, 15, 16])))
  method = methods.min_norm_og(
      optax.sgd(.1), strength=.4, decay=.5, descent_share=1 / 3, examples=6, steps=3,
      batch_size=6)
  ref.assert_close(
      method(few, KEY).params, algorithm(few, ref, .1, (.4, .2, 0)), 5e-4)


def test_a_linear_model_becomes_the_smallest_that_says_the_same():
  """Column by column, in closed form: what its inputs span is what is left."""
  rng = np.random.default_rng(0)
  x = rng.normal(size=(6, 9)).astype(np.float32)
  w = rng.normal(size=(9, 3)).astype(np.float32)
  said = (x @ w).argmax(-1)
  data = problem_lib.Examples(x, np.arange(6) % 3)
  problem = problem_lib.Problem(
      problem_lib.Network(lambda params, x: x @ params['w']), {'w': jnp.asarray(w)},
      data, data.replace(x=-x), 3)
  done = methods.min_norm_og(
      optax.sgd(0.), strength=1., descent_share=0., examples=6, steps=1, batch_size=6)(
          problem, KEY)
  expected = np.zeros_like(w, np.float64)
  for k in range(3):
    mine = x[said == k].astype(np.float64)
    expected[:, k] = np.linalg.pinv(mine) @ (mine @ w[:, k])
  np.testing.assert_allclose(done.params['w'], expected, atol=1e-5)


def test_examples_are_taken_evenly_of_the_classes_of_a_batch():
  labels = np.random.default_rng(0).permutation(np.repeat(np.arange(4), [20, 5, 2, 1]))
  chosen = np.asarray(in_turn(jnp.asarray(labels), 12))
  assert len({*chosen.tolist()}) == 12
  np.testing.assert_array_equal(np.bincount(labels[chosen]), [5, 4, 2, 1])
  assert len(in_turn(jnp.asarray(labels), 100)) == len(labels)


@pytest.mark.parametrize('wrong', [{'strength': 1.5}, {'decay': -1.}, {'descent_share': 2.}])
def test_what_has_no_meaning_is_refused(wrong):
  with pytest.raises(ValueError, match=f'{next(iter(wrong))} is a number in'):
    methods.min_norm_og(**wrong)
