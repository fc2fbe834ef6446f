"""Choices are data: they print as the call that makes them, compare and hash."""

import pytest

from unsc_jax import storage
from unsc_jax.parts import objectives
from unsc_jax.parts import schedules
from unsc_jax.parts import stopping
from unsc_jax.parts import targets

NAMES = {name: choice for module in (objectives, schedules, stopping, targets)
         for name, choice in vars(module).items() if isinstance(choice, type)}


@pytest.mark.parametrize('call', [
    'alternating(2, forget_rounds=1)', 'boundary_labels(0.2, published=True)',
    'distillation(2.0)', 'drawing_labels(forget_only(3), 10)',
    'forget_first(epochs=2.5, batch_size=32)', 'forget_only(epochs=5)', 'mixed(3, 64)',
    'novice_logits()', 'of_part(paired(3, 8), 0.3)', 'other_logits(published=True)',
    'pseudo_labels()', 'random_labels()', 'retain_only(3)', 'scaled(distillation(), -1.0)',
    'teacher_logits(of_retain=True)', 'unlikelihood(0.1)', 'unseen_answers()',
    'until_forgotten(0.05)'])
def test_a_choice_is_its_fields(call):
  choice, again = eval(call, NAMES), eval(call, NAMES)
  assert choice == again == eval(repr(choice), NAMES)
  assert hash(choice) == hash(again)
  assert storage.describe(choice) == storage.describe(again)
