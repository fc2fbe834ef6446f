"""The script: what it writes, and what it says when it can't."""

import json

import chex
import jax
import pytest

from experiments import forget_class
from experiments import results as results_lib
from experiments import settings
from unsc_jax import data
from unsc_jax import models
from unsc_jax import report
from unsc_jax.storage import checkpoints

FAST = {'epochs': 2, 'steps': 20, 'probe_epochs': 1, 'model': 'mlp',
        'references': 0}


def _config(folder, **changes):
  return forget_class.Config(out=folder, name='run', **{**FAST, **changes})


@pytest.fixture(scope='module')
def done(tmp_path_factory):
  folder = tmp_path_factory.mktemp('runs')
  results = forget_class.run(_config(folder, seeds=(1,), curve=(.9,)))
  return folder, results


def test_results_and_page_are_written(done):
  folder, results = done
  on_disk = json.loads((folder / 'run' / 'results.json').read_text())
  report.parse(on_disk)
  assert len(on_disk['rows']) == 4
  assert {row['method'] for row in on_disk['rows']} == {
      'original', 'retrain', 'head_only', 'unsc'}
  assert [point['energy'] for point in on_disk['curve']] == [.9, .99]
  assert on_disk['rows'][0]['metrics'] == results['rows'][0]['metrics']
  page = (folder / 'run' / 'report.html').read_text()
  assert page.startswith('<!DOCTYPE html>')
  assert not [p for p in folder.iterdir() if p.name != 'run']


def test_rows_mean_what_they_say(done):
  rows = {(r['method'], r['seed']): r['metrics'] for r in done[1]['rows']}
  original, unsc = rows['original', 1], rows['unsc', 1]
  assert original['logit_drift'] == 0
  assert original['layer_drift'] == 0
  assert rows['head_only', 1]['forget_test'] == 0
  # The leak of the whole run, in float32 and over all steps.
  assert unsc['leak'] < 1e-4
  assert 0 < unsc['layer_drift'] < 1
  assert unsc['forget_test'] < original['forget_test']


@pytest.mark.parametrize(('changes', 'message'), [
    ({'dataset': 'imagenet'}, 'No data set is called .imagenet.: choose one of'),
    ({'model': 'lenet'}, 'No network is called .lenet.: choose one of'),
    ({'combine': 'sum'}, 'No way to combine classes is called .sum.'),
    ({'moments_examples': -1}, 'the moments of -1 examples cannot be taken'),
    ({'forget': (12,)}, 'class 12 is not in the data; choose among 0, 1'),
    ({'forget': tuple(range(10))}, 'all classes would be forgotten'),
    ({'checkpoint': 'x.npz', 'seeds': (0, 1)}, 'one network, so it goes with one'),
])
def test_bad_input_is_one_sentence_and_no_folder(tmp_path, changes, message):
  with pytest.raises(ValueError, match=message) as error:
    forget_class.run(_config(tmp_path, **changes))
  assert '\n' not in str(error.value)
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(('given', 'taken'), [
    (None, settings.SETTINGS['fashion_mnist'].unlearning.moments_examples),
    (500, 500), (0, None)])
def test_moments_are_of_as_many_examples_as_asked_for(given, taken):
  config = forget_class.Config(dataset='fashion_mnist', moments_examples=given)
  assert forget_class._choose(config).unlearning.moments_examples == taken


def test_a_missing_checkpoint_is_named(tmp_path):
  with pytest.raises(FileNotFoundError, match=r'nowhere\.npz'):
    forget_class.run(_config(tmp_path, checkpoint=tmp_path / 'nowhere.npz'))


def test_a_missing_data_set_says_how_to_fetch_it(tmp_path):
  with pytest.raises(FileNotFoundError, match='fetch it once with'):
    forget_class.run(_config(
        tmp_path / 'runs', dataset='cifar10', model='allcnn',
        data_dir=tmp_path / 'empty'))


def test_a_failed_run_leaves_the_old_results(tmp_path):
  with results_lib.folder(tmp_path / 'run') as folder:
    (folder / 'results.json').write_text('old')

  def broken_run():
    with results_lib.folder(tmp_path / 'run') as folder:
      (folder / 'results.json').write_text('half')
      raise RuntimeError('broke')

  with pytest.raises(RuntimeError, match='broke'):
    broken_run()
  assert (tmp_path / 'run' / 'results.json').read_text() == 'old'
  with results_lib.folder(tmp_path / 'run') as folder:
    (folder / 'results.json').write_text('new')
  assert (tmp_path / 'run' / 'results.json').read_text() == 'new'
  assert [p.name for p in tmp_path.iterdir()] == ['run']


def test_a_checkpoint_is_where_the_run_starts(tmp_path):
  network = models.from_linen(settings.NETWORKS['mlp'](), (8, 8, 1))
  saved = network.init(jax.random.key(5))
  checkpoints.save(tmp_path / 'w.npz', saved)
  config = _config(tmp_path, checkpoint=tmp_path / 'w.npz')
  done = forget_class._run_seed(
      config, forget_class._choose(config), data.load('digits'), network, seed=0).done
  chex.assert_trees_all_equal(done['original'].params, saved)
  # What is retrained starts anew.
  with pytest.raises(AssertionError):
    chex.assert_trees_all_close(done['retrain'].params, saved, atol=.01)
