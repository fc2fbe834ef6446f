"""What a command line asks for is looked at before anything runs; what ran is kept.

Round 2: a bad `--out` lost a finished run after 69 s, `--steps -5` was refused after
16 s, Ctrl-C was 80 lines of traceback and a log was silent for a minute.
"""

import os
import pathlib
import re
import sys
import time

import pytest

from experiments import choose
from experiments import compare
from experiments import forget_class
from experiments import null_space_alignment
from tests.report import examples
from unsc_jax import data
from unsc_jax import progress
from unsc_jax import report
from unsc_jax.command import checks
from unsc_jax.command import publish
from unsc_jax.command import running
from unsc_jax.report import folder

SCRIPTS = {'forget_class': forget_class, 'compare': compare, 'choose': choose,
           'null_space_alignment': null_space_alignment}


def _call(monkeypatch, script, *arguments):
  """As the command line; reads no data, as all that is wrong is seen before."""
  monkeypatch.setattr(data, 'load', lambda *_: pytest.fail('something ran'))
  monkeypatch.setattr(sys, 'argv', [script, *map(str, arguments)])
  module = SCRIPTS[script]
  with pytest.raises(SystemExit) as ended:
    running.main(module.run, module.Config, module.__doc__)
  return ended.value.code


@pytest.mark.parametrize(('script', 'arguments', 'said'), [
    ('forget_class', '--steps -5', '--steps is -5: give a whole number from 1 on'),
    ('forget_class', '--steps 0', '--steps is 0'),
    ('forget_class', '--batch-size 0', '--batch-size is 0'),
    ('forget_class', '--seeds', '--seeds is empty: give one seed or more'),
    ('forget_class', '--seeds 1 1', '--seeds is 1 1: give .* different'),
    ('forget_class', '--seeds -1', '--seeds is -1'),
    ('forget_class', '--learning-rate -1', '--learning-rate is -1: give a number above 0'),
    ('forget_class', '--learning-rate nan', '--learning-rate is nan'),
    ('forget_class', '--learning-rate inf', '--learning-rate is inf'),
    ('forget_class', '--references -1', '--references is -1'),
    ('forget_class', '--shadows -1', '--shadows is -1'),
    ('forget_class', '--shadows 2', '2 shadow networks are too few'),
    ('forget_class', '--epochs 0', '0 epochs train nothing'),
    ('forget_class', '--epochs nan', 'nan epochs train nothing'),
    ('forget_class', '--epochs inf', '--epochs is inf'),
    ('forget_class', '--probe-epochs 0', '--probe-epochs is 0'),
    ('forget_class', '--energy 0', '--energy is 0: give a share'),
    ('forget_class', '--energy 1.5', '--energy is 1.5'),
    ('forget_class', '--curve 2', 'energy is a share'),
    ('forget_class', '--stop-below 1', '--stop-below is 1'),
    ('forget_class', '--moments-examples -1', 'moments of -1 examples'),
    ('forget_class', '--forget -3', '--forget is -3: give classes'),
    ('forget_class', '--forget 3 3', '--forget is 3 3: give classes .* each once'),
    ('forget_class', '--checkpoint nowhere.npz', '--checkpoint is nowhere.npz'),
    ('forget_class', '--reference nowhere.npz', '--reference is nowhere.npz'),
    ('forget_class', '--name ../up', "--name is '../up': give the plain name"),
    ('forget_class', '--name .', "--name is '.'"),
    ('compare', '--share 0', '--share is 0: give a share between 0 and 1'),
    ('compare', '--share 1', '--share is 1'),
    ('compare', '--trials 0', '--trials is 0'),
    ('compare', '--examples 0', '--examples is 0'),
    ('compare', '--seeds', '--seeds is empty'),
    ('compare', '--only magic', 'No method is called .magic.'),
    ('compare', '--forget 3 --surrogates 3', 'class 3 is the request'),
    ('compare', '--share .1 --surrogates 3', 'drop --share, or --surrogates'),
    ('choose', '--energies 0', '--energies is 0'),
    ('choose', '--adam -1', '--adam is -1'),
    ('choose', '--momentum 0', '--momentum is 0'),
    ('choose', '--stops 2', '--stops is 2'),
    ('choose', '--batch-sizes 0', '--batch-sizes is 0'),
    ('choose', '--seed -1', '--seed is -1'),
    ('null_space_alignment', '--per-class 0', '--per-class is 0'),
    ('null_space_alignment', '--forget 12', 'No class is called 12'),
    ('null_space_alignment', '--roles other', 'No role is called .other.'),
])
def test_what_has_no_meaning_is_refused_at_once(
    script, arguments, said, monkeypatch, tmp_path):
  monkeypatch.chdir(tmp_path)
  begun = time.perf_counter()
  code = _call(monkeypatch, script, *arguments.split())
  assert time.perf_counter() - begun < 3
  assert str(code).startswith('error: ')
  assert '\n' not in str(code)
  assert re.search(said, str(code)), code
  assert not list(tmp_path.iterdir())


