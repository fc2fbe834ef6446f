"""What is written is there whole, or not at all."""

import os

import pytest

from unsc_jax.storage import atomic


def _write(path, text, kind, **options):
  with atomic.written(path, **options) as draft:
    if kind == 'folder':
      draft.mkdir()
    (draft / 'a' if kind == 'folder' else draft).write_text(text)


def _read(path):
  return (path / 'a' if path.is_dir() else path).read_text()


@pytest.fixture(params=['file', 'folder'])
def kind(request):
  return request.param


def test_the_older_one_is_replaced_and_nothing_else_is_left(tmp_path, kind):
  for text in ('old', 'new'):
    _write(tmp_path / 'x', text, kind)
    assert _read(tmp_path / 'x') == text
    assert os.listdir(tmp_path) == ['x']


def test_a_block_that_fails_leaves_the_older_one(tmp_path, kind):
  _write(tmp_path / 'x', 'old', kind)
  with pytest.raises(TypeError):  # after a first half that is fine
    _write(tmp_path / 'x', 0, kind)
  assert _read(tmp_path / 'x') == 'old'
  assert os.listdir(tmp_path) == ['x']


def test_where_the_name_cannot_be_taken_the_older_one_stands(
    tmp_path, kind, monkeypatch):
  _write(tmp_path / 'x', 'old', kind)

  def full_disk(*_):
    raise OSError('No space left on device')

  monkeypatch.setattr(os, 'replace', full_disk)
  with pytest.raises(OSError, match='No space'):
    _write(tmp_path / 'x', 'new', kind)
  assert _read(tmp_path / 'x') == 'old'
  assert os.listdir(tmp_path) == ['x']


def test_a_folder_may_be_refused(tmp_path):
  _write(tmp_path / 'x', 'old', 'folder')
  with pytest.raises(FileExistsError, match='x exists: remove it or choose another'):
    _write(tmp_path / 'x', 'new', 'folder', replace=False)
  with pytest.raises(OSError, match='x'):  # and never makes room for a file
    _write(tmp_path / 'x', 'new', 'file')
  assert _read(tmp_path / 'x') == 'old'


def test_what_other_processes_write_is_thrown_away(tmp_path, kind):
  _write(tmp_path / 'x', 'theirs', kind, here=False)
  assert not os.listdir(tmp_path)


def test_who_reads_the_older_file_reads_it_to_its_end(tmp_path):
  _write(tmp_path / 'x', 'old', 'file')
  with (tmp_path / 'x').open() as reader:
    _write(tmp_path / 'x', 'new and longer', 'file')
    assert reader.read() == 'old'


@pytest.mark.parametrize(('kind', 'mode'), [('file', 0o666), ('folder', 0o777)])
def test_modes_are_those_of_anything_new(tmp_path, kind, mode):
  _write(tmp_path / 'x', 'new', kind)
  mask = os.umask(0)
  os.umask(mask)
  assert (tmp_path / 'x').stat().st_mode & 0o777 == mode & ~mask
