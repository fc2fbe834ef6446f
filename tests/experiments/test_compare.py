"""The comparison: settings are chosen without the test set or the request."""

import dataclasses
import json

import numpy as np
import pytest

from experiments import compare
from experiments import grids
from experiments import problems as problems_lib
from experiments import requests
from experiments import settings as settings_lib
from unsc_jax import data
from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax import report

CONFIG = compare.Config(
    only=('delete', 'esc'), seeds=(0,), trials=2, epochs=4, probe_epochs=1)


def test_every_method_is_compared():
  parts = {'Confined', 'compose', 'null_space', 'saliency', 'whole_classes'}
  controls = {'original', 'retrain', 'head_only'}
  ablations = {'unsc_merged', 'unsc_random_label', 'unsc_sequential'}
  rows = set(methods.__all__) - parts - controls
  assert set(grids.all_methods()) == rows | ablations


def test_search_needs_no_test_set_and_puts_the_best_first():
  dataset = data.load('digits')._replace(test=None)
  chosen = settings_lib.SETTINGS['digits']
  chosen = chosen._replace(
      network='mlp', recipe=dataclasses.replace(chosen.recipe, epochs=4))
  network = problems_lib.build(chosen, dataset)
  found = {name: grids.all_methods()[name] for name in CONFIG.only}
  _, searched = compare._search(
      CONFIG, found, chosen, dataset, network, [requests.Request((0,))])
  for name, trials in searched.items():
    assert len(trials) == 2
    assert trials[0]['gap'] <= trials[1]['gap']
    assert set(trials[0]['settings']) == set(found[name].grid)


def test_draws_settings_by_seed():
  candidate = grids.all_methods()['scissorhands']
  assert candidate.settings(5, 1) == candidate.settings(5, 1)
  assert candidate.settings(5, 1) != candidate.settings(5, 2)
  assert len(candidate.settings(1000, 0)) == 12


def test_writes_what_a_report_reads(tmp_path, capsys):
  compare.run(dataclasses.replace(CONFIG, out=tmp_path, name='here'))
  results = json.loads((tmp_path / 'here' / 'results.json').read_text())
  report.parse(results)
  others = [other['classes'] for other in results['surrogates']]
  assert len(others) == 2
  assert [3] not in others
  assert results['forget_classes'] == [3]
  assert results['methods'] == ['original', 'retrain', 'head_only', *CONFIG.only]
  assert 'delete' in capsys.readouterr().out


def test_hardest_classes_that_stay_are_surrogates():
  x = np.array([[3., 0, 0, 0], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, .1]])
  examples = problem_lib.Examples(x, np.arange(4))
  found = requests.hardest(
      requests.Request((3,)), lambda params, x: x, {}, examples)
  assert found == [requests.Request((1,)), requests.Request((2,))]


def test_surrogate_is_another_class():
  with pytest.raises(ValueError, match='is the request'):
    compare.run(compare.Config(forget=(3,), surrogates=(3,)))


@pytest.mark.slow
def test_a_random_share_is_forgotten_by_those_that_can(tmp_path):
  config = dataclasses.replace(
      CONFIG, only=('delete',), share=.2, examples=500, out=tmp_path, name='here')
  results = compare.run(config)
  report.parse(results)
  assert results['forget_classes'] == []
  assert results['methods'] == ['original', 'retrain', 'delete']
  assert results['surrogates'] == [
      {'classes': (), 'share': .2, 'seed': seed} for seed in (1, 2)]
  rows = {row['method']: row['metrics'] for row in results['rows']}
  assert rows['retrain']['forget_train'] < rows['original']['forget_train']
  assert rows['retrain']['forget_test'] is None
  assert abs(rows['retrain']['mia_confidence'] - .5) < .1
  # What was trained on is known better than what was not.
  assert rows['retrain']['forget_train'] < rows['retrain']['retain_train']
  with pytest.raises(ValueError, match='esc forgets whole classes alone'):
    compare.run(dataclasses.replace(config, only=('esc',)))
  with pytest.raises(ValueError, match='a random share has no classes'):
    compare.run(dataclasses.replace(config, forget=(3,)))
