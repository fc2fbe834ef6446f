"""UNSC's and PGU's steps against activations and their singular vectors in numpy."""

import dataclasses
import itertools

import chex
import jax
import numpy as np
import optax
import pytest

from tests import toys
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.methods.pgu import amplitude_rank
from unsc_jax.parts import targets

KEY = jax.random.key(0)


def test_unsc_steps(toy, ref):
  params, energy = ref.params(toy), .9
  logits = ref.logits(params, toy.forget.x)
  labels = logits[:, :2].argmax(-1)  # class 2 is forgotten
  pseudo = type(toy.forget)(toy.forget.x, labels)
  gradient = ref.gradient(lambda p: ref.cross_entropy(p, pseudo), params)
  expected = jax.tree.map(
      lambda w, g: w - .1 * g, params, ref.confined(toy, gradient, energy))
  method = methods.unsc(
      null_space.pooled(energy), optax.sgd(.1), steps=1, batch_size=10)
  ref.assert_close(method(toy, KEY).params, expected, 1e-3)


both = pytest.mark.parametrize('method', [
    methods.unsc, pytest.param(methods.null_space_alignment, marks=pytest.mark.slow)])


@both
def test_a_filter_stands_in_for_a_way_to_combine(method, toy):
  soft, how = null_space.soft(1e-2), {'steps': 3, 'batch_size': 10}
  done = method(filter=soft, **how)(toy, KEY)
  again = method(null_space.pooled(soft), **how)(toy, KEY)
  chex.assert_trees_all_equal(done.params, again.params)
  assert isinstance(done.bases, null_space.Gains)
  cut = method(filter=.9, **how)(toy, KEY)
  assert isinstance(cut.bases, null_space.Bases)
  for wrong in (.9, soft):
    with pytest.raises(ValueError, match='both combine and filter are given'):
      method(null_space.merged(), filter=wrong)


def test_soft_unsc_steps(toy, ref):
  """Twice through the ridge, in which a plain gradient is damped on either side."""
  params, tau = ref.params(toy), 1e-2
  pseudo = type(toy.forget)(
      toy.forget.x, ref.logits(params, toy.forget.x)[:, :2].argmax(-1))
  gradient = ref.gradient(lambda p: ref.cross_entropy(p, pseudo), params)
  inputs = {'a': toy.retain.x, 'b': ref.hidden(params, toy.retain.x)}
  expected = {layer: dict(leaves) for layer, leaves in params.items()}
  for layer, x in inputs.items():
    x = np.asarray(x, np.float64)
    p = np.linalg.inv(np.eye(x.shape[1]) + x.T @ x / np.sum(x**2) / tau)
    expected[layer]['kernel'] -= .1 * p @ p @ gradient[layer]['kernel']
  method = methods.unsc(
      None, optax.sgd(.1), filter=null_space.soft(tau), steps=1, batch_size=10)
  ref.assert_close(method(toy, KEY).params, expected, 1e-3)


def test_hands_on_what_it_was_confined_to(toy):
  done = methods.unsc(null_space.pooled(.9), steps=20)(toy, KEY)
  assert set(done.bases.by_path) == {'a/kernel', 'b/kernel'}
  drift = null_space.drift(done.moments, toy.params, done.params)
  assert max(map(float, drift.values())) < .32  # the root of what energy lets go


def test_moments_of_some_examples_are_of_every_class_by_its_share(toy):
  # Ten of class 0, five of class 1.
  toy = dataclasses.replace(toy, retain=toy.retain.where(slice(15)))
  some, every = (
      methods.unsc(null_space.pooled(.9), steps=1, moments_examples=n)(toy, KEY)
      for n in (6, 1000))
  found, x = some.moments['a/kernel'].second[0], toy.retain.x.astype(np.float64)
  shares = itertools.product(
      itertools.combinations(range(10), 4), itertools.combinations(range(10, 15), 2))
  off = [np.abs(x[[*a, *b]].T @ x[[*a, *b]] - found).max() for a, b in shares]
  assert np.sum(np.array(off) < 1e-4) == 1  # four of the ten, and two of the five
  assert every.moments['a/kernel'].count == 15
  whole = methods.unsc(null_space.pooled(.9), steps=1, moments_examples=12,
                       moments_batch_size=3)(toy, KEY)
  assert whole.moments['a/kernel'].count == 6 + 3  # of eight and four
  # However few there are to be, no class is left without protection.
  one = methods.unsc(null_space.pooled(.9), steps=1, moments_examples=1)(toy, KEY)
  assert one.moments['a/kernel'].count == 2


