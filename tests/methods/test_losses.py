"""Methods that train all weights or the last layers, against SGD on their losses."""

import dataclasses

import chex
import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods

KEY = jax.random.key(0)
SGD = optax.sgd(.1)


def fine_tune(problem, ref):
  loss = lambda p: ref.cross_entropy(p, problem.retain)
  return methods.fine_tune(SGD, steps=2, batch_size=20), [loss] * 2


def gradient_ascent(problem, ref):
  loss = lambda p: -ref.cross_entropy(p, problem.forget)
  return methods.gradient_ascent(SGD, steps=2, batch_size=10), [loss] * 2


def neggrad_plus(problem, ref):
  loss = lambda p: (.8 * ref.cross_entropy(p, problem.retain)
                    - .2 * ref.cross_entropy(p, problem.forget))
  # Twenty: the retain set once, the forget set twice.
  return methods.neggrad_plus(SGD, alpha=.8, steps=1, batch_size=20), [loss]


def l1_sparse(problem, ref):
  """The penalty fades linearly."""
  at = lambda t: lambda p: ref.cross_entropy(p, problem.retain) + (
      .3 * (1 - t / 3) * np.abs(ref.flat(p)).sum())
  return (methods.l1_sparse(SGD, alpha=.3, steps=3, batch_size=20),
          [at(0), at(1), at(2)])


def scrub(problem, ref):
  """Away from the teacher and back, in turn."""
  T, gamma, alpha = 2., .7, .4
  start = ref.params(problem)
  p = lambda params, x: ref.softmax(ref.logits(params, x) / T)
  divergence = lambda q, x: T**2 * ref.kl(p(start, x), p(q, x))
  away = lambda q: -divergence(q, problem.forget.x)
  stay = lambda q: (gamma * ref.cross_entropy(q, problem.retain)
                    + alpha * divergence(q, problem.retain.x))
  return methods.scrub(
      SGD, temperature=T, gamma=gamma, alpha=alpha, rounds=3, forget_rounds=2,
      batch_size=10, retain_batch_size=20), [away, stay, away, stay, stay]


def bad_teacher(problem, ref, published=False):
  params, x_f, x_r = ref.params(problem), problem.forget.x, problem.retain.x
  p = lambda params, x: ref.softmax(ref.logits(params, x))
  novice, original = p(ref.fresh(problem), x_f), p(params, x_r)
  loss = lambda q: (10 * ref.kl(novice, p(q, x_f)) + 20 * ref.kl(
      original, p(q, x_r))) / 30 / (3 if published else 1)
  return methods.bad_teacher(
      SGD, retain_share=1., published=published, steps=3, batch_size=30), [loss] * 3


def delete(problem, ref, published=False):
  """Rules out all forgotten classes; of single examples and published, the own."""
  x, y = problem.forget.x, problem.forget.y
  own = published or not problem.forget_classes
  out = np.arange(3) == y[:, None] if own else np.isin(
      np.arange(3), problem.forget_classes)
  q = ref.softmax(np.where(out, -np.inf, ref.logits(ref.params(problem), x)))
  loss = lambda p: ref.kl(q, ref.softmax(ref.logits(p, x)))
  return methods.delete(
      SGD, steps=2, batch_size=len(x), published=published), [loss] * 2


def random_label(problem, ref):
  """One class remains, so the label is known; every example weighs the same."""
  forget = problem.forget.replace(y=np.zeros(20, int))
  loss = lambda p: (20 * ref.cross_entropy(p, forget)
                    + 10 * ref.cross_entropy(p, problem.retain)) / 30
  return methods.random_label(SGD, steps=1, batch_size=30), [loss]


def random_label_alone(problem, ref):
  forget = problem.forget.replace(y=np.zeros(20, int))
  loss = lambda p: ref.cross_entropy(p, forget)
  return methods.random_label(SGD, retain=False, steps=1, batch_size=20), [loss]


def partially_blinded(problem, ref):
  params = ref.params(problem)
  fisher, start = ref.flat(ref.fisher(params, problem.forget.x)), ref.flat(params)
  loss = lambda q: (
      -.4 * ref.cross_entropy(q, problem.forget)
      + np.sum((.6 * fisher + .1) * np.square(ref.flat(q) - start)))
  return methods.partially_blinded(
      SGD, alpha=.4, beta=.6, gamma=.1, steps=3, batch_size=10), [loss] * 3


PUBLISHED = {'published': True}


