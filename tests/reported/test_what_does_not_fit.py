"""Classes, sets, bases and numbers that are not what they stand for are named at once."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import unsc_jax
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import requests
from unsc_jax.requests import choices as choices_lib

KEY = jax.random.key(0)
C = 5
NETWORK = problem_lib.Network(lambda params, x: x.astype(jnp.float32) @ params['w'])
PARAMS = {'w': jnp.asarray(np.random.default_rng(0).normal(size=(6, C)), jnp.float32)}
DATA = problem_lib.Examples(
    np.random.default_rng(1).uniform(size=(40, 6)).astype(np.float32), np.arange(40) % C)
RETAIN, FORGET = problem_lib.split_classes(DATA, [3])
MOMENTS = unsc_jax.input_moments(NETWORK.fn)(PARAMS, RETAIN.x)[1]


def _asked(**changes):
  return problem_lib.Problem(**{
      'network': NETWORK, 'params': PARAMS, 'retain': RETAIN, 'forget': FORGET,
      'num_classes': C, 'forget_classes': (3,), **changes})


@pytest.mark.parametrize('three', [
    {3}, frozenset({3}), {3: 'cat'}.keys(), [3], (3,), 3, np.int64(3), np.array([3]),
    jnp.array([3]), 3., [3.]], ids=repr)
def test_a_class_is_the_same_in_whatever_it_is_given(three):
  """A set of classes selected nothing, so that what was to go stayed among the retained."""
  assert set(problem_lib.split_classes(DATA, three)[1].y) == {3}
  assert 3 not in DATA.without(three).y
  for retain, forget in (problem_lib.split_classes(DATA, [1], forgotten=three),
                         problem_lib.split_random(DATA, .5, 0, forgotten=three)):
    assert 3 not in {*retain.y, *forget.y}
  assert set(problem_lib.split_random(DATA, .5, 0, classes=three)[1].y) == {3}
  assert _asked(forget_classes=three).forget_classes == (3,)


@pytest.mark.parametrize('given', [
    '3', ['3'], 3.7, [np.nan], np.arange(C) == 3, [[3], [1, 2]], [[3]], None, ['3', 4]], ids=repr)
def test_what_names_no_class_is_refused(given):
  for ask in (lambda: problem_lib.split_classes(DATA, given), lambda: DATA.without(given),
              lambda: _asked(forget_classes=given)):
    with pytest.raises(ValueError, match='give their numbers, such as'):
      ask()


@pytest.mark.parametrize('name', ['forget_classes', 'forgotten'])
def test_classes_that_the_network_does_not_have_are_refused(name):
  for outside in (-1, C):
    with pytest.raises(ValueError, match=f'name class {outside}, and .* from 0 to 4'):
      _asked(**{name: (3, outside)} if name == 'forget_classes' else {name: (outside,)})


@pytest.mark.parametrize(('changes', 'message'), [
    ({'forget': FORGET.replace(x=FORGET.x[:, :4])},
     r'the forget set is float32\[4\], and of the retain set float32\[6\]'),
    ({'forget': FORGET.replace(x=FORGET.x.astype(np.uint8))}, r'uint8\[6\], .* float32\[6\]'),
    ({'forget': FORGET.replace(x={'image': FORGET.x})}, 'forget set is PyTreeDef'),
    ({'held_out': DATA.replace(x=DATA.x[:, :1])}, 'the held_out set is'),
    ({'retain': RETAIN.replace(x=RETAIN.x.astype(str))}, 'type <U32, which no network reads'),
    ({'retain': RETAIN.replace(x=RETAIN.x.astype(object))}, 'type object, which no'),
    ({'retain': (RETAIN.x, RETAIN.y)}, r'the retain set is a tuple; give Examples\(x, y\)'),
    ({'retain': RETAIN.replace(y=[[0], [1, 2]])}, 'labels of the retain set are lists of diff'),
    ({'network': NETWORK.fn}, r'the network is a function; give a Network: `Network\(fn\)`'),
    ({'num_classes': '5'}, "num_classes is '5'; give as a whole number"),
    ({'before': {'v': PARAMS['w']}}, 'before all requests .*: v is not in both'),
    ({'before': {'w': PARAMS['w'][:3]}}, 'before all requests .*: w is not in both')])
def test_parts_of_a_problem_fit_one_another(changes, message):
  with pytest.raises(ValueError, match=message):
    _asked(**changes)


def test_labels_of_two_kinds_are_of_one():
  """A method that puts the sets together died of them."""
  rows = np.eye(C, dtype=np.float32)
  asked = _asked(forget=FORGET.replace(y=.9 * rows[FORGET.y] + .02), forget_classes=())
  np.testing.assert_array_equal(asked.retain.y, rows[RETAIN.y])
  both = dataclasses.replace(asked, retain=RETAIN.replace(y=rows[RETAIN.y] * .9 + .02))
  for one in (asked, both):
    assert np.isfinite(methods.ssd(1.)(one, KEY).params['w']).all()


@pytest.mark.parametrize(('changes', 'method', 'message'), [
    ({}, methods.influence(np.inf), 'the method has made the parameter w NaN'),
    ({'params': {'w': PARAMS['w'] * np.nan}}, methods.ssd(1.), 'w was NaN when it was given')])
def test_parameters_of_nan_are_no_result(changes, method, message):
  with pytest.raises(FloatingPointError, match=message):
    method(_asked(**changes), KEY)


@pytest.mark.parametrize('confine', [
    lambda bases: null_space.project_updates(optax.adam(.1), bases),
    null_space.null_space_projection, null_space.capacity,
    lambda bases: null_space.leak(PARAMS, bases),
    lambda bases: null_space.assert_preserves(optax.sgd(.1), bases, PARAMS)])
@pytest.mark.parametrize('given', [null_space.soft(1e-3), MOMENTS, .99, None])
def test_updates_are_confined_to_bases_or_gains_alone(confine, given):
  with pytest.raises(TypeError, match='confined to bases or gains, and this is a'):
    confine(given)


@pytest.mark.parametrize('take', [
    null_space.null_space_bases, null_space.soft(), null_space.hard(),
    lambda moments: null_space.drift(moments, PARAMS, PARAMS),
    lambda moments: null_space.drift_budget(moments, .05)])
def test_moments_are_wanted_where_moments_are_read(take):
  for given in (null_space.null_space_bases(MOMENTS, .5), PARAMS):
    with pytest.raises(TypeError, match='moments are wanted, and this is a'):
      take(given)


@pytest.mark.parametrize('choose', [
    null_space.hard, null_space.soft, null_space.threshold_rank,
    lambda budget: null_space.drift_budget(MOMENTS, budget)])
@pytest.mark.parametrize('given', ['.9', None, .9j, np.array([.9]), jnp.array([.9])], ids=repr)
def test_a_choice_is_one_number(choose, given):
  with pytest.raises(ValueError, match='is one number, not'):
    choose(given)


def test_moments_are_added_as_numbers_are():
  twice = sum([MOMENTS, MOMENTS])
  for same in (2 * MOMENTS, np.float32(2) * MOMENTS, MOMENTS / .5, MOMENTS - -MOMENTS):
    np.testing.assert_array_equal(twice['w'].second, same['w'].second)
  for wrong in (lambda: MOMENTS + 1, lambda: 1 - MOMENTS, lambda: MOMENTS * MOMENTS,
                lambda: MOMENTS * 'a', lambda: MOMENTS * 1j, lambda: MOMENTS * np.ones(6),
                lambda: MOMENTS / None):
    with pytest.raises(TypeError, match='operand|multiply'):
      wrong()


@pytest.mark.parametrize(('share', 'seed', 'message'), [
    (np.nan, 0, 'choose one between 0 and 1'), (.5, -1, 'the seed is -1; give a whole number')])
def test_a_draw_that_cannot_be_is_refused(share, seed, message):
  with pytest.raises(ValueError, match=message):
    problem_lib.split_random(DATA, share, seed)


@pytest.mark.parametrize(('changes', 'message'), [
    ({'ids': np.arange(80).reshape(40, 2)}, 'give each one number or text'),
    ({'params': {'w': PARAMS['w'].at[0, 0].set(jnp.nan)}}, 'the parameter w has NaN')])
def test_what_cannot_be_served_is_not_enrolled(tmp_path, changes, message):
  given = {'network': NETWORK, 'params': PARAMS, 'examples': DATA, **changes}
  with pytest.raises(ValueError, match=message):
    requests.enroll(tmp_path / 'store', **given)
  assert not (tmp_path / 'store').exists()


@pytest.mark.parametrize(('name', 'value'), [
    ('learning_rate', np.inf), ('drift_budget', np.inf), ('tau', np.inf), ('stop_below', np.nan),
    ('moments_bytes', -5)])
def test_choices_that_no_store_can_hold_are_refused(name, value):
  with pytest.raises(ValueError, match=f'{name} is {value}; give a'):
    choices_lib.Choices(**{name: value})
