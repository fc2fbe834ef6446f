"""The parts of a store, each by itself: who may write, what is trusted, what is refused."""

import contextlib
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from tests.requests import conftest as small
from unsc_jax import problem
from unsc_jax import requests
from unsc_jax.requests import objects
from unsc_jax.requests import store as store_lib
from unsc_jax.storage import checkpoints

FORGET = requests.Classes((1,))


@contextlib.contextmanager
def edited(folder):
  with contextlib.closing(sqlite3.connect(folder / 'ledger.db')) as connection:
    yield connection.execute
    connection.commit()


def forget(folder):
  return requests.forget(folder, small.NETWORK, FORGET, small.DATA)


def test_two_processes_do_not_write_at_once(store):
  code = f'''
import pathlib, sys
from unsc_jax.requests import locks
with locks.alone(pathlib.Path({str(store)!r})):
  print('has it', flush=True)
  sys.stdin.read()
'''
  with subprocess.Popen([sys.executable, '-c', code], stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE, text=True) as other:
    assert other.stdout.readline() == 'has it\n'
    with pytest.raises(BlockingIOError, match='is in use by another request; wait until'):
      forget(store)
    assert requests.verify(store) == []  # reading goes on
    other.kill()  # which lets go of the lock
  with store_lib.opened(store, write=True):
    pass


def test_a_store_of_a_newer_version_is_refused(store):
  with edited(store) as run:
    run('PRAGMA user_version = 2')
  for use in (forget, requests.verify, requests.history):
    with pytest.raises(ValueError, match=r'by a newer unsc_jax \(format 2, .*; upgrade'):
      use(store)


@pytest.mark.parametrize('change', [
    "UPDATE records SET body = replace(body, '0.99', '0.98')",
    'UPDATE examples SET label = 2 WHERE label = 1',
    'DELETE FROM examples WHERE id = (SELECT id FROM examples WHERE label = 1 LIMIT 1)',
    'INSERT INTO forgotten SELECT id, 1 FROM examples LIMIT 1',
    "UPDATE about SET value = x'00'",
    'DELETE FROM records',
    'DROP TABLE examples',
    'PRAGMA application_id = 0'])
def test_a_ledger_that_was_changed_is_not_trusted_and_the_model_still_loads(store, change):
  with edited(store) as run:
    run(change)
  with pytest.raises(ValueError, match=r'ledger.db is damaged \(.*\); put it back'):
    forget(store)
  np.testing.assert_array_equal(
      requests.load(store)['head']['w'], small.PARAMS['head']['w'])


def test_a_rewritten_record_does_not_fit_the_one_before(store):
  forget(store)
  with edited(store) as run:
    run('DELETE FROM records WHERE number = 0')
    run('UPDATE records SET number = 0')
  with pytest.raises(ValueError, match='does not follow the one before'):
    requests.history(store)


def test_a_damaged_model_falls_back_to_the_one_before(store):
  _, record = forget(store)
  name = record['version']['parameters']
  (store / 'objects' / f'{name}.npz').write_bytes(b'')
  assert 'is damaged; put it back from a copy' in requests.verify(store)[0]
  np.testing.assert_array_equal(
      requests.load(store)['head']['w'], small.PARAMS['head']['w'])
  with pytest.raises(ValueError, match='is damaged; put it back'):
    requests.load(store, request=1)


@pytest.mark.parametrize('name', ['../../secret', '/etc/passwd', '', 'A' * 64, '.'])
def test_names_cannot_leave_the_store(tmp_path, name):
  with pytest.raises(ValueError, match='is no name of a file of a store'):
    objects.get(tmp_path, name, bytes)


def test_nothing_is_unpickled(tmp_path):
  (tmp_path / 'objects').mkdir()
  write = lambda path: np.savez(path, w=np.array([print], object), allow_pickle=True)
  name = objects.put(tmp_path / 'objects', write)
  with pytest.raises(ValueError, match='not a .npz file of plain arrays'):
    objects.get(tmp_path / 'objects', name, checkpoints.read)


@pytest.mark.parametrize(('changes', 'sentence'), [
    ({'ids': ['a'] * 30}, 'two examples have the same id'),
    ({'ids': ['a']}, 'there are 1 ids for 30 examples'),
])
def test_ids_are_one_for_each(tmp_path, changes, sentence):
  with pytest.raises(ValueError, match=sentence):
    small.enrol(tmp_path / 'store', **changes)
  assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(('labels', 'sentence'), [
    (np.zeros((30, 3)), r'training examples are float64 of shape \[30, 3\]; give one'),
    (np.full(30, 3), 'labels go from 3 to 3, and the network has 3 outputs'),
    (np.zeros(29, int), 'there are 29 labels for 30 inputs'),
    (np.zeros(0, int), 'there is no example to enrol'),
])
def test_labels_are_checked_before_anything_is_written(tmp_path, labels, sentence):
  data = problem.Examples(small.DATA.x, labels)
  with pytest.raises(ValueError, match=sentence):
    requests.enroll(tmp_path / 'store', small.NETWORK, small.PARAMS, data)
  assert not [*tmp_path.iterdir()]


def test_a_store_is_not_written_over(store):
  with pytest.raises(FileExistsError, match='exists: choose another folder'):
    small.enrol(store)
