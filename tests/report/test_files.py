"""Files that are written whole or not at all."""

import os

import pytest

from unsc_jax.report import files


def test_a_write_that_breaks_off_leaves_the_older_file(tmp_path):
  path = tmp_path / 'report.html'
  files.write_text(path, 'whole')
  with pytest.raises(UnicodeEncodeError):  # after a first half that is fine
    files.write_text(path, 'half' * 100_000 + '\ud800')
  assert path.read_text() == 'whole'
  assert os.listdir(tmp_path) == ['report.html']


def test_the_older_file_is_never_seen_in_part(tmp_path):
  """Whoever has the older file open reads it to its end."""
  path = tmp_path / 'report.html'
  files.write_text(path, 'old')
  with path.open() as reader:
    files.write_text(path, 'new and longer')
    assert reader.read() == 'old'
  assert path.read_text() == 'new and longer'
  assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
  mask = os.umask(0)
  os.umask(mask)
  return mask