@pytest.fixture
def places(tmp_path):
  """A file, a folder of something else, one of results, and one that is read-only."""
  (tmp_path / 'file').write_text('mine')
  (tmp_path / 'other').mkdir()
  (tmp_path / 'other' / 'thesis.tex').write_text('mine')
  (tmp_path / 'runs').mkdir()
  (tmp_path / 'runs' / 'done').mkdir()
  (tmp_path / 'runs' / 'done' / 'results.json').write_text('{}')
  return tmp_path


@pytest.mark.parametrize(('script', 'arguments', 'said'), [
    ('forget_class', '--out file', 'file is a file: choose a folder'),
    ('forget_class', '--out file/inside', 'file is a file: choose a folder'),
    ('forget_class', '--out /proc/nothing', '/proc cannot be written to'),
    ('forget_class', '--out . --name file', 'file is a file: choose another'),
    ('forget_class', '--out . --name other', 'other holds something else than results'),
    ('forget_class', '--resume file', '--resume is file, but .*file is a file'),
    ('forget_class', '--resume runs/done/states --name done', '--resume is in runs/done'),
    ('compare', '--out file', 'file is a file'),
    ('choose', '--out other', '--out is other, which is a folder'),
    ('choose', '--out file/x.json', 'file is a file'),
    ('null_space_alignment', '--out file', 'file is a file'),
])
def test_where_nothing_can_be_written_is_told_at_once(
    script, arguments, said, monkeypatch, places):
  monkeypatch.chdir(places)
  before = sorted(places.rglob('*'))
  code = _call(monkeypatch, script, *arguments.split())
  assert re.search(said, str(code)), code
  assert '\n' not in str(code)
  assert sorted(places.rglob('*')) == before
  assert (places / 'other' / 'thesis.tex').read_text() == 'mine'


def test_results_that_cannot_be_written_are_kept_elsewhere(monkeypatch, tmp_path, capsys):
  results = examples.example_results(1, quick=True)
  (tmp_path / 'file').write_text('')
  rescue = tmp_path / 'rescue'
  rescue.mkdir()
  monkeypatch.setattr(folder.tempfile, 'tempdir', str(rescue))
  with pytest.raises(OSError, match='could not be written .* the results are in') as raised:
    publish.publish(results, tmp_path / 'file' / 'run')
  assert 'forget test %' in capsys.readouterr().out  # the table was shown before
  kept, = rescue.rglob('results.json')
  assert str(kept) in str(raised.value)
  assert report.read(kept).rows == results.rows


def test_a_page_that_cannot_be_made_loses_no_results(monkeypatch, tmp_path):
  results = examples.example_results(1, quick=True)
  monkeypatch.setattr(folder.tempfile, 'tempdir', str(tmp_path))
  monkeypatch.setattr(folder.page, 'render', lambda _: 1 / 0)
  with pytest.raises(OSError, match='could not be written'):
    publish.publish(results, tmp_path / 'run')
  kept, = tmp_path.rglob('results.json')
  assert report.read(kept).rows == results.rows


