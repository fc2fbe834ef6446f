"""A loop that was killed ends where it would have ended."""

import itertools
import json
import os
import signal
import subprocess
import sys

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests import toys
from unsc_jax import batching
from unsc_jax import problem
from unsc_jax import session as session_lib
from unsc_jax import sharding
from unsc_jax import storage
from unsc_jax import training

STEPS = 12


class Interrupted(Exception):
  pass


def _die():
  os.kill(os.getpid(), signal.SIGKILL)


def _stop():
  raise Interrupted


OPTIMIZER = optax.chain(optax.add_noise(.01, .5, key=3), optax.adam(.02))


def _loss(params, batch, key, *given):
  h = jnp.tanh(batch.x @ params['a'])
  h = h * jax.random.bernoulli(key, .8, h.shape)
  pull = sum(jnp.sum((params['a'] - g['a']) ** 2) for g in given)
  return training.cross_entropy(h @ params['b'], batch.y) + pull, params


def _fit(folder=None, before=None, mesh=None, key=0, every=2, scale=1., **options):
  """Training with dropout and noise: the order of data and keys matters."""
  data = problem.Examples(np.asarray(toys.normal(0, 50, 16)), np.arange(50) % 8)
  params = {'a': scale * toys.normal(1, 16, 32) / 4, 'b': scale * toys.normal(2, 32, 8) / 6}
  if mesh is not None:
    params = sharding.shard_params(params, mesh, smallest=1)

  def batches():
    for i, batch in enumerate(batching.stream(data, 16, seed=1)):
      if before and i == before[0]:
        before[1]()
      yield batch

  session = session_lib.Session(
      mesh, checkpoint=folder and storage.Checkpoint(folder, every=every))
  return training.fit(
      _loss, OPTIMIZER, params, batches(), steps=STEPS, key=jax.random.key(key),
      session=session, **options)


def _interrupted(step, folder, **options):
  """The same training, stopped before a step."""
  with pytest.raises(Interrupted):
    _fit(folder, before=(step, _stop), **options)


@pytest.fixture(scope='module')
def whole():
  return _fit()


def _same(a, b, atol=0.):
  chex.assert_trees_all_close(
      (a.params, a.history['loss']), (b.params, b.history['loss']), rtol=0, atol=atol)


def test_a_killed_process_is_taken_over(tmp_path, whole):
  code = ('import importlib.util as u; '
          f's = u.spec_from_file_location("t", {__file__!r}); '
          't = u.module_from_spec(s); s.loader.exec_module(t); '
          f't._fit({str(tmp_path)!r}, before=(9, t._die))')
  died = subprocess.run(
      [sys.executable, '-c', code], capture_output=True, text=True, timeout=120,
      env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)})
  assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
  # The states of steps 2 to 8 were begun; those that are whole are numbers.
  left = [int(p.name) for p in (tmp_path / 'training').iterdir() if p.name.isdigit()]
  assert left
  assert max(left) <= 8
  _same(_fit(tmp_path), whole)
  # Nothing is left to do: the batches that were seen are drawn and no more.
  _same(_fit(tmp_path, before=(STEPS, _stop)), whole)


@pytest.mark.parametrize(('name', 'other'), [
    ('key', {'key': 1}), ('parameters', {'scale': 2.}),
    ('run.labels', {'identity': lambda: {'labels': np.ones(3)}})])
def test_the_state_of_another_run_is_refused(name, other, tmp_path):
  ours = {'identity': lambda: {'labels': np.zeros(3)}}
  _interrupted(3, tmp_path, **ours)
  with pytest.raises(ValueError, match=f'of another run, with another {name}: remove'):
    _fit(tmp_path, **{**ours, **other})


def test_keys_that_draw_otherwise_are_another_run(tmp_path):
  _interrupted(3, tmp_path)
  with (jax.threefry_partitionable(not jax.config.jax_threefry_partitionable),
        pytest.raises(ValueError, match='with another jax_threefry_partitionable: remove')):
    _fit(tmp_path)


def test_a_later_loop_finds_a_shared_stream_where_it_was(tmp_path):
  """Also one that has nothing stored yet, where the one before it was finished."""
  loss = lambda w, batch, key: (w * batch, w)

  def both(folder, **options):
    session = session_lib.Session(checkpoint=folder and storage.Checkpoint(folder))
    stream, w = itertools.count(1.), jnp.zeros(())
    for label in ('warm', 'main')[:options.get('loops', 2)]:
      w = training.fit(loss, optax.sgd(1.), w, stream, steps=4, key=jax.random.key(0),
                       session=session, label=label).params
    return float(w)

  both(tmp_path, loops=1)
  assert [both(tmp_path) for _ in range(2)] == [both(None)] * 2 == [-36.] * 2


