"""What is written is there whole, or not at all."""

import os

import pytest

from unsc_jax.storage import atomic


@pytest.fixture
def path(tmp_path):
  return tmp_path / 'x'


@pytest.fixture(params=['file', 'folder'])
def kind(request):
  return request.param


def _write(path, text, kind, **options):
  with atomic.written(path, **options) as draft:
    if kind == 'folder':
      draft.mkdir()
    (draft / 'a' if kind == 'folder' else draft).write_text(text)


def _check(path, text):
  """This text alone is there, and no temporary name."""
  assert (path / 'a' if path.is_dir() else path).read_text() == text
  assert os.listdir(path.parent) == [path.name]


def test_the_older_one_is_replaced_and_nothing_else_is_left(path, kind):
  for text in ('old', 'new'):
    _write(path, text, kind)
    _check(path, text)


def test_the_older_one_stands_where_the_block_or_the_last_step_fails(
    path, kind, full_disk):
  _write(path, 'old', kind)
  with pytest.raises(TypeError):  # after a first half that is fine
    _write(path, 0, kind)
  _check(path, 'old')
  full_disk()
  with pytest.raises(OSError, match='No space'):
    _write(path, 'new', kind)
  _check(path, 'old')


def test_a_folder_may_be_refused(path):
  _write(path, 'old', 'folder')
  with pytest.raises(FileExistsError, match='x exists: remove it or choose another'):
    _write(path, 'new', 'folder', replace=False)
  with pytest.raises(OSError, match='x'):  # and never makes room for a file
    _write(path, 'new', 'file')
  _check(path, 'old')


def test_what_other_processes_write_is_thrown_away(path, kind):
  _write(path, 'theirs', kind, here=False)
  assert not os.listdir(path.parent)


def test_who_reads_the_older_file_reads_it_to_its_end(path):
  _write(path, 'old', 'file')
  with path.open() as reader:
    _write(path, 'new and longer', 'file')
    assert reader.read() == 'old'


@pytest.mark.parametrize(('kind', 'mode'), [('file', 0o666), ('folder', 0o777)])
def test_modes_are_those_of_anything_new(path, kind, mode):
  _write(path, 'new', kind)
  mask = os.umask(0)
  os.umask(mask)
  assert path.stat().st_mode & 0o777 == mode & ~mask
