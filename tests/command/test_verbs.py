"""The command: a network of one's own and files of one's own, and what is refused."""

import pathlib
import re
import time

import numpy as np
import pytest

from tests.report import examples
from unsc_jax import command
from unsc_jax import data as data_lib
from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import report
from unsc_jax.command import asked as asked_lib
from unsc_jax.command import running
from unsc_jax.evaluation import measured
from unsc_jax.evaluation import outputs as outputs_lib
from unsc_jax.storage import checkpoints

MODULE = '''
import jax
import jax.numpy as jnp
import unsc_jax

def init(key):
  return {'head': .1 * jax.random.normal(key, (6, 3))}

network = unsc_jax.Network(lambda params, x: x @ params['head'], init)
make = lambda: network
fixed = unsc_jax.Network(network.fn)
wide = unsc_jax.Network(lambda params, x: jnp.tile(x, 2), lambda key: {})
number = 3
'''


def _examples(seed, each):
  y = np.repeat(np.arange(3), each)
  noise = np.random.default_rng(seed).normal(size=(3 * each, 6))
  return (3 * np.eye(3, 6)[y] + .3 * noise).astype(np.float32), y


@pytest.fixture
def here(tmp_path, monkeypatch):
  """A folder with a module `mine`, data and trained parameters."""
  monkeypatch.chdir(tmp_path)
  monkeypatch.syspath_prepend(str(tmp_path))
  monkeypatch.delitem(__import__('sys').modules, 'mine', raising=False)
  (tmp_path / 'mine.py').write_text(MODULE)
  (x, y), (x_test, y_test) = _examples(0, 20), _examples(1, 10)
  np.savez('data.npz', x=x, y=y, x_test=x_test, y_test=y_test,
           class_names=['ant', 'bee', 'cat'])
  np.savez('half.npz', x=x, y=y)
  np.savez('odd.npz', x=x, y=y[:5], x_test=x_test, y_test=y_test)
  checkpoints.save('trained.npz', {'head': 3 * np.eye(6, 3, dtype=np.float32)})
  checkpoints.save('other.npz', {'head': np.eye(6, 4, dtype=np.float32)})
  (tmp_path / 'file').write_text('mine')
  return tmp_path


@pytest.fixture
def call(capsys, monkeypatch):
  """As on a terminal: in a log a busy machine would say how far it is."""
  monkeypatch.setattr(running, '_logs', lambda: False)

  def call(line):
    code = command.main(line.split())
    out, err = capsys.readouterr()
    return code, out, err
  return call


@pytest.fixture
def quick(monkeypatch):
  """Accuracies alone, and of figures their words."""
  def measure(setup, unlearned, *, outputs=None, references=None):
    outputs = outputs or setup.outputs(unlearned)
    metrics, _ = measured.plain(outputs_lib.accuracies(outputs))
    return evaluation.Measured(metrics=metrics, intervals={}, per_class=[None] * 3,
                               seconds={}, history={})
  monkeypatch.setattr(evaluation, 'measure', measure)
  with examples.undrawn():
    yield


OWN = '--network mine:network --data data.npz --params trained.npz'


def test_a_class_is_forgotten_and_the_parameters_are_written(here, call, quick):
  code, out, err = call(f'forget {OWN} --forget 2 --energy .6 --learning-rate .1')
  assert code == 0, err
  table, page, params = out.partition('\n\n')[0], *out.splitlines()[-2:]
  assert table.startswith('method')
  assert page.startswith('runs/data-forget-2/report.html (')
  results = report.read('runs/data-forget-2/results.json')
  assert results.methods == ('original', 'unsc', 'head_only')
  assert results.dataset.class_names == ('ant', 'bee', 'cat')
  after = checkpoints.load(params, {'head': np.zeros((6, 3), np.float32)})['head']
  # By NumPy: nothing is called a cat any more, and the others what they are.
  with np.load('data.npz') as data:
    said = (data['x_test'] @ np.asarray(after)).argmax(-1)
    kept = data['y_test'] != 2
    assert (said[kept] == data['y_test'][kept]).mean() > .95
    assert (said[~kept] == 2).mean() < .05


