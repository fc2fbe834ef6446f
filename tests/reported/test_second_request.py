"""A class is forgotten, then another: the first may not come back.

The network tells five classes apart by five features that are one for each. It has
forgotten class 3 in its bias alone, and not well, so that its head still finds it: of all answers
that are left to class 1, whose examples lie beside it, class 3 is the nearest. The head has
an output for a sixth class too, of which there were no examples. What is right needs
no method: who never saw a class does not say it.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests import rows
from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import targets

FIRST, SECOND, UNTRAINED, C = 3, 1, 5, 6
KEY = jax.random.key(0)


def _drawn(seed):
  """Forty examples of every class but the last, which has none."""
  rng = np.random.default_rng(seed)
  y = np.repeat(np.arange(5), 40)
  x = np.eye(5)[y] + .1 * rng.normal(size=(200, 5))
  x[y == SECOND, FIRST] += .8
  return problem_lib.Examples(x.astype(np.float32), y)


@pytest.fixture(scope='module')
def second():
  """The second request, with what was asked before."""
  fn = lambda params, x: jnp.tanh(x @ params['a']) @ params['b'] + params['c']
  init = lambda key: {
      'a': jax.random.normal(key, (5, 5)), 'b': jax.random.normal(key, (5, C)),
      'c': jnp.zeros(C)}
  params = {'a': jnp.eye(5), 'b': 9 * jnp.eye(5, C),
            'c': jnp.array([0., 0., 0., -5., 0., -9.])}
  retain, forget = problem_lib.split_classes(_drawn(0), [SECOND], forgotten=[FIRST])
  return problem_lib.Problem(
      problem_lib.Network(fn, init), params, retain, forget, C, (SECOND,),
      held_out=_drawn(1).without([FIRST]), forgotten=(FIRST,))


def _single(second):
  """The second request as one of single examples."""
  rest = np.arange(len(second.retain)) % 4 > 0
  both = jax.tree.map(
      lambda a, b: np.concatenate([a, b]), second.retain.where(~rest), second.forget)
  return dataclasses.replace(
      second, retain=second.retain.where(rest), forget=both, forget_classes=())


def _said(unlearned, of):
  """What the network says of unseen examples of a class."""
  unseen = _drawn(2)
  x = unseen.x[unseen.y == of]
  return training.predict(unlearned.fn, unlearned.params, x).argmax(-1)


sgd = optax.sgd(.03, momentum=.9)
adam = optax.adam(1e-2)
METHODS = {
    'unsc': methods.unsc(null_space.pooled(.6), optimizer=adam),
    'null_space_alignment': methods.null_space_alignment(
        null_space.pooled(.6), optimizer=adam, steps=60),
    'random_label': methods.random_label(adam, steps=100),
    'salun': methods.salun(sgd, rounds=20),
    'boundary_shrink': methods.boundary_shrink(sgd, bound=.1, steps=60),
    'boundary_shrink_published': methods.boundary_shrink(
        sgd, bound=.5, steps=60, published=True),
    'delete': methods.delete(sgd, steps=60),
    'bad_teacher': methods.bad_teacher(adam, steps=100),
    'dimensional_alignment': methods.dimensional_alignment(sgd, rounds=20),
    # These name no answer, and drive their examples to whatever is near.
    'gradient_ascent': methods.gradient_ascent(sgd, steps=30),
    'pgu': methods.pgu(optax.sgd(.3), share=.6, steps=100),
    'partially_blinded': methods.partially_blinded(adam, gamma=.1, steps=60),
    'scissorhands': methods.scissorhands(sgd, share=.0, weight=.5, steps=60),
    'influence': methods.influence(200., damping=.1),
    'head_only': methods.head_only(),
}


# One of each target and term, one that is solved for, and one that masks; the targets
# themselves are below.
DAILY = {'unsc', 'boundary_shrink_published', 'delete', 'gradient_ascent', 'head_only',
         'influence'}


@pytest.mark.parametrize('name', rows.daily(METHODS, DAILY))
def test_what_was_forgotten_stays_forgotten(name, second):
  done = METHODS[name](second, KEY)
  assert (_said(done, SECOND) != SECOND).mean() > .8  # or nothing was asked of it
  for of in (FIRST, SECOND):
    assert not np.isin(_said(done, of), (FIRST, UNTRAINED)).any()


@pytest.mark.parametrize('name', rows.daily(
    ['random_label', 'delete', 'boundary_shrink', 'unsc'], {'delete', 'unsc'}))
def test_nor_do_single_examples_bring_it_back(name, second):
  done, before = (of(_single(second), KEY) for of in (METHODS[name], methods.original()))
  for of in range(5):
    again = np.isin(_said(done, of), (FIRST, UNTRAINED))
    assert not again[_said(before, of) != FIRST].any()


@pytest.mark.parametrize('request_of', [lambda p: p, _single], ids=['class', 'single'])
@pytest.mark.parametrize('target', [
    targets.pseudo_labels(), targets.random_labels(), targets.boundary_labels(.1),
    targets.boundary_labels(.5, published=True), targets.other_logits(),
    targets.other_logits(published=True), targets.unseen_answers(),
    targets.teacher_logits(), targets.teacher_logits(of_retain=True),
    targets.novice_logits()], ids=repr)
def test_no_target_names_it(target, request_of, second):
  asked = request_of(second)
  if isinstance(target, targets.pseudo_labels) and not asked.forget_classes:
    pytest.skip('for whole classes alone')
  said = np.asarray(target(asked, KEY))
  if said.ndim == 1:
    assert not np.isin(said, (FIRST, UNTRAINED)).any()
  elif isinstance(target, targets.unseen_answers):
    np.testing.assert_allclose(said[:, [FIRST, UNTRAINED]], 0, atol=1e-12)
    np.testing.assert_allclose(said.sum(-1), 1, atol=1e-6)
  else:
    assert (jax.nn.softmax(said)[:, [FIRST, UNTRAINED]] == 0).all()


@pytest.mark.parametrize('request_of', [lambda p: p, _single], ids=['class', 'single'])
def test_what_is_driven_out_is_the_label_and_what_went_before(request_of, second):
  asked = request_of(second)
  said = targets.not_to_say()(asked, KEY)
  expected = np.zeros((len(asked.forget), asked.num_classes), bool)
  expected[np.arange(len(expected)), np.asarray(asked.forget.labels)] = True
  expected[:, FIRST] = True
  np.testing.assert_array_equal(said, expected)


def test_what_remains_is_what_has_examples(second):
  assert second.retain_classes == second.answers == (0, 2, 4)
  assert second.gone == (FIRST, UNTRAINED)
  assert _single(second).answers == (0, 1, 2, 4)


def test_its_test_images_count_for_nothing(second):
  """All measures are the same whether the test data have them or not."""
  original = methods.original()(second, KEY)
  with_it, without = (
      evaluation.measure(evaluation.Setup(asked, test, KEY, probe_epochs=1), original)
      for asked in (second,) for test in (_drawn(2), _drawn(2).without([FIRST])))
  assert with_it.metrics == without.metrics
  assert with_it.per_class == without.per_class
  assert with_it.per_class[FIRST] is None


@pytest.mark.parametrize('name', ['retain', 'forget', 'held_out'])
def test_its_examples_are_refused(name, second):
  changes = {name: _drawn(0), 'forget_classes': ()}
  with pytest.raises(ValueError, match=(
      f'class 3 was forgotten before and is in the {name} set; leave its examples out')):
    dataclasses.replace(second, **changes)


def test_splits_leave_it_out():
  data = _drawn(0)
  for retain, forget in (problem_lib.split_classes(data, [1], forgotten=[3]),
                         problem_lib.split_random(data, .2, 0, forgotten=[3])):
    assert len(retain) + len(forget) == 160
    assert not np.isin([*retain.y, *forget.y], 3).any()
