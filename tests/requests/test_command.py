"""The command: a whole life of a store, from files to files."""

import pathlib
import re

import numpy as np
import pytest

from tests.requests import conftest as small
from unsc_jax import data
from unsc_jax import problem
from unsc_jax import requests
from unsc_jax.requests import __main__ as command
from unsc_jax.requests import locks

NETWORK = 'tests.requests.conftest:NETWORK'
DIGITS = problem.Network(lambda params, x: x.reshape(len(x), -1) @ params['w'])


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
  """Runs a verb on files in a folder of its own: exit code, and what was printed.

  But for lines that say how far it is.
  """
  monkeypatch.chdir(tmp_path)
  np.savez('train.npz', x=small.DATA.x, y=small.DATA.y, ids=[f'{i}' for i in range(30)])
  np.savez('unseen.npz', x=small.UNSEEN.x, y=small.UNSEEN.y)
  np.savez('params.npz', **{'head/w': small.PARAMS['head']['w']})
  def verb(line):
    code = command.main(line.split())
    out, err = capsys.readouterr()
    return code, re.sub(r'^\d+ s: .*\n', '', out + err, flags=re.M)
  return verb


def test_from_enrolment_to_export(run):
  how = f'--network {NETWORK} --data train.npz'
  code, said = run(f'enroll store {how} --params params.npz --learning-rate .3 --steps 30')
  assert (code, said) == (0, 'enrolled 30 examples in store\n')
  code, said = run(f'forget store {how} --classes 1 --drift-budget 9')
  assert code == 0
  assert '100.0% before, 0.0% after' in said
  code, said = run(f'forget store {how} --classes 1')
  assert (code, said[:47]) == (2, 'error: class 1 was forgotten before, by request')
  code, said = run(f'verify store --request 1 {how}')
  assert (code, said) == (0, 'store is as its records say\n')
  assert run('export store --out out.npz')[0] == 0
  code, said = run('history store')
  assert [line.split()[2] for line in said.splitlines()] == ['enrolled', 'forgot']


def test_indices_of_a_split_are_forgotten(run):
  """Those of the published order, whatever else the split has."""
  np.savez('digits.npz', w=np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32))
  how = '--network tests.requests.test_command:DIGITS --data digits:train'
  assert run(f'enroll store {how} --params digits.npz')[0] == 0
  forget = f'forget store {how} --held-out digits:validation --drift-budget 99 --indices'
  code, said = run(f'{forget} 17 4 --dry-run')
  assert code == 0
  assert 'request 1: 2 examples' in said
  assert re.search(r'^time: \d+\.\d s$', said, re.M)
  assert said.endswith('a dry run: the store is as it was\n')
  assert run(f'{forget} 17 4')[0] == 0
  code, said = run(f'{forget} 17')
  assert (code, said[:46]) == (2, 'error: example 0 was forgotten before, by requ')
  assert 'give indices from 0 to' in run(f'{forget} 5000')[1]
  some = data.take('digits', 'train', [4])
  with pytest.raises(ValueError, match='example 0 was forgotten before, by request 1'):
    requests.forget('store', DIGITS, requests.Arrays(some), some, held_out=some)


def test_a_log_tells_the_phases_and_codes_tell_who_may_try_again(run, capsys, monkeypatch):
  how = f'--network {NETWORK} --data train.npz'
  command.main(f'enroll store {how} --params params.npz'.split())
  assert re.search(r'^\d+ s: moments$', capsys.readouterr().err, re.M)
  with locks.alone(pathlib.Path('store')):
    code, said = run(f'forget store {how} --classes 1')
  assert (code, said.split('store ')[-1]) == (
      3, 'is in use by another request; wait until it is done.\n')
  def interrupt(*args, **kwargs):
    raise KeyboardInterrupt
  monkeypatch.setattr(command, 'forget', interrupt)
  code, said = run(f'forget store {how} --classes 1')
  assert (code, said) == (130, 'interrupted; the store is as it was, ask again\n')


@pytest.mark.parametrize(('line', 'sentence'), [
    (f'forget nowhere --network {NETWORK} --data train.npz --indices 1', 'indices are of the'),
    (f'forget nowhere --network {NETWORK} --data digits:tests --classes 1',
     'digits:tests names no split; give one as digits:train'),
    (f'forget nowhere --network {NETWORK} --data nowhere.npz --classes 1',
     'nowhere.npz'),
    ('history nowhere', 'there is no store in'),
    (f'forget nowhere --network {NETWORK} --data train.npz', 'a request is of one kind'),
    ('forget nowhere --network json:loads2 --data train.npz --classes 1',
     'json:loads2 is no Network'),
    (f'enroll new --network {NETWORK} --params params.npz --data params.npz',
     'params.npz lacks x or y'),
])
def test_what_cannot_be_done_is_one_sentence_and_code_2(run, line, sentence):
  code, said = run(line)
  assert code == 2
  assert said.startswith('error: ')
  assert sentence in said
  assert said.count('\n') == 1
