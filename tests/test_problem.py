"""What a problem accepts, and what it says of what it does not."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from unsc_jax import problem


def _data(labels):
  labels = np.asarray(labels)
  return problem.Examples(np.arange(len(labels), dtype=float)[:, None], labels)


_NETWORK = problem.Network(fn=lambda params, x: x * np.arange(3.))


def _problem(retain, forget, classes=(), num_classes=3):
  return problem.Problem(
      _NETWORK, {}, _data(retain), _data(forget), num_classes, classes)


def test_split_classes_is_a_partition():
  data = _data([0, 1, 2, 1, 0])
  retain, forget = problem.split_classes(data, [1])
  assert set(forget.y) == {1}
  assert 1 not in retain.y
  assert sorted([*retain.x.ravel(), *forget.x.ravel()]) == [0, 1, 2, 3, 4]


def test_spread_takes_one_of_every_stretch():
  examples = _data(range(10))
  for count in range(1, 11):
    found = examples.spread(count).y
    edges = np.arange(count + 1) * 10 // count
    assert (edges[:-1] <= found).all()
    assert (found < edges[1:]).all()
  assert examples.spread(11) is examples


@pytest.mark.parametrize('order', [np.sort, np.asarray], ids=['sorted', 'in turns'])
def test_spread_is_of_all_classes(order):
  examples = _data(order(np.arange(1440) % 9))
  for count in (160, 180):
    found = np.bincount(examples.spread(count).labels, minlength=9)
    assert found.min() > count / 9 / 3


def test_drawn_examples_differ_and_depend_on_the_key_alone():
  examples = _data(range(10))
  draw = lambda count, i: examples.drawn(count, jax.random.key(i)).x.ravel().tolist()
  assert len(set(draw(4, 0))) == 4
  assert draw(4, 0) == draw(4, 0) != draw(4, 1)
  assert sorted(draw(20, 0)) == list(range(10))


def test_a_problem_is_told_by_its_inputs_labels_and_parameters():
  ours = _problem([0, 1], [2]).identity()
  other = lambda **changes: dataclasses.replace(_problem([0, 1], [2]), **changes).identity()
  assert other() == ours
  for name, changes in (
      ('inputs', {'retain': _data([0, 1]).replace(x=np.ones((2, 1)))}),
      ('labels', {'forget': _data([1])}), ('parameters', {'params': {'w': np.ones(1)}})):
    theirs = other(**changes)
    assert [key for key in ours if ours[key] != theirs[key]] == [name]


def test_split_random_is_a_seeded_partition():
  data = _data(np.zeros(50, int))
  retain, forget = problem.split_random(data, .2, seed=3)
  again = problem.split_random(data, .2, seed=3)[1]
  other = problem.split_random(data, .2, seed=4)[1]
  assert len(forget) == 10
  assert not set(retain.x.ravel()) & set(forget.x.ravel())
  np.testing.assert_array_equal(forget.x, again.x)
  assert set(forget.x.ravel()) != set(other.x.ravel())
  # Stored shares stay what they were: NumPy draws the same places.
  drawn = np.random.default_rng(3).choice(50, 10, replace=False)
  assert set(forget.x.ravel()) == set(drawn)


def test_a_share_of_classes_is_of_their_examples_alone():
  data = _data([0, 1, 2, 1, 2] * 10)
  retain, forget = problem.split_random(data, .25, seed=0, classes=[2, 0])
  assert len(forget) == round(.25 * 30)
  assert set(forget.y) <= {0, 2}
  assert sorted([*retain.x.ravel(), *forget.x.ravel()]) == list(range(50))
  _, left = problem.split_random(data, .25, seed=0, classes=[2], forgotten=[0])
  assert len(left) == 5
  assert set(left.y) == {2}


def test_given_places_are_forgotten():
  data = _data([2, 1, 2, 0, 1, 0])
  retain, forget = problem.split_indices(data, [4, 0])
  assert (retain.x.ravel().tolist(), forget.x.ravel().tolist()) == ([1, 2, 3, 5], [0, 4])
  # Places are in what is given, whatever an earlier request took of it.
  retain, forget = problem.split_indices(data, np.array([4, 3]), forgotten=[2])
  assert (retain.x.ravel().tolist(), forget.x.ravel().tolist()) == ([1, 5], [3, 4])


@pytest.mark.parametrize(('make', 'arguments', 'message'), [
    (problem.split_classes, (_data([0, 1, 2]), []), 'forget set is empty'),
    (problem.split_classes, (_data([0, 1, 2]), [7]),
     'class 7 is not in the data; choose among 0, 1, 2'),
    (problem.split_classes, (_data([0, 1, 2]), [0, 1, 2]),
     'all classes would be forgotten'),
    *((problem.split_random, (_data([0, 1, 2]), share, 0), 'choose one between 0 and 1')
      for share in (0, 1, 1e-9)),
    (functools.partial(problem.split_random, classes=[0, 7]), (_data([0, 1, 2]), .5, 0),
     'class 7 is not in the data; choose among 0, 1, 2'),
    (functools.partial(problem.split_random, classes=[1], forgotten=[1]),
     (_data([0, 1, 2]), .5, 0), 'class 1 is not in the data; choose among 0, 2'),
    (functools.partial(problem.split_random, classes=[1]), (_data([0, 1, 1, 2]), .9, 0),
     'a share of 0.9 of 2 examples leaves nothing'),
    *((problem.split_indices, (_data([0, 1, 2]), indices), message)
      for indices, message in (
          ([], 'forget set is empty: name at least one index'),
          ([0, 3], 'index 3 is not in the data; choose among 0 to 2'),
          ([-1], 'index -1 is not in the data'),
          ([1, 0, 1], 'index 1 is named twice'),
          ([.5], 'indices are of type float64 .*; give whole numbers'),
          (np.array([True, False, True]), 'of type bool .* `np.flatnonzero'),
          ([[0], [1]], r'shape \[2, 1\]'),
          ([0, 1, 2], 'all examples would be forgotten'))),
    (functools.partial(problem.split_indices, forgotten=[2]), (_data([0, 1, 2]), [0, 2]),
     'index 2 is of a class that was forgotten before'),
    (functools.partial(problem.split_indices, forgotten=[2]), (_data([0, 1, 2]), [0, 1]),
     'all examples would be forgotten'),
    (_problem, ([0], []), 'forget set is empty'),
    (_problem, ([], [0]), 'nothing is left to retain'),
    (_problem, ([0], [3]), 'forget set has labels outside 0 to 2'),
    (_problem, ([-1], [1]), 'retain set has labels outside 0 to 2'),
    (_problem, ([0, 1], [1], (1,)), 'class 1 is to be forgotten and has examples')])
def test_what_is_wrong_is_named(make, arguments, message):
  with pytest.raises(ValueError, match=message):
    make(*arguments)
