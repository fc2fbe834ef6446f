"""The command: a whole life of a store, from files to files."""

import numpy as np
import pytest

from tests.requests import conftest as small
from unsc_jax.requests import __main__ as command

NETWORK = 'tests.requests.conftest:NETWORK'


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
  """Runs a verb on files in a folder of its own: exit code, and what was printed."""
  monkeypatch.chdir(tmp_path)
  np.savez('train.npz', x=small.DATA.x, y=small.DATA.y, ids=[f'{i}' for i in range(30)])
  np.savez('unseen.npz', x=small.UNSEEN.x, y=small.UNSEEN.y)
  np.savez('params.npz', **{'head/w': small.PARAMS['head']['w']})
  def verb(line):
    code = command.main(line.split())
    out, err = capsys.readouterr()
    return code, out + err
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


@pytest.mark.parametrize(('line', 'sentence'), [
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
