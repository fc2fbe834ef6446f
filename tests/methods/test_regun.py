"""ReGUn against its authors' loop in float64 NumPy, and what it draws."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import references

KEY = jax.random.key(0)


@pytest.fixture
def ragged(single):
  """Labels 0, 1, 1, 2, 2, 2 to forget, eight to retain, and a held-out example of each."""
  everything = jax.tree.map(
      lambda a, b: np.concatenate([a, b]), single.forget, single.retain)
  at = lambda label: np.flatnonzero(everything.labels == label)
  forget = np.concatenate([at(c)[:c + 1] for c in range(3)])
  return dataclasses.replace(
      single, forget=everything.where(forget),
      retain=everything.where(np.concatenate([at(0)[4:8], at(1)[4:7], at(2)[4:5]])),
      held_out=everything.where(np.array([at(c)[-1] for c in (2, 0, 1)])))


def authors_loop(problem, ref, rate, weight, epochs):
  """An epoch over the forget set in one batch, beside one of retained examples.

  After `mul/regun.py` of `jmirlach/ReGUn`, read for its order of things.
  """
  original = ref.params(problem)
  params, n = original, len(problem.forget)
  for _ in range(epochs):
    q = np.zeros(problem.num_classes)
    for y in problem.forget.y:  # of every label one example can be drawn
      u = problem.held_out.x[problem.held_out.y == y]
      q += ref.softmax(ref.logits(original, u))[0] / n
    loss = lambda p, q=q: (
        (1 - weight) * ref.kl(q[None], ref.softmax(ref.logits(p, problem.forget.x)))
        + weight * ref.cross_entropy(p, problem.retain))
    params = ref.descend(params, rate, loss)
  return params


def test_steps_are_those_of_the_authors(ragged, ref):
  # The forget set three times over, and eight retained examples in two batches of six: all
  # of them equal, so that no order plays a part.
  ragged = dataclasses.replace(ragged, retain=ragged.retain.where(np.full(8, 2)))
  method = methods.regun(optax.sgd(.3), retain_weight=.3, epochs=3, batch_size=6)
  done = method(ragged, KEY)
  assert len(done.history['loss']) == 3
  ref.assert_close(done.params, authors_loop(ragged, ref, .3, .3, 3))


def test_what_is_drawn_has_the_labels_of_the_batch():
  answers = np.eye(6, dtype=np.float32)  # of two, one and three held-out examples
  reference = references.Reference(*map(jnp.asarray, (
      answers, np.array([0, 2, 3]), np.array([2, 1, 3]))))
  labels = np.array([2, 0, 2, 0, 0])
  draw = lambda matched: np.array(jax.jit(jax.vmap(
      lambda key: references.drawn(reference, jnp.asarray(labels), key, matched=matched)))(
          jax.random.split(KEY, 400)))
  found = draw(True)
  np.testing.assert_allclose(found[:, :2].sum(1), .6, atol=1e-6)
  np.testing.assert_allclose(found[:, 3:].sum(1), .4, atol=1e-6)
  np.testing.assert_allclose(
      found.mean(0), [.3, .3, 0, .4 / 3, .4 / 3, .4 / 3], atol=.03)
  np.testing.assert_allclose(draw(False).mean(0), 1 / 6, atol=.03)


def test_a_class_to_forget_is_ruled_out_of_the_answers(toy, ref):
  held_out = jax.tree.map(lambda a, b: np.concatenate([a, b]), toy.forget, toy.retain)
  found = references.of(dataclasses.replace(toy, held_out=held_out))
  logits = ref.logits(ref.params(toy), held_out.x)[np.argsort(held_out.y, kind='stable')]
  np.testing.assert_allclose(found.answers[:, :2], ref.softmax(logits[:, :2]), atol=1e-5)
  assert not np.asarray(found.answers[:, 2]).any()
  np.testing.assert_array_equal(found.first, [0, 10, 20])
  np.testing.assert_array_equal(found.count, 10)


def test_without_held_out_examples_there_is_no_reference(toy, ragged):
  with pytest.raises(ValueError, match='give the Problem some as held_out'):
    methods.regun()(toy, KEY)
  few = dataclasses.replace(ragged, held_out=ragged.held_out.where(slice(2)))
  with pytest.raises(ValueError, match='no held-out example has label 1'):
    methods.regun()(few, KEY)
  with pytest.raises(ValueError, match='retain_weight is the weight of what remains'):
    methods.regun(retain_weight=1.5)


def test_single_examples_become_less_certain_and_the_rest_is_kept(problem, digits):
  retain, forget = problem_lib.split_random(digits.train, .1, seed=0)
  request = dataclasses.replace(problem, retain=retain, forget=forget, forget_classes=())
  params = methods.regun()(request, jax.random.key(1)).params

  def known(params, examples):
    answers = jax.nn.softmax(training.predict(request.fn, params, examples.x))
    own = np.asarray(answers)[np.arange(len(examples)), examples.y]
    return own.mean(), (answers.argmax(-1) == examples.y).mean()
  assert known(request.params, forget)[0] > .95
  assert known(params, forget)[0] < .7
  assert known(params, digits.test)[1] > .95
