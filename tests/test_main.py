"""The commands: pages about runs, and runs side by side."""

from dataclasses import replace
import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests.report import examples
from unsc_jax import command
from unsc_jax import report
from unsc_jax.command import pages

EXAMPLE = examples.example_results(1, quick=True)


@pytest.fixture
def run(tmp_path):
  """Writes a run's results; returns its folder."""
  def write(name, **changes):
    folder = tmp_path / name
    folder.mkdir(parents=True)
    report.write(folder / 'results.json', replace(EXAMPLE, **changes))
    return folder
  return write


@pytest.fixture
def undrawn():
  """Of figures the words alone: which pages are written is what counts."""
  with examples.undrawn():
    yield


def test_writes_the_page_beside_the_results(run, capsys, undrawn):
  folder = run('one')
  page = folder / 'report.html'
  page.write_text('an older one')
  assert command.main(['report', str(folder / 'results.json')]) == 0
  assert page.read_text() == report.render(report.read(folder / 'results.json'))
  assert capsys.readouterr().out == f'{page}\n'
  assert sorted(os.listdir(folder)) == ['report.html', 'results.json']


def test_takes_folders_of_runs_and_several(run, tmp_path, capsys, undrawn):
  for name in ('some/a', 'some/b', 'c'):
    run(name)
  assert command.main(['report', str(tmp_path / 'some'), str(tmp_path / 'c')]) == 0
  pages = [tmp_path / name / 'report.html' for name in ('some/a', 'some/b', 'c')]
  assert capsys.readouterr().out.split() == [str(page) for page in pages]
  assert all(page.exists() for page in pages)


def test_runs_as_a_module(run, tmp_path):
  run('one')
  done = subprocess.run(
      [sys.executable, '-m', 'unsc_jax', 'report', 'one', '-o', 'a.html'],
      cwd=tmp_path, capture_output=True, text=True, check=False,
      env={**os.environ, 'PYTHONPATH': str(pathlib.Path(__file__).parents[1])})
  assert (done.returncode, done.stderr) == (0, '')
  assert (tmp_path / 'a.html').read_text().startswith('<!DOCTYPE html>')


@pytest.mark.parametrize('name', ['report', 'compare'])
@pytest.mark.parametrize(('text', 'said'), [
    (b'{"schema": 1, ', 'is not JSON'), (b'[]', 'these are no results'),
    (b'{"schema": 9}', 'of schema 9'), (b'\xff\xfe\x00', 'is not JSON'),
    (None, 'No such file or directory')])
def test_what_cannot_be_read_is_one_sentence(run, tmp_path, capsys, name, text, said):
  good, path = run('good'), tmp_path / 'bad.json'
  if text is not None:
    path.write_bytes(text)
  (tmp_path / 'report.html').write_text('an older one')
  given = [str(path)] if name == 'report' else [str(good), str(path)]
  assert command.main([name, *given]) == 2
  out, err = capsys.readouterr()
  assert out == ''
  assert err.startswith('error: ')
  assert err.count('\n') == 1
  assert said in err
  assert str(path) in err
  assert (tmp_path / 'report.html').read_text() == 'an older one'


def test_what_cannot_be_done_is_one_sentence(run, tmp_path, capsys):
  one, two = run('one'), run('two')
  (tmp_path / 'empty').mkdir()
  for given, said in (
      (['report', one, two, '-o', 'page.html'], 'but there are 2 runs'),
      (['report', tmp_path / 'empty'], 'has no results.json'),
      (['report', one, '-o', tmp_path / 'nowhere' / 'a.html'], 'No such file'),
      (['compare', one], 'one run cannot be compared')):
    assert command.main([*map(str, given)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count('\n')) == ('', 1)
    assert said in err


def test_runs_stand_side_by_side(run, tmp_path, capsys):
  one, two = run('one'), run(
      'two', config={'model': 'mlp', 'energy': .9, 'seeds': [0]})
  page = tmp_path / 'page.html'
  assert command.main(['compare', str(one), str(two), '-o', str(page)]) == 0
  out = capsys.readouterr().out
  tables = dict(re.findall(r'(?m)^(\S.*?)  +one +two\n[- ]+\n((?:.+\n?)+)', out))
  unsc, = EXAMPLE.rows_of('unsc')
  row, = re.findall(r'(?m)^UNSC +(.*)$', tables['Linear probe'])
  for cell in re.split('   *', row):
    assert cell.startswith(f'{100 * unsc.metrics["probe"]:.1f} % (+')
    assert cell.endswith('▲')
  assert re.search(r'(?m)^energy +0.99 +0.9$', out)
  assert 'The runs differ in their network' in out
  assert 'differ in their data' not in out
  text = page.read_text()
  assert text.count('<summary>UNSC: ') == 2
  assert 'The runs differ in their network' in text
  ids = re.findall(r'\bid="([^"]*)"', text)
  assert len(ids) == len(set(ids))
  assert {*re.findall('popovertarget="([^"]*)"', text)} <= set(ids)


def test_what_keeps_runs_from_being_compared_is_said(run, capsys):
  one = run('one')
  two = run('two', forget_classes=(2,), methods=('unsc',), rows=EXAMPLE.rows[-1:],
            dataset=replace(EXAMPLE.dataset, sha256='ab' * 32))
  assert command.main(['compare', str(one), str(two)]) == 0
  out = ' '.join(capsys.readouterr().out.split())
  for said in ('differ in their data', 'differ in their request',
               'No retrained model in two'):
    assert said in out


@pytest.mark.parametrize(('paths', 'expected'), [
    (['runs/a/results.json', 'runs/b/results.json'], ['a', 'b']),
    (['x/a/results.json', 'y/a/results.json'], ['x/a', 'y/a']),
    (['a.json', 'b.json'], ['a', 'b']),
    (['a/results.json', 'a/results.json'], ['1: a', '2: a'])])
def test_names_tell_runs_apart(paths, expected):
  assert pages.names([*map(pathlib.Path, paths)]) == expected


class _Without:
  """Finds a package to be missing; Tyro looks for itself whether it was imported."""

  def __init__(self, package):
    self.package = package

  def find_spec(self, name, path=None, target=None):
    del path, target
    if name.partition('.')[0] == self.package:
      raise ModuleNotFoundError(f'No module named {name!r}', name=name)


@pytest.mark.parametrize('package', ['matplotlib', 'msgspec'])
def test_what_is_not_installed_is_one_sentence_and_help_goes_without(
    run, monkeypatch, capsys, package):
  folder = run('one')
  for name in [*sys.modules]:
    if name.startswith('unsc_jax.report'):
      monkeypatch.delitem(sys.modules, name)
    if name.partition('.')[0] == package:
      monkeypatch.delitem(sys.modules, name)
  monkeypatch.delattr('unsc_jax.report')
  monkeypatch.setattr(sys, 'meta_path', [_Without(package), *sys.meta_path])
  assert command.main(['report', str(folder)]) == 2
  out, err = capsys.readouterr()
  assert (out, err.count('\n')) == ('', 1)
  assert "pip install 'unsc_jax[report]'" in err
  with pytest.raises(SystemExit) as done:
    command.main(['--help'])
  assert done.value.code == 0
  assert 'compare' in capsys.readouterr().out
