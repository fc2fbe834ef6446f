"""The comparison: settings are chosen without the test set or the request."""

import dataclasses

import numpy as np
import pytest

from experiments import compare
from experiments import contest
from experiments import grids
from experiments import problems
from tests.report import examples
from unsc_jax import data
from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax import report

CONFIG = compare.Config(
    only=('esc',), seeds=(0,), trials=2, epochs=2, probe_epochs=1, examples=400)


@pytest.fixture(scope='module')
def choices() -> contest.Choices:
  """Of class 3: surrogates and trials, without a test set."""
  digits = data.load('digits')
  return contest.choose(contest.prepare(CONFIG, digits._replace(test=digits.test.where([]))))


def test_every_method_is_compared():
  controls = {'original', 'retrain', 'head_only'}
  ablations = {'unsc_hard', 'unsc_merged', 'unsc_random_label', 'unsc_sequential'}
  rows = set(methods.__all__) - controls - {'lower_logits'}  # which goes with another
  assert set(grids.CANDIDATES) == rows | ablations


def test_a_run_says_what_it_was_asked_for_and_where(tmp_path):
  """As the first did that was asked for the same; one with a method more says its own."""
  def said(command: str, *only: str, **places) -> str:
    config = dataclasses.replace(CONFIG, only=only, resume=tmp_path, **places)
    return contest.made(contest.prepare(config), lambda: {'command': command})['command']

  assert said('on a GPU', 'esc') == 'on a GPU'
  assert said('published', 'esc', out=tmp_path / 'elsewhere') == 'on a GPU'
  assert said('with one more', 'esc', 'loft') == 'with one more'


def test_search_puts_the_best_first(choices):
  searched = choices.trials
  assert set(searched) == set(CONFIG.only)
  for name, (best, other) in searched.items():
    assert best.gap <= other.gap
    assert set(best.settings) == set(grids.CANDIDATES[name].grid)


def test_draws_settings_by_seed():
  candidate = grids.CANDIDATES['scissorhands']
  assert candidate.settings(5, 1) == candidate.settings(5, 1)
  assert candidate.settings(5, 1) != candidate.settings(5, 2)
  assert len(candidate.settings(1000, 0)) == 12


def test_writes_what_a_report_reads(tmp_path, capsys, choices, monkeypatch):
  monkeypatch.setattr(contest, 'choose', lambda _: choices)
  with examples.undrawn():
    compare.run(dataclasses.replace(CONFIG, out=tmp_path, name='here'))
  results = report.read(tmp_path / 'here' / 'results.json')
  others = [other['classes'] for other in results.surrogates]
  assert len(others) == 2
  assert [3] not in others
  assert results.forget_classes == (3,)
  assert results.methods == ('original', 'retrain', 'head_only', *CONFIG.only)
  assert {name: [(trial.settings, trial.gap) for trial in trials]
          for name, trials in results.search.items()} == {
              name: [*map(tuple, trials)] for name, trials in choices.trials.items()}
  assert 'esc' in capsys.readouterr().out


def test_hardest_classes_that_stay_are_surrogates():
  x = np.array([[3., 0, 0, 0], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, .1]])
  seen = problem_lib.Examples(x, np.arange(4))
  network = problem_lib.Network(lambda params, x: x)
  assert problems.hardest(problems.Request((3,)), network, {}, seen) == [
      problems.Request((1,)), problems.Request((2,))]


def test_surrogate_is_another_class():
  with pytest.raises(ValueError, match='is the request'):
    compare.run(compare.Config(forget=(3,), surrogates=(3,)))


def test_requests_of_single_examples_split_the_training_data():
  seen = problem_lib.Examples(np.zeros((40, 1)), np.arange(40) % 4)
  drawn = problems.Request(share=.5, share_of=(2, 3))
  _, forget = drawn.split(seen)
  assert np.bincount(forget.y, minlength=4)[:2].sum() == 0
  assert len(forget) == 10
  others = problems.surrogates(drawn)
  assert [(other.share_of, other.seed) for other in others] == [((2, 3), 1), ((2, 3), 2)]
  listed = problems.Request(indices=(7, 4))
  assert listed.split(seen)[1].y.tolist() == [0, 3]
  with pytest.raises(ValueError, match='a list of indices has no others of its kind'):
    problems.surrogates(listed)
  with pytest.raises(ValueError, match='add --share'):
    compare.run(compare.Config(share_of=(3,)))


@pytest.mark.slow
def test_a_random_share_is_forgotten_by_those_that_can(tmp_path):
  config = dataclasses.replace(
      CONFIG, only=('delete',), share=.2, examples=500, epochs=4, out=tmp_path)
  results = compare.run(config)
  assert results.forget_classes == ()
  assert results.methods == ('original', 'retrain', 'delete')
  assert results.surrogates == tuple(
      {'classes': (), 'share': .2, 'seed': seed, 'share_of': (), 'indices': ()}
      for seed in (1, 2))
  metrics = {row.method: row.metrics for row in results.rows}
  retrained = metrics['retrain']
  assert retrained['forget_train'] < metrics['original']['forget_train']
  assert retrained['forget_test'] is None
  assert abs(retrained['mia_confidence'] - .5) < .1
  # What was trained on is known better than what was not.
  assert retrained['forget_train'] < retrained['retain_train']
  with pytest.raises(ValueError, match='esc forgets whole classes alone'):
    compare.run(dataclasses.replace(config, only=('esc',)))
  with pytest.raises(ValueError, match='a random share has no classes'):
    compare.run(dataclasses.replace(config, forget=(3,)))
