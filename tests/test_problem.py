"""What a problem accepts, and what it says of what it does not."""

import dataclasses

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


def test_spread_keeps_even_distances():
  examples = _data(range(10))
  for count in range(1, 11):
    found = examples.spread(count).y
    assert len(found) == count
    assert np.ptp(np.diff([*found, 10 + found[0]])) <= 1  # around the circle
  assert examples.spread(11) is examples


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


@pytest.mark.parametrize(('make', 'arguments', 'message'), [
    (problem.split_classes, (_data([0, 1, 2]), []), 'forget set is empty'),
    (problem.split_classes, (_data([0, 1, 2]), [7]),
     'class 7 is not in the data; choose among 0, 1, 2'),
    (problem.split_classes, (_data([0, 1, 2]), [0, 1, 2]),
     'all classes would be forgotten'),
    *((problem.split_random, (_data([0, 1, 2]), share, 0), 'choose one between 0 and 1')
      for share in (0, 1, 1e-9)),
    (_problem, ([0], []), 'forget set is empty'),
    (_problem, ([], [0]), 'nothing is left to retain'),
    (_problem, ([0], [3]), 'forget set has labels outside 0 to 2'),
    (_problem, ([-1], [1]), 'retain set has labels outside 0 to 2'),
    (_problem, ([0, 1], [1], (1,)), 'class 1 is to be forgotten and has examples')])
def test_what_is_wrong_is_named(make, arguments, message):
  with pytest.raises(ValueError, match=message):
    make(*arguments)
