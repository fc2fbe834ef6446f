"""A method that was killed in any of its loops ends where it would have ended."""

import collections
import dataclasses

import jax
import numpy as np
import optax
import pytest

import unsc_jax
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import session as session_lib
from unsc_jax import sharding
from unsc_jax import storage
from unsc_jax import training

KEY = jax.random.key(0)
EVERY = 2


class Killed(Exception):
  pass


def _run(method, problem, folder=None, die=(None, 0)):
  """What a method finds and how many steps each loop made; dies in a loop's step."""
  made = collections.Counter()

  def progress(steps, label, total):
    del total
    for step in steps:
      if (label, made[label]) == die:
        raise Killed
      made[label] += 1
      yield step

  problem = dataclasses.replace(problem, session=dataclasses.replace(
      problem.session, progress=progress,
      checkpoint=folder and storage.Checkpoint(folder, every=EVERY)))
  try:
    return method(problem, KEY), made
  except Killed:
    return None, made


def _on(problem, devices):
  mesh = devices and sharding.data_mesh(devices)
  return dataclasses.replace(problem, session=session_lib.Session(mesh))


def _recipe():
  return training.Recipe(lambda steps: optax.adam(.01), epochs=3, batch_size=8)


# Each with its loops, how long they are, and after how many steps they keep a state.
CASES = {
    'unsc': (
        methods.unsc(null_space.pooled(.9), steps=7, batch_size=4, stop_below=-1),
        {'unlearning': (7, 2)}),
    'retrain': (methods.retrain(_recipe()), {'retraining': (8, 2)}),
    'unsir': (
        methods.unsir(noise_steps=7, noise_batch=4, noise_copies=2, batch_size=4),
        {'noise': (7, 2), 'impairing': (7, 2), 'repairing': (5, 2)}),
    # Its projector follows the parameters, and is made anew every third step.
    'dimensional_alignment': (
        methods.dimensional_alignment(rounds=3, batch_size=10),
        {'unlearning': (9, 3)}),
}


@pytest.mark.parametrize(('name', 'loop'), [
    (name, loop) for name, (_, loops) in CASES.items() for loop in loops])
def test_a_killed_method_goes_on(name, loop, toy, tmp_path):
  method, loops = CASES[name]
  whole, made = _run(method, toy)
  assert {k: made[k] for k in loops} == {k: n for k, (n, _) in loops.items()}
  lost, before = _run(method, toy, tmp_path, die=(loop, 4))
  assert lost is None
  assert before[loop] == 4
  found, after = _run(method, toy, tmp_path)
  # What was finished is not run again, and what was begun goes on from its state.
  length, every = loops[loop]
  assert after[loop] == length - 3 // every * every  # the 4th step was not ended
  for other, (length, _) in loops.items():
    if other != loop:
      assert before[other] + after[other] == length
  _same(found, whole)
  again, made = _run(method, toy, tmp_path)
  assert not any(made[k] for k in loops)
  _same(again, whole)


@pytest.mark.parametrize(('combine', 'devices'), [
    (null_space.pooled(.9), None), (null_space.sequential([.9, .8]), 2)])
def test_bases_are_made_once(combine, devices, toy, tmp_path):
  toy = _on(toy, devices)
  method = lambda combine: methods.unsc(combine, steps=7, batch_size=4, stop_below=-1)
  whole, made = _run(method(combine), toy)
  assert made['moments'] == 2
  _, before = _run(method(combine), toy, tmp_path, die=('unlearning', 4))
  assert before['moments'] == 2
  left = [p.name for p in (tmp_path / 'constraint').iterdir()]
  assert sorted(left) == ['bases.npz', 'moments.npz']
  found, after = _run(method(combine), toy, tmp_path)
  assert after['moments'] == 0
  _same(found, whole)
  jax.tree.map(np.testing.assert_array_equal, found.bases, whole.bases)
  jax.tree.map(np.testing.assert_array_equal, found.moments, whole.moments)


def test_on_other_devices_bases_are_not_made_again(toy, tmp_path):
  """As rounding there can shift a rank, which the optimiser's state would not fit."""
  energies = iter([.9, .5])

  class Changing(null_space.Combine):
    add = null_space.pooled().add
    bases = lambda self, state: null_space.pooled(next(energies)).bases(state)

  method = methods.unsc(Changing(), steps=7, batch_size=4, stop_below=-1)
  _run(method, _on(toy, 2), tmp_path, die=('unlearning', 4))
  found, _ = _run(method, _on(toy, None), tmp_path)
  assert next(energies) == .5
  whole, _ = _run(CASES['unsc'][0], toy)
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5),
               found.params, whole.params)


def test_killed_in_the_pass_it_is_made_again(toy, tmp_path):
  method, _ = CASES['unsc']
  _run(method, toy, tmp_path, die=('moments', 1))
  found, made = _run(method, toy, tmp_path)
  assert made['moments'] == 2
  _same(found, _run(method, toy)[0])


def test_bases_of_another_request_are_refused(toy, two_classes, tmp_path):
  method = lambda *args: methods.unsc(*args, steps=7, batch_size=4, stop_below=-1)
  _run(method(null_space.pooled(.9)), toy, tmp_path, die=('unlearning', 0))
  larger = {**toy.params, 'c': np.ones(1, np.float32)}
  for other, problem in (
      (null_space.pooled(.8), toy), (null_space.merged(.9, .9), toy),
      (null_space.pooled(unsc_jax.threshold_rank(.9)), toy),
      (null_space.pooled(.9), two_classes),
      (null_space.pooled(.9), dataclasses.replace(toy, params=larger))):
    with pytest.raises(ValueError, match='holds the bases of another run: remove it'):
      _run(method(other), problem, tmp_path)


def _same(found, whole):
  jax.tree.map(np.testing.assert_array_equal, found.params, whole.params)
  jax.tree.map(np.testing.assert_array_equal, found.history, whole.history)


def test_another_key_is_refused(toy, tmp_path):
  method, _ = CASES['unsir']
  _run(method, toy, tmp_path)
  with pytest.raises(ValueError, match='holds the state of another run'):
    _run(lambda problem, key: method(problem, jax.random.key(1)), toy, tmp_path)
