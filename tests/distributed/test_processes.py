"""Two real processes of two devices each find what one device finds."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import forget_class
from tests.distributed import launch
from tests.distributed import worker
from unsc_jax import report
from unsc_jax import sharding
from unsc_jax import storage
from unsc_jax.storage import moments as stored


@pytest.fixture(scope='module')
def alone():
  bases, found = worker.compute(None)
  return bases, jax.tree.map(np.asarray, found)


@pytest.fixture(scope='module')
def together(tmp_path_factory):
  folder = tmp_path_factory.mktemp('two')
  said = launch.two_processes(worker.__name__, folder)
  return folder, dict(np.load(folder / 'found.npz')), said


def test_moments_are_those_of_one_device(alone, together):
  for path, want in alone[1]['moments'].items():
    found = together[1][f'moments.{path}']
    np.testing.assert_allclose(found, want, atol=1e-6 * np.abs(want).max())


def test_bases_span_the_same(alone, together):
  projector = lambda u: u @ u.mT
  for path, want in alone[1]['bases'].items():
    found = together[1][f'bases.{path}']
    assert found.shape == want.shape
    np.testing.assert_allclose(projector(found), projector(want), atol=1e-5)


def test_every_process_damps_alike(alone, together):
  for path, want in alone[1]['gains'].items():
    np.testing.assert_allclose(together[1][f'gains.{path}'], want, atol=1e-5)


def test_bases_stored_by_two_processes_are_whole(together):
  for path, (basis,) in stored.load(together[0] / 'bases').by_path.items():
    np.testing.assert_array_equal(basis.vectors, together[1][f'bases.{path}'])


@pytest.mark.parametrize('name', ['trained', 'trained in shards'])
def test_trained_weights_are_the_same(name, alone, together):
  for path, want in alone[1][name].items():
    assert np.abs(want - worker.PARAMS[path]).max() > 1e-3  # it has learned
    np.testing.assert_allclose(together[1][f'{name}.{path}'], want, atol=1e-5)


@pytest.mark.parametrize(('name', 'atol'), [
    ('logits', 1e-5), ('noise', 1e-5), ('boundary labels', 0)])
def test_every_process_has_what_passes_find(name, atol, alone, together):
  np.testing.assert_allclose(together[1][name], alone[1][name], rtol=1e-7, atol=atol)
  assert set(alone[1]['boundary labels']) == {0, 1, 2}


def test_each_process_reads_its_half_of_every_batch(together):
  read = [int((together[0] / f'read-{i}').read_text()) for i in range(2)]
  assert read == [worker.STOP * worker.BATCH // 2] * 2


def test_the_first_process_speaks_for_both(together):
  assert together[2] == [['the first process speaks'], []]


@pytest.mark.parametrize('devices', [None, 2])
def test_one_process_finishes_what_two_have_begun(devices, alone, together, tmp_path):
  shutil.copytree(together[0] / 'state', tmp_path / 'state')
  assert {p.name for p in (tmp_path / 'state' / 'training').iterdir()} == {'2', '4'}
  mesh = devices and sharding.data_mesh(devices)
  bases = stored.load(together[0] / 'bases')  # those that the two were confined to
  params = jax.tree.map(jnp.asarray, worker.PARAMS)
  finished = worker.train(
      mesh, params, bases, storage.Checkpoint(tmp_path / 'state', every=100))
  for path, want in alone[1]['trained'].items():
    np.testing.assert_allclose(finished[path], want, atol=1e-5)


@pytest.mark.slow  # minutes of two processes on one core
def test_a_script_runs_unchanged(tmp_path):
  fast = ['--epochs', '2', '--steps', '10', '--probe-epochs', '1', '--model', 'mlp',
          '--references', '0']
  said = launch.two_processes(
      'experiments.forget_class', '--distributed', *fast, '--out', tmp_path,
      '--name', 'two', seconds=900)
  assert 'two/report.html' in said[0][-1]
  assert said[1] == []
  assert [p.name for p in tmp_path.iterdir()] == ['two']
  two = report.read(tmp_path / 'two' / 'results.json')
  assert two.environment['processes'] == 2
  one = forget_class.run(forget_class.Config(
      model='mlp', epochs=2, steps=10, probe_epochs=1, references=0, out=tmp_path,
      name='one'))
  for ours, theirs in zip(two.rows, one.rows):
    assert ours.method == theirs.method
    losses = [np.array(row.history.get('loss', ())) for row in (ours, theirs)]
    np.testing.assert_allclose(*losses, rtol=1e-3, atol=1e-4)
    for name in ('forget_train', 'retain_train', 'forget_test', 'retain_test'):
      assert ours.metrics[name] == pytest.approx(theirs.metrics[name], abs=.01)
