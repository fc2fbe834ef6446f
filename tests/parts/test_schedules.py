"""Schedules: who is seen when, and how often."""

import itertools

import jax
import numpy as np
import pytest

from unsc_jax.parts import schedules
from unsc_jax.problem import Examples

KEY = jax.random.key(0)
FORGET = Examples(np.arange(6.), np.zeros(6, int))
RETAIN = Examples(100 + np.arange(18.), np.ones(18, int))


def seen(schedule):
  plan = schedule(FORGET, RETAIN, KEY)
  batches = list(itertools.islice(plan.batches, plan.steps))
  assert len(batches) == plan.steps
  side = lambda name: [
      x for b in batches if getattr(b, name) is not None
      for x in getattr(b, name).x]
  return batches, side('forget'), side('retain')


def test_one_side_only():
  _, forget, retain = seen(schedules.forget_only(3, 4))
  assert (sorted(forget), retain) == (sorted(2 * list(range(6))), [])
  _, forget, retain = seen(schedules.retain_only(3, 6))
  assert (sorted(retain), forget) == (list(range(100, 118)), [])


def test_mixed_batches_follow_the_sizes():
  batches, forget, retain = seen(schedules.mixed(3, 8))
  assert [(len(b.forget), len(b.retain)) for b in batches] == [(2, 6)] * 3
  assert sorted(forget) == list(range(6))
  assert sorted(retain) == list(range(100, 118))


@pytest.mark.parametrize(('few', 'many', 'size'), [(1, 18, 4), (5, 18, 4), (2, 3, 1), (6, 1, 5)])
def test_mixed_epochs_see_every_example_once(few, many, size):
  """However small a set is: what a single example weighs is what the equation says."""
  sets = FORGET.where(slice(few)), RETAIN.where(slice(many))
  plan = schedules.mixed(epochs=size, batch_size=size)(*sets, KEY)
  batches = list(itertools.islice(plan.batches, plan.steps))
  for name, part in zip(schedules.Batch._fields, sets):
    seen = [int(x) for b in batches if (of := getattr(b, name)) is not None for x in of.x]
    assert sorted(seen) == sorted(size * part.x.tolist())
  assert {sum(len(part) for part in b if part is not None) for b in batches} == {size}
  assert len(batches[0].forget) >= 1  # soon, whatever the number of steps


def test_a_part_of_the_retained_is_drawn_once():
  _, forget, retain = seen(schedules.of_part(schedules.paired(6, 6), 1 / 3))
  assert sorted(forget) == sorted(6 * list(range(6)))
  assert len(set(retain)) == 6
  assert set(retain) < set(RETAIN.x)


def test_alternating_rounds():
  batches, forget, retain = seen(schedules.alternating(
      3, forget_rounds=2, batch_size=3, retain_batch_size=9))
  kinds = ''.join('f' if b.retain is None else 'r' for b in batches)
  assert kinds == 'ffrrffrrrr'
  assert sorted(forget) == sorted(2 * list(range(6)))
  assert len(retain) == 54


def test_forget_batches_stand_beside_the_first_of_an_epoch():
  batches, forget, retain = seen(schedules.forget_first(epochs=2, batch_size=2))
  kinds = ''.join('r' if b.forget is None else '+' for b in batches)
  assert kinds == 2 * '+++rrrrrr'
  assert sorted(forget) == sorted(2 * list(range(6)))
  assert sorted(retain) == sorted(2 * list(range(100, 118)))
  # Where there is more to forget than to retain an epoch ends with the retained.
  plan = schedules.forget_first(epochs=1, batch_size=2)(RETAIN, FORGET, KEY)
  batches = list(itertools.islice(plan.batches, plan.steps))
  assert len(batches) == 3
  assert all(len(b.forget) == len(b.retain) == 2 for b in batches)