def test_evaluate_retrains_and_takes_further_methods(here, call, quick):
  code, out, err = call(
      f'evaluate {OWN} --forget 1 --methods unsc_jax.methods:original --epochs 2 '
      '--references 1 --no-pictures --name mine')
  assert code == 0, err
  results = report.read('runs/mine/results.json')
  assert results.methods == ('original', 'retrain', 'head_only', 'unsc')
  assert len(results.rows_of('retrain')) == 2
  assert results.config['forget'] == [1]


@pytest.mark.parametrize(('line', 'name', 'labels'), [
    ('--indices 1 45', '2-indices', [0, 2]),
    ('--share .2 --share-of 1', 'share-0.2-of-1', [1] * 4)])
def test_single_examples_are_named_by_places_or_drawn_of_classes(
    line, name, labels, here, call, quick, monkeypatch):
  with np.load('data.npz') as data:
    np.savez('data.npz', x_validation=data['x_test'], y_validation=data['y_test'], **data)
  asked = []

  def forget(problem, key):
    asked.append(problem.forget.y.tolist())
    return methods.unsc()(problem, key)

  monkeypatch.setattr(asked_lib.Asked, 'method', property(lambda self: forget))
  code, _, err = call(f'forget {OWN} {line}')
  assert code == 0, err
  assert asked == [labels]
  assert (here / 'runs' / f'data-forget-{name}' / 'report.html').exists()


def test_sites_and_room_are_told(here, call):
  code, out, err = call(f'inspect {OWN} --energy .6')
  assert code == 0, err
  assert re.search(r'head +dense +6 ', out)
  assert re.search(r'head: \d of 6 directions free', out)
  code, out, _ = call('inspect --network mine:make --data data.npz')
  assert (code, 'directions free' in out) == (0, False)


@pytest.mark.parametrize(('line', 'said'), [
    (f'forget {OWN}', 'name what is to be forgotten: either classes'),
    (f'forget {OWN} --forget 1 --share .1', 'name what is to be forgotten'),
    (f'forget {OWN} --forget 7', 'class 7 is not in the data; choose among 0, 1, 2'),
    (f'forget {OWN} --forget 1 1', '--forget is 1 1: give classes'),
    (f'forget {OWN} --share .1', 'data.npz has no validation data'),
    (f'forget {OWN} --indices 1', 'data.npz has no validation data'),
    (f'forget {OWN} --indices 1 --share .1', 'name what is to be forgotten'),
    (f'forget {OWN} --indices 1 1', '--indices is 1 1: give places'),
    (f'forget {OWN} --indices 60', 'index 60 is not in the data; choose among 0 to 59'),
    (f'forget {OWN} --forget 1 --share-of 1', '--share-of names what a share is drawn'),
    (f'forget {OWN} --share .1 --share-of 7', 'class 7 is not in the data'),
    (f'forget {OWN} --forget 1 --steps 0', '--steps is 0'),
    (f'forget {OWN} --forget 1 --learning-rate -1', '--learning-rate is -1'),
    (f'forget {OWN} --forget 1 --training-rate nan', '--training-rate is nan'),
    (f'forget {OWN} --forget 1 --energy 2', '--energy is 2'),
    (f'forget {OWN} --forget 1 --seed -1', '--seed is -1'),
    (f'forget {OWN} --forget 1 --out file', 'file is a file'),
    (f'forget {OWN} --forget 1 --name ../up', "--name is '../up'"),
    (f'evaluate {OWN} --forget 1 --shadows 2', '2 shadow networks are too few'),
    (f'evaluate {OWN} --forget 1 --references -1', '--references is -1'),
    (f'evaluate {OWN} --forget 1 --retrained nowhere.npz', '--retrained is nowhere.npz'),
    (f'evaluate {OWN} --forget 1 --methods mine:number', 'mine:number is no method'),
    ('forget --forget 1 --network mine --data data.npz', "'mine' names nothing"),
    ('forget --forget 1 --network mime:network', 'mime:network cannot be imported'),
    ('forget --forget 1 --network mine:net', 'mine has no net'),
    ('forget --forget 1 --network mine:number --data data.npz', 'mine:number is a int'),
    ('forget --forget 1 --network mine:fixed --data data.npz', 'mine:fixed has no `init`'),
    ('forget --forget 1 --network mine:wide --data data.npz', 'the network gives'),
    ('forget --forget 1 --data nowhere.npz', 'nowhere.npz is not there'),
    ('forget --forget 1 --data file.npz', 'file.npz is not there'),
    ('forget --forget 1 --data half.npz', 'half.npz lacks x_test and y_test'),
    ('forget --forget 1 --data odd.npz', 'give every input one label'),
    ('forget --forget 1 --data imagenet', "No data set is called 'imagenet'"),
    ('forget --forget 1 --network mine:network --data data.npz --params other.npz',
     'with shape'),
    ('forget --forget 1 --params nowhere.npz', '--params is nowhere.npz'),
    ('inspect --network mine:fixed --data data.npz', 'mine:fixed has no `init`'),
    ('inspect --forget 0 1 2 --network mine:network --data data.npz', 'no training example'),
    ('requests history nowhere', 'there is no store in')])
