"""A state that was damaged on the disk, that has no entries, or that has no room.

Round 2 flipped and cut bytes of the newest state of a run: 2 of 52 times wrong values
came back without a word. The right value is always the unbroken run's, as the older
state leads to it again.
"""

import itertools
import json
import pathlib
import resource
import shutil
import sys
import warnings

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments import forget_class
import unsc_jax
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.parts import retained
from unsc_jax.storage import checkpoints
from unsc_jax.storage import moments as stored
from unsc_jax.study import rows as rows_lib

KEY = jax.random.key(0)
STEPS = 6


def _fit(folder=None, *, optimizer=None, width=3, steps=STEPS):
  """Keeps the states of steps 4 and 6."""
  def loss(params, batch, key):
    del key
    return jnp.mean((batch @ params['w'] - 1) ** 2), params

  params = {'w': jnp.linspace(-1, 1, 4 * width).reshape(4, width)}
  session = session_lib.Session(checkpoint=folder and storage.Checkpoint(folder, every=2))
  return training.fit(
      loss, optimizer or optax.adam(.1), params,
      itertools.repeat(np.eye(4, dtype=np.float32)), steps=steps, key=KEY, session=session)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
  folder = tmp_path_factory.mktemp('states')
  return folder, _fit(folder)


def _copied(whole, tmp_path):
  folder = tmp_path / 'copy'
  shutil.copytree(whole[0], folder)
  states = folder / 'training'
  assert sorted(path.name for path in states.iterdir()) == ['4', '6']
  return folder, states


def _flip(path, at):
  content = bytearray(path.read_bytes())
  content[int(at * (len(content) - 1))] ^= 0x10
  path.write_bytes(content)


def _cut(path, at):
  path.write_bytes(path.read_bytes()[:int(at * path.stat().st_size)])


def _remove(path, at):
  del at
  path.unlink()


def _check_recovers(whole, folder):
  """Whatever was done to it, the run ends where the unbroken one did; twice."""
  with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter('always')
    found = _fit(folder)
  chex.assert_trees_all_equal(tuple(found), tuple(whole[1]))
  told = [str(one.message) for one in told if 'damaged' in str(one.message)]
  assert len(told) <= 1
  with warnings.catch_warnings():
    warnings.filterwarnings('error', message='.*damaged')
    if told:  # what was damaged has been written anew
      chex.assert_trees_all_equal(tuple(_fit(folder)), tuple(whole[1]))
  return ''.join(told)


def _files(states):
  return sorted(path for path in (states / '6').rglob('*') if path.is_file())


@pytest.mark.parametrize(('harm', 'at'), [
    (_flip, .5),
    *(pytest.param(harm, at, marks=pytest.mark.slow) for harm, at in [
        *((_flip, i / 12) for i in range(13)), *((_cut, i / 4) for i in range(4)),
        (_remove, 0)])])
def test_a_damaged_file_is_never_taken_for_the_state(harm, at, whole, tmp_path):
  names = [path.relative_to(whole[0]) for path in _files(whole[0] / 'training')]
  told = {}
  for i, name in enumerate(names):
    (tmp_path / str(i)).mkdir()
    folder, _ = _copied(whole, tmp_path / str(i))
    harm(folder / name, at)
    told[name] = _check_recovers(whole, folder)
  assert any('of step 6' in one and 'goes on from step 4' in one for one in told.values())


def test_flipped_values_are_found_by_their_digest(whole, tmp_path):
  """A change that every reader of the format takes for sound."""
  folder, states = _copied(whole, tmp_path)
  record = next(path for path in _files(states) if 'record' in path.parts
                and path.read_bytes().startswith(b'{"run"'))
  content = json.loads(record.read_text())
  content['record']['losses'][0] += 1
  record.write_text(json.dumps(content))
  assert 'its digest does not fit' in _check_recovers(whole, folder)


def test_without_any_sound_state_it_begins_anew(whole, tmp_path):
  folder, states = _copied(whole, tmp_path)
  for step in ('4', '6'):
    shutil.rmtree(states / step / 'state')
  assert 'no older one is there, so the run begins anew' in _check_recovers(whole, folder)


@pytest.mark.parametrize('content', [
    b'', b'{', b'[]', b'{"run": {}, "made": 3}', b'\xff', None], ids=str)
def test_a_damaged_part_is_made_again(content, tmp_path):
  keep = lambda: storage.kept(tmp_path, 'rows', {'seed': 0}, lambda: [1.25])
  keep()
  path = tmp_path / 'rows.json'
  path.write_bytes(path.read_bytes().replace(b'1.25', b'1.35') if content is None else content)
  with pytest.warns(UserWarning, match='rows.json is damaged .*; it is made again'):
    assert keep() == [1.25]
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    assert keep() == [1.25]