@pytest.mark.parametrize(('case', 'request_of', 'options'), [
    (fine_tune, 'toy', {}), (gradient_ascent, 'toy', {}), (neggrad_plus, 'toy', {}),
    (l1_sparse, 'toy', {}), (scrub, 'toy', {}), (bad_teacher, 'fixed_init', {}),
    (bad_teacher, 'fixed_init', PUBLISHED), (delete, 'two_classes', {}),
    (delete, 'two_classes', PUBLISHED), (delete, 'single', {}),
    (random_label, 'two_classes', {}), (random_label_alone, 'two_classes', {}),
    (partially_blinded, 'toy', {})])
def test_descends_its_loss(case, request_of, options, request, ref):
  problem = request.getfixturevalue(request_of)
  method, losses = case(problem, ref, **options)
  done = method(problem, KEY)
  ref.assert_close(done.params, ref.descend(ref.params(problem), .1, *losses))
  assert done.history['loss'].shape == (len(losses),)
  assert set(done.seconds) >= {'steps'}


@pytest.mark.parametrize(('method', 'options'), [
    (methods.bad_teacher, {'retain_share': 0.}), (methods.neggrad_plus, {'alpha': 1.5})])
def test_shares_and_weights_are_such(method, options):
  with pytest.raises(ValueError, match=next(iter(options))):
    method(**options)


def test_a_single_round_from_the_teacher_is_refused():
  with pytest.raises(ValueError, match='forgets nothing; take two rounds or more'):
    methods.scrub(forget_rounds=1)


@pytest.mark.parametrize('published', [False, True])
def test_boundary_labels(toy, ref, published):
  head = {**toy.params['b'], 'bias': toy.params['b']['bias'].at[2].add(4.)}
  toy = dataclasses.replace(toy, params={**toy.params, 'b': head})
  params, bound = ref.params(toy), .5
  x = np.asarray(toy.forget.x, np.float64)
  slope = ref.gradient(
      lambda x: ref.cross_entropy(params, toy.forget.replace(x=x)), x)
  logits = ref.logits(params, x + bound * np.sign(slope))
  allowed = logits if published else logits[:, :2]  # class 2 is forgotten
  forget = toy.forget.replace(y=allowed.argmax(-1))
  # The two differ here, or the test would show nothing.
  assert published == (2 in forget.y)
  method = methods.boundary_shrink(
      optax.sgd(.1), bound=bound, published=published, steps=1, batch_size=10)
  ref.assert_close(
      method(toy, KEY).params,
      ref.descend(params, .1, lambda p: ref.cross_entropy(p, forget)))


@pytest.mark.parametrize('method', [methods.cf_k, methods.eu_k])
def test_the_head_alone_is_trained(method, fixed_init, ref):
  problem, start = fixed_init, ref.params(fixed_init)
  if method == methods.eu_k:
    start['b'] = ref.fresh(problem)['b']
  loss = lambda p: ref.cross_entropy({**p, 'a': start['a']}, problem.retain)
  done = method(SGD, steps=2, batch_size=20)(problem, KEY)
  chex.assert_trees_all_equal(done.params['a'], problem.params['a'])
  ref.assert_close(done.params, ref.descend(start, .1, loss, loss))


def test_all_layers_are_fine_tuning(toy):
  done = [m(toy, KEY).params for m in (
      methods.cf_k(k=2, steps=3, batch_size=20),
      methods.fine_tune(steps=3, batch_size=20))]
  chex.assert_trees_all_close(*done, atol=1e-6)


def test_weight_decay_leaves_frozen_layers_alone(toy):
  done = methods.cf_k(optax.adamw(.1, weight_decay=1.), steps=2)(toy, KEY)
  chex.assert_trees_all_equal(done.params['a'], toy.params['a'])
  assert (done.params['b']['kernel'] != toy.params['b']['kernel']).any()


def test_there_are_so_many_layers(toy):
  with pytest.raises(ValueError, match='k is 3, but the network has 2'):
    methods.cf_k(k=3)(toy, KEY)


@pytest.mark.parametrize(('method', 'steps'), [
    (methods.fine_tune(SGD, epochs=3, batch_size=8), 8),  # of 20 to retain
    (methods.gradient_ascent(SGD, epochs=3, batch_size=5), 6),  # of 10 to forget
    (methods.random_label(SGD, epochs=1, batch_size=10), 3),  # of both
    (methods.neggrad_plus(SGD, epochs=2, batch_size=10), 4)])
def test_trains_for_so_many_epochs(method, steps, toy):
  assert len(method(toy, KEY).history['loss']) == steps