def test_older_results_stay_until_the_new_are_whole(monkeypatch, tmp_path):
  old, new = examples.example_results(1, quick=True), examples.example_results(2, quick=True)
  publish.publish(old, tmp_path / 'run')
  monkeypatch.setattr(folder.page, 'render', lambda _: 1 / 0)
  monkeypatch.setattr(folder.tempfile, 'tempdir', str(tmp_path))
  with pytest.raises(OSError, match='could not be written'):
    publish.publish(new, tmp_path / 'run')
  assert report.read(tmp_path / 'run' / 'results.json').rows == old.rows


@pytest.mark.parametrize(('arguments', 'said'), [
    (['--resume', 'my states', '--forget', '3'],
     "go on with: python .*--resume 'my states' --forget 3"),
    (['--forget', '3'],
     'nothing was kept. Begin anew with: python .*--forget 3, and with --resume FOLDER')])
def test_an_interrupt_is_one_line_and_says_how_to_go_on(
    arguments, said, monkeypatch, capsys):
  def run(config):
    raise KeyboardInterrupt

  monkeypatch.setattr(sys, 'argv', ['forget_class.py', *arguments])
  with pytest.raises(SystemExit) as ended:
    running.main(run, forget_class.Config, '')
  assert ended.value.code == 130
  line = capsys.readouterr().err.strip().splitlines()[-1]
  assert re.search(f'^interrupted; {said}', line)


def test_other_processes_are_joined_before_jax_is_asked_anything(monkeypatch):
  order = []
  monkeypatch.setattr(sys, 'argv', ['forget_class.py', '--distributed'])
  monkeypatch.setattr(running, 'start', lambda distributed: order.append(distributed))
  monkeypatch.setattr(running, 'is_first', lambda: order.append('asked'))
  running.main(lambda config: order.append('ran'), forget_class.Config, '')
  assert order[0] is True
  assert order[-1] == 'ran'
  assert 'asked' in order


def test_a_log_has_a_line_for_every_loop_and_is_never_long_silent():
  """By a clock of its own: ten loops at once have one line, a slow one many."""
  now, lines = [0.], []
  log = progress.Lines(lambda line: lines.append((now[0], line)), clock=lambda: now[0])
  for i in range(10):
    assert list(log(range(3), f'quick {i}', 3)) == [0, 1, 2]
  assert [line for _, line in lines] == ['0 s: quick 0']
  for _ in log(range(30), 'training', 30):
    now[0] += 4
  for _ in log(range(2), 'moments', 2):
    for _ in log(range(5), 'unlearning', 5):
      now[0] += 12
  assert lines[1][1] == '4 s: training, 1 of 30'
  assert any('unlearning, 3 of 5' in line for _, line in lines)
  times = [at for at, _ in lines]
  assert max(b - a for a, b in zip(times, times[1:])) <= 12  # the longest step


def test_a_log_speaks_while_a_step_takes_long():
  lines = []
  log = progress.Lines(lines.append, every=.05)
  with log.beating():
    for _ in log(range(1), 'compiling', 1):
      time.sleep(.5)
  assert sum('compiling, 0 of 1' in line for line in lines) >= 4


def test_help_shows_the_defaults_that_are_taken(monkeypatch, capsys):
  monkeypatch.setenv('COLUMNS', '300')
  monkeypatch.setattr(sys, 'argv', ['forget_class', '--help'])
  with pytest.raises(SystemExit):
    running.main(forget_class.run, forget_class.Config, '')
  said = ' '.join(capsys.readouterr().out.replace('│', ' ').split())
  for default in ('300 on digits, else 150', '(default: 0.99)', '2 on digits, else 0',
                  '0.005 on digits, 0.07 on fashion_mnist, else 0.05', 'else all',
                  '0.003 on digits, else the hard cut'):
    assert default in said, default


def test_nothing_of_this_leaves_anything_behind(tmp_path):
  checks.folder(tmp_path / 'a' / 'b', 'c', tmp_path / 'd')
  checks.file(tmp_path / 'e' / 'f.json', '--out')
  assert not os.listdir(tmp_path)
  assert isinstance(checks.folder(pathlib.Path(tmp_path), 'c'), pathlib.Path)
