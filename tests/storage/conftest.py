"""Both ways to lie on the disk, and a disk that is full."""

import os

import pytest


@pytest.fixture(params=['stored.npz', 'stored'], ids=['npz', 'orbax'])
def path(request, tmp_path):
  return tmp_path / 'new' / 'folders' / request.param


@pytest.fixture
def full_disk(monkeypatch):
  """What is called makes the last step before the end fail from now on."""
  def fail(*_):
    raise OSError('No space left on device')

  return lambda: monkeypatch.setattr(os, 'replace', fail)
