"""Scissorhands' trimming and its constrained step against numpy."""

import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods

KEY = jax.random.key(0)


@pytest.mark.parametrize('published', [False, True])
@pytest.mark.parametrize('weight', [.5, -2.])
def test_trims_and_repairs(fixed_init, ref, weight, published):
  problem, fresh = fixed_init, fixed_init.network.init(KEY)
  params = ref.params(problem)
  forget = lambda p: ref.cross_entropy(p, problem.forget)
  score = np.abs(ref.flat(params) * ref.flat(ref.gradient(forget, params)))
  trimmed = score >= np.sort(score)[-int(.2 * score.size)]
  start = np.where(trimmed, ref.flat(fresh), ref.flat(params))
  params = ref.unflat(start.astype(np.float64), params)
  loss = lambda p: ref.cross_entropy(p, problem.retain) - weight * forget(p)
  g, m = ref.flat(ref.gradient(loss, params)), -ref.flat(
      ref.gradient(forget, params))
  if g @ m < 0:
    v = -(g @ m) / (m @ m + (1e-3 if published else 0))
    g = g + max(v, .5 if published else 0) * m
    assert published or g @ m > -1e-9
  else:
    assert weight > 0  # a negative weight asks for what the constraint forbids
  method = methods.scissorhands(
      optax.sgd(.1), share=.2, weight=weight, published=published, steps=1,
      batch_size=20)
  found = ref.flat(method(problem, KEY).params)
  np.testing.assert_allclose(found, start - .1 * g, atol=5e-4)
