"""The command, and files that are written whole or not at all."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from unsc_jax import report
from unsc_jax.report import __main__ as command
from unsc_jax.report import files


def test_writes_the_page_beside_the_results(example, tmp_path, capsys):
  (tmp_path / 'results.json').write_text(json.dumps(example(1, quick=True)))
  (tmp_path / 'report.html').write_text('an older one')
  assert command.main([str(tmp_path / 'results.json')]) == 0
  page = tmp_path / 'report.html'
  assert page.read_text() == report.render(example(1, quick=True))
  assert capsys.readouterr().out == f'{page}\n'
  assert sorted(os.listdir(tmp_path)) == ['report.html', 'results.json']


def test_runs_as_a_module(example, tmp_path):
  (tmp_path / 'results.json').write_text(json.dumps(example(1, quick=True)))
  done = subprocess.run(
      [sys.executable, '-m', 'unsc_jax.report', 'results.json', '-o', 'a.html'],
      cwd=tmp_path, capture_output=True, text=True, check=False,
      env={**os.environ, 'PYTHONPATH': str(pathlib.Path(__file__).parents[2])})
  assert (done.returncode, done.stderr) == (0, '')
  assert (tmp_path / 'a.html').read_text().startswith('<!DOCTYPE html>')


@pytest.mark.parametrize(('text', 'said'), [
    ('{"schema": 1, ', 'is not JSON'), ('[]', 'these are no results'),
    ('{"schema": 9}', 'of schema 9'), (b'\xff\xfe\x00', 'is not a text file'),
    (None, 'No such file or directory')])
def test_what_cannot_be_read_is_one_sentence(tmp_path, capsys, text, said):
  path = tmp_path / 'results.json'
  if text is not None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
  (tmp_path / 'report.html').write_text('an older one')
  assert command.main([str(path)]) == 2
  out, err = capsys.readouterr()
  assert out == ''
  assert err.startswith('error: ')
  assert err.count('\n') == 1
  assert said in err
  assert str(path) in err
  assert (tmp_path / 'report.html').read_text() == 'an older one'


def test_a_page_that_cannot_be_written_is_one_sentence(example, tmp_path, capsys):
  (tmp_path / 'results.json').write_text(json.dumps(example(1, quick=True)))
  target = tmp_path / 'nowhere' / 'report.html'
  assert command.main([str(tmp_path / 'results.json'), '-o', str(target)]) == 2
  assert 'No such file or directory' in capsys.readouterr().err


def test_a_write_that_breaks_off_leaves_the_older_file(tmp_path):
  path = tmp_path / 'report.html'
  files.write(path, 'whole')
  with pytest.raises(UnicodeEncodeError):  # after a first half that is fine
    files.write(path, 'half' * 100_000 + '\ud800')
  assert path.read_text() == 'whole'
  assert os.listdir(tmp_path) == ['report.html']


def test_the_older_file_is_never_seen_in_part(tmp_path):
  """Whoever has the older file open reads it to its end."""
  path = tmp_path / 'report.html'
  files.write(path, 'old')
  with path.open() as reader:
    files.write(path, 'new and longer')
    assert reader.read() == 'old'
  assert path.read_text() == 'new and longer'
  assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
  mask = os.umask(0)
  os.umask(mask)
  return mask