@pytest.mark.parametrize('place', ['', 'within'])
def test_a_file_is_no_folder(place, tmp_path):
  (tmp_path / 'file').write_text('')
  for use in (lambda folder: storage.kept(folder, 'draw', {}, list),
              lambda folder: _fit(folder)):
    with pytest.raises(NotADirectoryError, match='since a file is in its place: remove that'):
      use(tmp_path / 'file' / place)


def test_nothing_is_hashed_where_nothing_is_kept(whole):
  _same(_fit(identity=pytest.fail), whole)


def test_a_part_is_made_once_and_kept_whole(tmp_path):
  made = []

  def make():
    made.append(1)
    if len(made) == 1:
      raise KeyboardInterrupt  # killed: nothing half-made stays
    return [{'gap': float('inf'), 'settings': {'steps': 3}}]

  keep = lambda run: storage.kept(tmp_path / 'a', 'search', run, make)
  with pytest.raises(KeyboardInterrupt):
    keep({'seeds': (0, 1)})
  assert not list((tmp_path / 'a').iterdir())
  assert keep({'seeds': (0, 1)}) == keep({'seeds': [0, 1]}) == [
      {'gap': float('inf'), 'settings': {'steps': 3}}]
  assert len(made) == 2
  with pytest.raises(ValueError, match='the search of another run, with another seeds'):
    keep({'seeds': (0,)})
  assert storage.kept(None, 'search', {}, lambda: 7) == 7


# From a mesh to no mesh is a method's own test, tests/methods/test_resuming.py.
@pytest.mark.parametrize('devices', [pytest.param(1, marks=pytest.mark.slow), 2])
def test_another_number_of_devices_goes_on(devices, tmp_path, whole):
  _interrupted(7, tmp_path, mesh=sharding.data_mesh(8))
  found = _fit(tmp_path, mesh=sharding.data_mesh(devices))
  assert found.params['a'].sharding.spec == jax.P(None, 'data')
  assert found.params['a'].sharding.mesh.size == devices
  _same(found, whole, atol=1e-6)


def test_further_arguments_are_those_of_an_unbroken_run(tmp_path):
  given = training.Refresh(5, lambda params: (jax.tree.map(jnp.copy, params),))
  _interrupted(11, tmp_path, given=given, every=1)
  _same(_fit(tmp_path, given=given, every=1), _fit(given=given))


def test_what_was_watched_is_not_forgotten(tmp_path):
  watch = lambda params: (
      {'norm': float(jnp.linalg.norm(params['a']))}, next(count) == 3)
  options = dict(watch=watch, watch_every=2)
  count = itertools.count()
  whole = _fit(**options)
  assert len(whole.history['loss']) == 8  # it stops when it is told
  count = itertools.count()
  _interrupted(5, tmp_path, **options)
  for _ in range(2):  # goes on, and then finds that all is done
    found = _fit(tmp_path, **options)
    _same(found, whole)
    np.testing.assert_array_equal(found.history['norm'], whole.history['norm'])


def test_measurements_are_kept_as_numbers_whoever_counts_them(tmp_path):
  watch = lambda params: (
      {'norm': jnp.linalg.norm(params['a']), 'least': np.float32(np.min(params['b']))},
      np.linalg.norm(params['a']) > 99)
  whole, options = _fit(watch=watch, watch_every=2), dict(watch=watch, watch_every=2)
  _interrupted(5, tmp_path, **options)
  found = _fit(tmp_path, **options)
  for name in ('norm', 'least'):
    np.testing.assert_array_equal(found.history[name], whole.history[name])


def test_what_is_half_written_is_no_state(tmp_path, whole):
  _interrupted(7, tmp_path)
  newest = tmp_path / 'training' / '6'
  assert json.loads((newest / '_CHECKPOINT_METADATA').read_text())
  # What a process leaves that dies while it writes: no mark of success.
  for mark in newest.rglob('commit_success.txt'):
    mark.unlink()
  _same(_fit(tmp_path), whole)


def test_a_diverged_loop_is_not_stored(tmp_path):
  loss = lambda w, batch, key: (w * batch, w)
  with pytest.raises(FloatingPointError, match='inf at step 2'):
    training.fit(
        loss, optax.sgd(1.), jnp.ones(()), [1., 1., np.inf, 1., 1., 1.], steps=6,
        key=jax.random.key(0), label='diverging',
        session=session_lib.Session(checkpoint=storage.Checkpoint(tmp_path, every=2)))
  assert [p.name for p in (tmp_path / 'diverging').iterdir()] == ['2']
