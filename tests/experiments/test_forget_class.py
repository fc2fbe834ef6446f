"""The script: what it writes, and what it says when it can't."""

import chex
import jax
import pytest

from experiments import forget_class
from experiments import problems
from experiments import settings
from tests.report import examples
from unsc_jax import data
from unsc_jax import methods
from unsc_jax import report
from unsc_jax import study
from unsc_jax.storage import checkpoints

FAST = {'epochs': 2, 'steps': 20, 'probe_epochs': 1, 'model': 'mlp',
        'references': 0}


def _config(folder, **changes):
  return forget_class.Config(out=folder, name='run', **{**FAST, **changes})


@pytest.fixture(scope='module')
def done(tmp_path_factory):
  folder = tmp_path_factory.mktemp('runs')
  with examples.undrawn():
    results = forget_class.run(_config(folder, seeds=(1,), curve=(.9,)))
  return folder, results


def test_results_and_page_are_written(done):
  folder, results = done
  on_disk = report.read(folder / 'run' / 'results.json')
  assert [row.method for row in on_disk.rows] == [
      'original', 'retrain', 'head_only', 'unsc']
  assert [point.energy for point in on_disk.curve] == [.9, .99]
  assert on_disk.rows[0].metrics == results.rows[0].metrics
  assert on_disk.pictures == results.pictures
  page = (folder / 'run' / 'report.html').read_text()
  assert page.startswith('<!DOCTYPE html>')
  assert [path.name for path in folder.iterdir()] == ['run']


def test_rows_mean_what_they_say(done):
  metrics = {row.method: row.metrics for row in done[1].rows}
  original, unsc = metrics['original'], metrics['unsc']
  assert original['logit_drift'] == 0
  assert original['layer_drift'] == 0
  assert metrics['head_only']['forget_test'] == 0
  # The leak of the whole run, in float32 and over all steps.
  assert unsc['leak'] < 1e-4
  assert 0 < unsc['layer_drift'] < 1
  assert unsc['forget_test'] < original['forget_test']


@pytest.mark.parametrize(('changes', 'error', 'message'), [
    ({'dataset': 'imagenet'}, ValueError,
     'No data set is called .imagenet.: choose one of'),
    ({'model': 'lenet'}, ValueError, 'No network is called .lenet.: choose one of'),
    ({'combine': 'sum'}, ValueError, 'No way to combine classes is called .sum.'),
    ({'also': ('magic',)}, ValueError, 'No further method is called .magic.'),
    ({'moments_examples': -1}, ValueError, 'the moments of -1 examples cannot be taken'),
    ({'forget': (12,)}, ValueError, 'class 12 is not in the data; choose among 0, 1'),
    ({'forget': tuple(range(10))}, ValueError, 'all classes would be forgotten'),
    ({'checkpoint': 'x.npz', 'seeds': (0, 1)}, ValueError,
     'one network, so it goes with one'),
    ({'checkpoint': 'nowhere.npz'}, FileNotFoundError, r'nowhere\.npz'),
    ({'dataset': 'cifar10', 'model': 'allcnn', 'data_dir': 'empty'}, (OSError, ImportError),
     'cifar10.* cannot be fetched|cifar10 is fetched by pooch'),
])
def test_bad_input_is_one_sentence_and_no_folder(
    tmp_path, tmp_path_factory, monkeypatch, changes, error, message):
  monkeypatch.chdir(tmp_path_factory.mktemp('here'))
  monkeypatch.setenv('https_proxy', 'http://127.0.0.1:1')  # where nothing can be fetched
  with pytest.raises(error, match=message) as raised:
    forget_class.run(_config(tmp_path, **changes))
  assert '\n' not in str(raised.value)
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(('given', 'taken'), [
    (None, settings.SETTINGS['fashion_mnist'].unlearning.moments_examples),
    (500, 500), (0, None)])
def test_moments_are_of_as_many_examples_as_asked_for(given, taken):
  config = forget_class.Config(dataset='fashion_mnist', moments_examples=given)
  assert forget_class.choose(config).unlearning.moments_examples == taken


def test_a_checkpoint_is_where_the_run_starts(tmp_path):
  config = _config(tmp_path, checkpoint=tmp_path / 'w.npz')
  task = problems.task(forget_class.choose(config), data.load('digits'))
  saved = task.network.init(jax.random.key(5))
  checkpoints.save(config.checkpoint, saved)
  of = {'original': methods.original(), 'unsc': task.settings.unlearning.method(),
        'retrain': methods.retrain(task.settings.recipe)}
  networks = study.networks(
      0, forget_class.problem(config, task, seed=0), of, task.dataset.test).networks
  chex.assert_trees_all_equal(networks['original'].params, saved)
  # What is retrained starts anew.
  with pytest.raises(AssertionError):
    chex.assert_trees_all_close(networks['retrain'].params, saved, atol=.01)
