"""Steps or epochs: one of the two, counted over what a schedule goes by."""

import jax
import numpy as np
import pytest

from unsc_jax import methods
from unsc_jax.parts import schedules
from unsc_jax.problem import Examples

KEY = jax.random.key(0)
FORGET, RETAIN = (Examples(np.arange(n), np.zeros(n, int)) for n in (6, 18))

TIMED = [schedules.forget_only, schedules.retain_only, schedules.paired,
         schedules.forget_first, schedules.mixed]


@pytest.mark.parametrize(('schedule', 'steps'), [
    (schedules.forget_only(epochs=2, batch_size=4), 3),  # 2 * 6 / 4
    (schedules.retain_only(epochs=2, batch_size=4), 9),  # 2 * 18 / 4
    (schedules.retain_only(epochs=.5, batch_size=4), 3),  # 9 / 4, rounded up
    (schedules.paired(epochs=2, batch_size=4), 9),
    (schedules.paired(epochs=1, batch_size=4, retain_batch_size=9), 2),
    (schedules.forget_first(epochs=2, batch_size=4), 9),
    (schedules.mixed(epochs=2, batch_size=8), 6),  # 2 * (6 + 18) / 8
    (schedules.of_part(schedules.retain_only(epochs=2, batch_size=3), 1 / 3), 4),
    (schedules.drawing_labels(schedules.forget_only(epochs=1, batch_size=2), 3), 3),
    (schedules.retain_only(epochs=0), 0), (schedules.retain_only(0), 0)])
def test_epochs_are_over_what_a_schedule_goes_by(schedule, steps):
  assert schedule(FORGET, RETAIN, KEY).steps == steps


@pytest.mark.parametrize('schedule', TIMED)
def test_one_of_the_two(schedule):
  name = schedule.__name__
  with pytest.raises(ValueError, match=f'{name} lasts .*, and neither is given; give one'):
    schedule()
  with pytest.raises(ValueError, match=f'{name} lasts .*, and both are given; give one'):
    schedule(3, epochs=2)
  with pytest.raises(ValueError, match='less than no time'):
    schedule(-3)


@pytest.mark.parametrize('size', [0, -1])
def test_a_batch_has_an_example_at_least(size):
  for schedule in TIMED:
    with pytest.raises(ValueError, match=f'^batch_size of {schedule.__name__} is {size}, .*give 1'):
      schedule(3, size)
  for method in (methods.fine_tune, methods.gradient_ascent):
    with pytest.raises(ValueError, match=f'batch_size of .* is {size}'):
      method(steps=2, batch_size=size)
  with pytest.raises(ValueError, match=f'^retain_batch_size of paired is {size}, .*give 1'):
    schedules.paired(3, retain_batch_size=size)
  with pytest.raises(ValueError, match=f'^batch_size of alternating is {size}, .*give 1'):
    schedules.alternating(3, batch_size=size)


@pytest.mark.parametrize('method', [
    methods.bad_teacher, methods.boundary_shrink, methods.cf_k, methods.delete,
    methods.eu_k, methods.example_localization, methods.fine_tune,
    methods.gradient_ascent, methods.l1_sparse, methods.neggrad_plus,
    methods.null_space_alignment, methods.partially_blinded, methods.pgu,
    methods.random_label, methods.retention_masking, methods.scissorhands,
    methods.unsc])
def test_methods_take_either_and_say_so_at_once(method):
  method(epochs=2)
  method(steps=2)
  method()
  with pytest.raises(ValueError, match='so many steps or so many epochs'):
    method(steps=2, epochs=2)