def test_what_has_no_meaning_is_one_sentence_at_once(line, said, here, call, monkeypatch):
  monkeypatch.setattr('unsc_jax.training.train', lambda *_, **__: pytest.fail('it ran'))
  before, begun = sorted(here.rglob('*')), time.process_time()
  code, out, err = call(line)
  assert (code, out) == (2, ''), err
  assert time.process_time() - begun < 3
  assert err.startswith('error: ')
  assert err.count('\n') == 1
  assert said in err
  assert [path for path in sorted(here.rglob('*')) if path.suffix != '.pyc'
          and path.name != '__pycache__'] == before


@pytest.mark.parametrize(('more', 'said'), [
    ('', 'Begin anew with: unsc-jax forget .*, and with --resume FOLDER'),
    (' --resume states', 'go on with: unsc-jax forget .* --resume states')])
def test_an_interrupt_is_one_line_with_the_command_that_goes_on(
    more, said, here, call, monkeypatch):
  def interrupted(*_, **__):
    raise KeyboardInterrupt

  monkeypatch.setattr('unsc_jax.training.train', interrupted)
  code, _, err = call(f'forget --network mine:network --data data.npz --forget 1{more}')
  assert code == 130
  assert re.search(said, err.strip().splitlines()[-1])


def test_help_shows_verbs_and_the_defaults_that_are_taken(call, capsys, monkeypatch):
  monkeypatch.setenv('COLUMNS', '200')
  for line, words in (('--help', ('forget', 'evaluate', 'inspect', 'report', 'compare',
                                  'requests')),
                      ('forget --help', ('(default: 0.001)', '(default: 200)', 'digits'))):
    with pytest.raises(SystemExit) as ended:
      command.main(line.split())
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for word in words:
      assert word in said, word


def test_the_version_is_told(call):
  code, out, _ = call('--version')
  assert code == 0
  assert re.fullmatch(r'unsc_jax \d+\.\d+\.\d+, jax \d.*\n', out)


def test_a_file_of_data_is_read_as_it_is(here):
  dataset = data_lib.load('data.npz')
  assert (dataset.name, dataset.num_classes, len(dataset.validation)) == ('data', 3, 0)
  np.testing.assert_array_equal(dataset.test.y, _examples(1, 10)[1])
  assert pathlib.Path('data.npz').exists()
