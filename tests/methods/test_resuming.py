"""A method that was killed in any of its loops ends where it would have ended."""

import collections
from collections.abc import Iterator
import dataclasses

import chex
import jax
import optax
import pytest

from tests import rows
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


def _unsc(combine):
  return methods.unsc(combine, steps=7, batch_size=4, stop_below=-1)


# Each with its loops, how long they are, and after how many steps they keep a state.
CASES = {
    'unsc': (_unsc(null_space.pooled(.9)), {'unlearning': (7, 2)}),
    'retrain': (methods.retrain(_recipe()), {'retraining': (8, 2)}),
    'unsir': (
        methods.unsir(noise_steps=7, noise_batch=4, noise_copies=2, batch_size=4,
                      repair_epochs=1),
        {'noise': (7, 2), 'impairing': (7, 2), 'repairing': (5, 2)}),
    # Its radius follows the count of steps.
    'uam': (methods.uam(steps=7, batch_size=10), {'unlearning': (7, 2)}),
    # Its projector follows the parameters, and is made anew every third step.
    'dimensional_alignment': (
        methods.dimensional_alignment(rounds=3, batch_size=10),
        {'unlearning': (9, 3)}),
}


# A loop that is alone, one between two others, and one whose projector counts its steps.
DAILY = {'unsc: unlearning', 'unsir: impairing', 'dimensional_alignment: unlearning'}


@pytest.mark.parametrize('case', rows.daily(
    [f'{name}: {loop}' for name, (_, loops) in CASES.items() for loop in loops], DAILY))
def test_a_killed_method_goes_on(case, toy, tmp_path):
  name, loop = case.split(': ')
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
    pytest.param(null_space.pooled(.9), None, marks=pytest.mark.slow),
    (null_space.sequential([.9, .8]), None),
    pytest.param(null_space.sequential([.9, .8]), 2, marks=pytest.mark.slow),
    (null_space.pooled(null_space.soft(1e-2)), None)])
def test_bases_are_made_once(combine, devices, toy, tmp_path):
  toy = _on(toy, devices)
  whole, made = _run(_unsc(combine), toy)
  _, before = _run(_unsc(combine), toy, tmp_path, die=('unlearning', 4))
  assert before['moments'] == made['moments'] > 0
  left = [p.name for p in (tmp_path / 'constraint').iterdir()]
  assert sorted(left) == ['bases.npz', 'moments.npz']
  found, after = _run(_unsc(combine), toy, tmp_path)
  assert after['moments'] == 0
  _same(found, whole)
  chex.assert_trees_all_equal(
      (found.bases, found.moments), (whole.bases, whole.moments))


@dataclasses.dataclass(frozen=True)
class Changing(null_space.pooled):
  """Another share of the energy every time."""
  energies: Iterator[float] = dataclasses.field(default=iter(()), compare=False)

  def bases(self, state):
    return null_space.pooled(next(self.energies)).bases(state)


def test_on_other_devices_bases_are_not_made_again(toy, tmp_path):
  """As rounding there can shift a rank, which the optimiser's state would not fit."""
  energies = iter([.9, .5])
  method = _unsc(Changing(energies=energies))
  _run(method, _on(toy, 2), tmp_path, die=('unlearning', 4))
  found, _ = _run(method, _on(toy, None), tmp_path)
  assert next(energies) == .5
  whole, _ = _run(CASES['unsc'][0], toy)
  chex.assert_trees_all_close(found.params, whole.params, atol=1e-5)


def test_killed_in_the_pass_it_is_made_again(toy, tmp_path):
  method, _ = CASES['unsc']
  _run(method, toy, tmp_path, die=('moments', 0))
  found, made = _run(method, toy, tmp_path)
  whole, of_whole = _run(method, toy)
  assert made['moments'] == of_whole['moments'] > 0
  _same(found, whole)


def test_bases_of_another_request_are_refused(toy, two_classes, tmp_path):
  ours = null_space.pooled(.9)
  _run(_unsc(ours), toy, tmp_path, die=('unlearning', 0))
  moved = jax.tree.map(lambda leaf: leaf + 1, toy.params)
  other_x = toy.retain.replace(x=toy.retain.x + 1)
  for differing, combine, problem in (
      ('combine.filter.energy', null_space.pooled(.8), toy),
      ('combine', null_space.merged(.9, .9), toy),
      ('combine.filter.energy', null_space.pooled(unsc_jax.threshold_rank(.9)), toy),
      ('inputs and labels', ours, two_classes),
      ('inputs', ours, dataclasses.replace(toy, retain=other_x)),
      ('parameters', ours, dataclasses.replace(toy, params=moved))):
    with pytest.raises(
        ValueError, match=f'the bases of another run, with another {differing}: remove'):
      _run(_unsc(combine), problem, tmp_path)


@dataclasses.dataclass(frozen=True)
class above:
  """Keeps the directions whose eigenvalue is larger."""
  least: float

  def __call__(self, values):
    return (values > self.least).sum(-1)


def test_rules_of_ones_own_are_told_apart_by_their_fields(toy, tmp_path):
  """A closure cannot be, and is refused before anything is kept of it."""
  method = lambda rule: _unsc(null_space.pooled(rule))
  with pytest.raises(TypeError, match='pass a frozen dataclass with fields instead'):
    _run(method(lambda values: (values > 1.).sum(-1)), toy, tmp_path)
  _run(method(above(1.)), toy, tmp_path)
  with pytest.raises(ValueError, match='with another combine.filter.energy.least: remove'):
    _run(method(above(.01)), toy, tmp_path)


def _same(found, whole):
  chex.assert_trees_all_equal((found.params, found.history), (whole.params, whole.history))


def test_another_key_is_refused(toy, tmp_path):
  method, _ = CASES['unsc']
  _run(method, toy, tmp_path)
  with pytest.raises(ValueError, match='holds the state of another run'):
    _run(lambda problem, key: method(problem, jax.random.key(1)), toy, tmp_path)
