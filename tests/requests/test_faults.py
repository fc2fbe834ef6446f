"""Kills, damage and full disks: the model before or the one after always loads."""

import errno
import os
import resource
import subprocess
import sys

import jax
import numpy as np
import pytest

from tests.requests import conftest as small
from unsc_jax import requests
from unsc_jax.requests import ledger
from unsc_jax.requests import objects


def test_a_few_kills_and_damaged_files_lose_nothing():
  """Of many more, `make test-faults`."""
  out = subprocess.run(
      [sys.executable, '-m', 'tests.requests.faults', '--kills=8', '--corruptions=12'],
      capture_output=True, text=True, check=False)
  assert out.returncode == 0, out.stderr


def test_files_that_may_not_grow_are_no_damage(store):
  """As under `ulimit -f`: SQLite has an error of input and output then, not a full disk."""
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
  try:
    with pytest.raises(OSError, match='could not read or write it .*, and it is as it was'):
      requests.forget(store, small.NETWORK, requests.Classes((1,)), small.DATA)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  assert requests.verify(store) == []
  assert len(requests.history(store)[0]) == 1


class Killed(BaseException):
  """What no handler of errors catches."""


def fails(error, after=0):
  """A function that lets so many calls pass and raises from then on."""
  def wrap(function):
    calls = iter(range(10**9))
    def run(*args, **kwargs):
      if next(calls) >= after:
        raise error
      return function(*args, **kwargs)
    return run
  return wrap


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'store')
WRITES = [(objects, '_to_disk', 0), (objects, '_to_disk', 1), (ledger, 'commit', 0),
          (ledger, 'commit', 1)]


# Every place where one is killed daily, and one where the disk is full; the rest in long runs.
@pytest.mark.parametrize(('error', 'module', 'name', 'after'), [
    *((Killed(), *write) for write in WRITES), (FULL, *WRITES[1]),
    *(pytest.param(FULL, *write, marks=pytest.mark.slow) for write in WRITES[:1] + WRITES[2:])])
def test_a_request_that_cannot_be_written_leaves_the_store_as_it_was(
    store, monkeypatch, module, name, after, error):
  sentence = 'disk is full, and the store is as' if str(error) else None
  with monkeypatch.context() as patch:
    patch.setattr(module, name, fails(error, after)(getattr(module, name)))
    with pytest.raises(type(error), match=sentence):
      requests.forget(store, small.NETWORK, requests.Classes((1,)), small.DATA)
  jax.tree.map(np.testing.assert_array_equal, requests.load(store), small.PARAMS)
  assert requests.verify(store) == []
  records, begun = requests.history(store)
  assert len(records) == 1
  assert len(begun) == (0 if (module, after) == (ledger, 0) else 1)
  requests.forget(store, small.NETWORK, requests.Classes((1,)), small.DATA)
  records, begun = requests.history(store)
  assert len(records) == 2
  assert not begun
  assert requests.again(store, small.NETWORK, 1, small.DATA)
