"""Masks by gradients, and what is dropped, reset or trained by them, against numpy."""

import dataclasses

import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax.parts import schedules

KEY = jax.random.key(0)


def mask_of(params, examples, ref, share):
  """Marks the largest summed gradients of some examples, over all weights."""
  return ref.largest(np.abs(ref.each(params, examples).sum(0)), share)


def test_steps_are_masked_gradients(two_classes, ref):
  problem = two_classes  # one class remains: the random label is known
  params = ref.params(problem)
  mask = mask_of(params, problem.forget, ref, .3)
  forget = dataclasses.replace(problem.forget, y=np.zeros(20, int))
  for data in (forget, problem.retain):
    gradient = ref.gradient(lambda p, d=data: ref.cross_entropy(p, d), params)
    params = ref.unflat(
        ref.flat(params) - .1 * mask * ref.flat(gradient), params)
  method = methods.salun(optax.sgd(.1), share=.3, rounds=1, batch_size=20)
  # The retain set has ten examples: each twice in a batch of twenty.
  ref.assert_close(method(problem, KEY).params, params)


def test_masked_weights_do_not_move_at_all(toy, ref):
  mask = mask_of(ref.params(toy), toy.forget, ref, .4)
  optimizer = optax.adamw(.05, weight_decay=1.)
  done = methods.salun(optimizer, share=.4, rounds=3)(toy, KEY)
  moved = ref.flat(done.params) != ref.flat(toy.params)
  np.testing.assert_array_equal(moved, mask)


def test_published_labels_are_drawn_anew_from_all_classes():
  data = problem_lib.Examples(np.arange(400)[:, None], np.full(400, 2))
  alternating = schedules.alternating(2, retain_steps=1, batch_size=400)
  plan = schedules.drawing_labels(alternating, (0, 1, 2, 3))(data, data, KEY)
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


def test_drops_what_the_retained_do_not_call_for(toy, ref):
  params = ref.params(toy)
  share = .8  # less would leave a unit at nought, where relu has no gradient
  kept = mask_of(params, toy.retain, ref, share)
  start = ref.unflat(kept * ref.flat(params), params)
  assert (np.abs(start['a']['kernel']).sum(0) > 0).all()
  # Dropped weights are free again: the step is not masked.
  loss = lambda p: ref.cross_entropy(p, toy.retain)
  method = methods.retention_masking(
      optax.sgd(.1), share=share, steps=1, batch_size=20)
  ref.assert_close(
      method(toy, KEY).params, ref.descend(start, .1, loss))


@pytest.mark.parametrize('published', [False, True])
@pytest.mark.parametrize('weight', [.5, -2.])
def test_trims_and_repairs(fixed_init, ref, weight, published):
  problem, params = fixed_init, ref.params(fixed_init)
  forget = lambda p: ref.cross_entropy(p, problem.forget)
  score = np.abs(ref.flat(params) * ref.flat(ref.gradient(forget, params)))
  start = np.where(ref.largest(score, .2), ref.flat(ref.fresh(problem)), ref.flat(params))
  params = ref.unflat(start, params)
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


def test_constraint_is_taken_anew_every_epoch_and_ends_with_the_forget_set(fixed_init, ref):
  """One example to forget and copies of another to retain: no order plays a part."""
  problem = dataclasses.replace(
      fixed_init, retain=fixed_init.retain.where(np.zeros(3, int)),
      forget=fixed_init.forget.where(slice(1)))
  rate, weight, constraints = .1, -.5, []  # a negative weight asks for what is forbidden
  params, forget = ref.params(problem), lambda p: ref.cross_entropy(p, problem.forget)
  stay = lambda p: ref.cross_entropy(p, problem.retain)
  gradient = lambda loss: ref.flat(ref.gradient(loss, params))
  score = np.abs(ref.flat(params) * gradient(forget))
  params = ref.unflat(np.where(
      ref.largest(score, .2), ref.flat(ref.fresh(problem)), ref.flat(params)), params)
  for _ in range(3):
    memory = -gradient(forget)
    for step in range(3):
      g = gradient(stay if step else lambda p: stay(p) - weight * forget(p))
      if not step:
        constraints.append(g @ memory < 0)
        g = g - min(g @ memory, 0) / (memory @ memory) * memory
      params = ref.unflat(ref.flat(params) - rate * g, params)
  assert any(constraints)  # or the memory would not tell
  method = methods.scissorhands(
      optax.sgd(rate), share=.2, weight=weight, epochs=3, batch_size=1)
  ref.assert_close(method(problem, KEY).params, params, 1e-3)


def channel_mask(problem, ref, share, *tops):
  """By the mean of a layer's `top` largest |w g| of every output channel."""
  params = ref.params(problem)
  total = ref.each(params, problem.forget).sum(0)
  score = ref.unflat(np.abs(ref.flat(params) * total), params)
  for layer, top in zip(score.values(), tops):
    columns = np.sort(layer['kernel'], 0)[::-1][:top].mean(0)
    layer['kernel'] = np.broadcast_to(columns, layer['kernel'].shape)
  return ref.unflat(ref.largest(ref.flat(score), share), params)


@pytest.mark.parametrize('published', [False, True])
def test_resets_channels_and_trains_them(fixed_init, ref, published):
  problem = fixed_init
  # A third of six and of five inputs; published, a tenth of five channels.
  mask = channel_mask(problem, ref, .4, *((1, 1) if published else (2, 1)))
  if not published:
    mask['b']['kernel'][:, 2], mask['b']['bias'][2] = True, True
  params = jax.tree.map(np.where, mask, ref.fresh(problem), ref.params(problem))
  free = {'a': mask['a'], 'b': jax.tree.map(np.ones_like, mask['b'])}
  gradient = ref.gradient(lambda p: ref.cross_entropy(p, problem.retain), params)
  expected = jax.tree.map(
      lambda w, g, m: w - .1 * g * m, params, gradient, free)
  method = methods.example_localization(
      optax.sgd(.1), share=.4, channel_share=1 / 3, published=published, steps=1,
      batch_size=20)
  ref.assert_close(method(problem, KEY).params, expected)
