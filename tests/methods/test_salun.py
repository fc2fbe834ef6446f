"""SalUn's mask and masked steps against numpy."""

import dataclasses

import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax.parts import schedules

KEY = jax.random.key(0)


def mask_of(problem, ref, share):
  """1 for the largest summed forget gradients, over all weights."""
  params = ref.params(problem)
  score = np.abs(sum(map(ref.flat, ref.each(params, problem.forget))))
  kept = int(share * score.size)
  return (score >= np.sort(score)[-kept]).astype(float)


def test_steps_are_masked_gradients(two_classes, ref):
  problem = two_classes  # one class remains: the random label is known
  mask = mask_of(problem, ref, .3)
  params = ref.params(problem)
  forget = dataclasses.replace(problem.forget, y=np.zeros(20, int))
  for data in (forget, problem.retain):
    gradient = ref.gradient(lambda p, d=data: ref.cross_entropy(p, d), params)
    params = ref.unflat(
        ref.flat(params) - .1 * mask * ref.flat(gradient), params)
  method = methods.salun(optax.sgd(.1), share=.3, rounds=1, batch_size=20)
  # The retain set has ten examples: each twice in a batch of twenty.
  ref.assert_close(method(problem, KEY).params, params)


def test_masked_weights_do_not_move_at_all(toy, ref):
  mask = mask_of(toy, ref, .4)
  optimizer = optax.adamw(.05, weight_decay=1.)
  done = methods.salun(optimizer, share=.4, rounds=3)(toy, KEY)
  moved = ref.flat(done.params) != ref.flat(toy.params)
  np.testing.assert_array_equal(moved, mask == 1)


def test_published_labels_are_drawn_anew_from_all_classes():
  data = problem_lib.Examples(np.arange(400)[:, None], np.full(400, 2))
  alternating = schedules.alternating(2, retain_steps=1, batch_size=400)
  plan = schedules.drawing_labels(alternating, 4)(data, data, KEY)
  batches = list(plan.batches)
  assert len(batches) == plan.steps == 4
  # Forget and retain steps take turns; what is retained keeps its labels.
  assert all((b.retain.y == 2).all() for b in batches[1::2])
  first, second = (b.forget.y[np.argsort(b.forget.x[:, 0])] for b in batches[::2])
  for y in (first, second):
    np.testing.assert_allclose(np.bincount(y) / 400, .25, atol=.07)
  assert abs((first == second).mean() - .25) < .08  # as chance has it


def test_published_draws_labels_anew(two_classes):
  """What is taught is not the one label that remains."""
  first = {}
  for published in (False, True):
    done = methods.salun(
        optax.sgd(0.), rounds=2, published=published, batch_size=20)(two_classes, KEY)
    first[published] = done.history['loss'][::2]  # forget steps; nothing moves
  assert first[False][0] == pytest.approx(first[False][1])
  assert first[True][0] != pytest.approx(first[True][1], rel=1e-3)