def test_a_layer_that_is_full_is_saved_and_resumed(tmp_path):
  """Nothing is free in it, so that its free directions are an array without entries."""
  params = {'w': jnp.ones((4, 3))}
  _, moments = unsc_jax.input_moments(lambda p, x: x @ p['w'])(params, jnp.eye(4))
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # says that the layer is full
    bases = unsc_jax.null_space_bases(moments, 1.)
  assert bases['w'].vectors.size == 0
  confined = lambda: unsc_jax.project_updates(optax.adam(.1), bases)
  fitted = _fit(tmp_path, optimizer=confined())
  np.testing.assert_array_equal(fitted.params['w'], _fit().params['w'] * 0 + jnp.linspace(
      -1, 1, 12).reshape(4, 3))
  chex.assert_trees_all_equal(tuple(_fit(tmp_path, optimizer=confined())), tuple(fitted))


@pytest.mark.slow
def test_a_demo_with_the_cut_can_be_resumed(tmp_path, monkeypatch):
  """`forget_class --energy .99 --resume` on the digits: nothing is free in its first layer."""
  networks = []
  monkeypatch.setattr(rows_lib, 'of_seeds', lambda runs, *_, **__: (
      networks.append(runs[0].networks), sys.exit())[1])
  config = forget_class.Config(epochs=1, steps=3, energy=.99, resume=tmp_path)
  for _ in range(2):
    with pytest.raises(SystemExit):
      forget_class.run(config)
  first, second = networks
  assert any(basis.vectors.size == 0 for basis in first['unsc'].bases)
  chex.assert_trees_all_equal(first['unsc'].params, second['unsc'].params)


@pytest.mark.parametrize('name', ['bases.npz', 'bases'])
def test_bases_of_a_full_layer_are_stored_either_way(name, tmp_path):
  _, moments = unsc_jax.input_moments(lambda p, x: x @ p['w'])(
      {'w': jnp.ones((4, 3))}, jnp.eye(4))
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    bases = unsc_jax.null_space_bases(moments, 1.)
  stored.save(tmp_path / name, bases)
  chex.assert_trees_all_equal(stored.load(tmp_path / name), bases)


@pytest.fixture
def little_room():
  """No file of more than 100 kB can be written, as on a disk that is almost full."""
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
  yield
  resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')  # Orbax's
def test_a_full_disk_is_one_sentence(tmp_path, little_room):
  with pytest.raises(OSError, match='could not be written to .*make room there') as raised:
    _fit(tmp_path, width=20_000)
  assert '\n' not in str(raised.value)
  assert raised.value.__cause__ is None
  assert raised.value.__suppress_context__
  assert pathlib.Path(tmp_path, 'training').is_dir()


def test_damaged_bases_are_made_again(tmp_path):
  x, y = np.eye(6, 4, dtype=np.float32), np.arange(6) % 3
  problem = problem_lib.Problem(
      problem_lib.Network(lambda p, x: x @ p['w']), {'w': np.ones((4, 3), np.float32)},
      *problem_lib.split_classes(problem_lib.Examples(x, y), [2]), 3, (2,),
      session=session_lib.Session(checkpoint=storage.Checkpoint(tmp_path)))
  make = lambda: retained.bases(problem, null_space.pooled(.9), 4)
  first = make()
  for name in ('bases.npz', 'moments.npz'):
    _flip(tmp_path / 'constraint' / name, .5)
    with pytest.warns(UserWarning, match=f'{name} .* They are made again'):
      again = make()
    chex.assert_trees_all_equal(again, first)
    chex.assert_trees_all_equal(make(), first)


def test_damaged_weights_in_a_folder_are_refused(tmp_path):
  saved = {'w': np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)}
  checkpoints.save(tmp_path / 'whole', saved)
  chex.assert_trees_all_equal(checkpoints.load(tmp_path / 'whole', saved), saved)
  data = max((path for path in (tmp_path / 'whole').rglob('*') if path.is_file()),
             key=lambda path: path.stat().st_size)
  for i in range(8):
    folder = tmp_path / str(i)
    shutil.copytree(tmp_path / 'whole', folder)
    _flip(folder / data.relative_to(tmp_path / 'whole'), (i + .5) / 8)
    with pytest.raises(ValueError, match='.'):
      checkpoints.load(folder, saved)
