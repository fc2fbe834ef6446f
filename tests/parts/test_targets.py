"""What forget examples are told to say."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from unsc_jax import problem
from unsc_jax.parts import head
from unsc_jax.parts import targets


def _problem(classes):
  rng = np.random.default_rng(0)
  y = np.arange(60) % 6
  data = problem.Examples(rng.normal(size=(60, 4)).astype(np.float32), y)
  params = {'w': jnp.asarray(rng.normal(size=(4, 6)), jnp.float32)}
  network = problem.Network(fn=lambda p, x: x @ p['w'])
  retain, forget = (problem.split_classes(data, classes) if classes
                    else problem.split_random(data, .3, 0))
  return problem.Problem(network, params, retain, forget, 6, classes)


@pytest.mark.parametrize('classes', [(2,), (0, 3, 5)])
def test_pseudo_labels_are_the_best_of_the_rest(classes):
  given = _problem(classes)
  labels = targets.pseudo_labels()(given, jax.random.key(0))
  logits = given.forget.x.astype(float) @ np.asarray(given.params['w'], float)
  rest = [c for c in range(6) if c not in classes]
  np.testing.assert_array_equal(labels, np.take(rest, logits[:, rest].argmax(-1)))


def test_random_labels_are_even_over_what_remains():
  given = _problem((1, 4))
  draw = lambda i: targets.random_labels()(given, jax.random.key(i))
  labels = np.concatenate([draw(i) for i in range(50)])
  assert set(labels) == {0, 2, 3, 5}
  share = np.bincount(labels, minlength=6)[[0, 2, 3, 5]] / len(labels)
  np.testing.assert_allclose(share, .25, atol=.06)


def test_random_labels_of_single_examples_are_never_their_own():
  given = _problem(())
  for i in range(20):
    labels = targets.random_labels()(given, jax.random.key(i))
    assert not (labels == given.forget.y).any()
    assert set(labels) <= set(range(6))


@pytest.mark.parametrize('classes', [(), (0, 3, 5)])
@pytest.mark.parametrize('published', [False, True])
def test_boundary_labels_are_the_best_after_a_step_uphill(classes, published):
  given = _problem(classes)
  labels = targets.boundary_labels(.05, published=published)(given, jax.random.key(0))
  w = np.asarray(given.params['w'], float)
  x, y = given.forget.x.astype(float), given.forget.y
  error = special.softmax(x @ w, -1) - np.eye(6)[y]
  z = (x + .05 * np.sign(error @ w.T)) @ w
  out = np.isin(np.arange(6), classes) if classes else np.eye(6, dtype=bool)[y]
  assert not np.array_equal(z.argmax(-1), np.where(out, -np.inf, z).argmax(-1))
  if not published:
    z = np.where(out, -np.inf, z)
  np.testing.assert_array_equal(labels, z.argmax(-1))


def test_a_masked_network_never_says_the_class():
  given = _problem((1,))
  fn = head.masked_fn(given.fn, (1,))
  x = np.concatenate([given.retain.x, given.forget.x])
  said = np.asarray(fn(given.params, x).argmax(-1))
  plain = np.asarray(given.fn(given.params, x))
  assert 1 not in said
  assert 1 in plain.argmax(-1)  # or the line above could not fail
  keep = plain.argmax(-1) != 1
  np.testing.assert_array_equal(said[keep], plain.argmax(-1)[keep])


@pytest.mark.parametrize('unseen_each', [2, 4, 9])
def test_unseen_answers_are_those_of_the_held_out_of_the_same_label(unseen_each):
  given = _problem(())
  rng = np.random.default_rng(1)
  held_out = problem.Examples(
      rng.normal(size=(6 * unseen_each, 4)).astype(np.float32), np.arange(6 * unseen_each) % 6)
  given = dataclasses.replace(given, held_out=held_out)
  answers = targets.unseen_answers()(given, jax.random.key(0))

  w = np.asarray(given.params['w'], float)
  seen, unseen = (special.softmax(x @ w, -1) for x in (given.forget.x, held_out.x))
  for y in range(6):
    mine, theirs = seen[given.forget.y == y], unseen[held_out.y == y]
    # Sorted, so many copies of each that both come out even, and cut into equal shares.
    copies = theirs[np.argsort(theirs[:, y])].repeat(len(mine), 0)
    shares = copies.reshape(len(mine), len(theirs), 6).mean(1)
    found = answers[given.forget.y == y][np.argsort(mine[:, y])]
    np.testing.assert_allclose(found, shares, atol=1e-5)


def test_unseen_answers_are_those_before_all_requests():
  """A network that speaks worse of the unseen, request by request, is not followed."""
  before = _problem(())
  now = dataclasses.replace(
      before, params=jax.tree.map(lambda w: .1 * w, before.params), before=before.params,
      held_out=before.retain)
  first = dataclasses.replace(before, held_out=before.retain)
  answers = [targets.unseen_answers()(given, jax.random.key(0)).mean(0)
             for given in (now, first)]
  np.testing.assert_allclose(*answers, atol=1e-6)


_GIVEN = _problem(())


@pytest.mark.parametrize(('make', 'given', 'message'), [
    (targets.pseudo_labels(), _GIVEN, 'this request names none'),
    (targets.unseen_answers(), _GIVEN, 'give the Problem some as held_out'),
    (targets.unseen_answers(), dataclasses.replace(
        _GIVEN, held_out=_GIVEN.retain.where(_GIVEN.retain.y != 4)),
     'no held-out example has label 4')])
def test_what_is_needed_is_named(make, given, message):
  with pytest.raises(ValueError, match=message):
    make(given, jax.random.key(0))