def test_moments_of_no_examples_are_refused(toy):
  with pytest.raises(ValueError, match='of 0 examples protect nothing'):
    methods.unsc(moments_examples=0)(toy, KEY)


@pytest.mark.slow  # what is asked of them is held by reported/test_silence.py in every run
def test_single_examples_are_answered_as_unseen_ones_are(problem, digits, recipe):
  retain, forget = problem_lib.split_random(digits.train, .1, seed=0)
  request = dataclasses.replace(
      problem, retain=retain, forget=forget, forget_classes=())

  def known(method):
    """Mean probability of the label: of what was forgotten, of test images."""
    done = method(request, KEY)
    return np.array([np.asarray(jax.nn.softmax(training.predict(
        done.fn, done.params, e.x)))[np.arange(len(e)), e.y].mean()
                     for e in (forget, digits.test)])
  original, retrained = known(methods.original()), known(methods.retrain(recipe))
  ours = known(methods.unsc(optimizer=optax.adam(1e-3)))
  # A wrong class for every example, as whole classes have it.
  wrong = known(methods.unsc(
      optimizer=optax.adam(1e-3), target=targets.random_labels(), stop_below=-1))
  before, after, over = (abs(found[0] - retrained[0])
                         for found in (original, ours, wrong))
  assert after < .7 * before
  assert abs(ours[1] - retrained[1]) < .01
  assert over > after


@pytest.mark.parametrize('published', [False, True])
@pytest.mark.parametrize('stored', [False, True])
def test_pgu_steps(toy, ref, published, stored):
  """Stored moments of all that was trained on take the place of retained data."""
  params, x, y = ref.params(toy), toy.forget.x, toy.forget.y

  def loss(p):
    prob = ref.softmax(ref.logits(p, x))
    own = prob[np.arange(len(y)), y]
    entropy = -(prob * np.log(prob)).sum(-1)
    return -np.log(1 - (own - .05)).mean() - .2 * entropy.mean()

  step = ref.confined(toy, ref.gradient(loss, params), .8, short=int(published), power=1)
  everything = toys.moments_of(toy.fn, toy.params, np.concatenate([toy.retain.x, x]))
  method = methods.pgu(
      optax.sgd(.1), everything=everything if stored else None, share=.8,
      published=published, steps=1, batch_size=10)
  expected = jax.tree.map(lambda w, g: w - .1 * g, params, step)
  ref.assert_close(method(toy, KEY).params, expected, 1e-3)


def test_rank_counts_roots():
  values = np.array([100., 9., 1., 1e-9, 0.])
  for share, rank in ((.5, 1), (.71, 1), (.72, 2), (.95, 3)):
    assert int(amplitude_rank(share)(values)) == rank
    assert int(amplitude_rank(share, published=True)(values)) == max(rank - 1, 1)


def test_two_sides(toy):
  """Of what reads the head's outputs, the retained classes' logits are two."""
  done = methods.unsc(
      filter=null_space.two_sided(null_space.soft(1e-2), null_space.soft(.1)),
      steps=1, batch_size=10)(toy, KEY)
  assert [len(uses) for uses in done.bases.by_path.values()] == [2, 2]
  matrix = done.bases.by_path['b/kernel'][1].matrix[0]
  np.testing.assert_allclose(np.diag(matrix), [.1 / .6, .1 / .6, 1], atol=.05)
  np.testing.assert_allclose(matrix[2], [0, 0, 1], atol=1e-6)  # class 2 is forgotten


@both
def test_a_budget_is_kept(method, toy):
  how = {'filter': null_space.soft(1e-2), 'steps': 10, 'batch_size': 10}
  run = lambda budget: method(optimizer=optax.adam(.05), drift_budget=budget, **how)(toy, KEY)
  most = lambda done: max(map(float, null_space.drift(
      done.moments, toy.params, done.params).values()))
  free = most(run(None))
  done = run(free / 2)
  np.testing.assert_allclose(most(done), free / 2, rtol=1e-3)
  with pytest.raises(ValueError, match='a drift budget is told by moments'):
    method(done.bases, drift_budget=.02)(toy, KEY)
