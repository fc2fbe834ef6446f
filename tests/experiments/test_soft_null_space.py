"""The study of filters: which points a run makes, and what it says that it was asked."""

import json
import pathlib

import pytest

from experiments import soft_null_space


def _points(seed=0, **options):
  config = soft_null_space.Config(**options)
  return {(point.curve, *point.dial.values()) for point in config.points(seed)}


def test_points_are_those_of_the_curves_and_dials_asked():
  everything = _points()
  assert {('hard', .99), ('soft', 1e-3), ('head only',)} <= everything
  assert _points(curves=('hard', 'head only')) == {
      ('hard', .9), ('hard', .97), ('hard', .99), ('head only',)}
  assert _points(curves=('hard', 'soft', 'head only'), dials=(.99, 1e-3)) == {
      ('hard', .99), ('soft', 1e-3), ('head only',)}
  assert _points(curves=('hard',), dials=(.99,), further=('soft-0.001',)) == {
      ('hard', .99), ('soft', 1e-3)}


@pytest.mark.parametrize('asked', [
    {'curves': ('sofd',)}, {'once': ('sofd',)}, {'further': ('soft-0.5',)}])
def test_a_point_that_is_not_there_is_refused_before_anything_runs(asked, tmp_path):
  with pytest.raises(ValueError, match='No (curve|point) is called .*: choose one of'):
    soft_null_space.run(soft_null_space.Config(out=tmp_path, **asked))


def test_some_curves_are_of_the_first_seed_alone():
  options = {'curves': ('hard',), 'once': ('head only',), 'seeds': (3, 4)}
  assert ('head only',) in _points(3, **options)
  assert ('head only',) not in _points(4, **options)


def test_what_was_asked_is_told_with_given_networks():
  config = soft_null_space.Config(original=pathlib.Path('mine.npz'), out=pathlib.Path('x'))
  found = json.loads(json.dumps(soft_null_space.asked(config)))
  assert found['original'] == 'mine.npz'
  assert 'out' not in found
  assert found['forget'] == [6, 4, 0]
