"""The status word: its rule at the corners, and what of results it is found by."""

import dataclasses

import numpy as np
import pytest

from tests.report import examples
from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import status as status_lib
from unsc_jax.report import telling

SEEN = status_lib.Evidence(seeing=5, telling=2)


@pytest.mark.parametrize(('changes', 'word'), [
    ({}, 'Forgotten'),
    ({'unlike': 1}, 'Unlike retrained'),
    ({'masked': 1}, 'Forgotten at the output only'),
    ({'behind': 1}, 'Forgotten at the output only'),
    ({'telling': 0}, 'Forgotten at the output only'),
    ({'answers': 1}, 'Not forgotten'),
    ({'seeing': 0, 'telling': 0}, 'Cannot be told'),
    ({'harm': 1}, 'Harmed'),
    # The first that holds counts.
    ({'unlike': 1, 'behind': 1}, 'Forgotten at the output only'),
    ({'behind': 1, 'answers': 1}, 'Not forgotten'),
    ({'seeing': 0, 'unlike': 1}, 'Cannot be told'),
    ({'seeing': 0, 'harm': 1}, 'Harmed'),
    ({'harm': 1, 'answers': 5, 'behind': 1, 'unlike': 1}, 'Harmed')])
def test_the_rule_at_its_corners(changes, word):
  assert status_lib.status(SEEN._replace(**changes)).word == word


def test_every_status_is_a_rule_of_the_list_and_differs_in_sign_and_word():
  assert len({status.word for status in status_lib.RULES}) == len(status_lib.RULES) == 6
  assert len({status.sign for status in status_lib.RULES}) == 6
  assert [status for status in status_lib.RULES if status.tone == 'good'] == [
      status_lib.FORGOTTEN]


def _word(results, method='unsc'):
  return telling.status(comparison_lib.compare(results), method).word


def _retrained(example, **metrics):
  """UNSC as a retrained model, but for some measures."""
  return examples.mimic(example(3), 'unsc', 'retrain', **metrics)


def test_a_retrained_model_is_forgotten_and_the_original_is_not(example):
  assert _word(_retrained(example)) == 'Forgotten'
  assert _word(examples.mimic(example(3), 'unsc', 'original')) == 'Not forgotten'
  assert _word(examples.mimic(example(3), 'unsc', 'head_only')) == (
      'Forgotten at the output only')


def test_what_is_left_counts_from_a_twentieth_of_the_originals_gap_on(example):
  """The original names .731 of them, a retrained model none."""
  for value, word in ((.03, 'Forgotten'), (.045, 'Not forgotten')):
    results = _retrained(example, forget_test=value)
    cell = comparison_lib.compare(results).cells['unsc', 'forget_test']
    assert cell.place == 'above'  # both are outside of the noise band
    assert _word(results) == word


def test_harm_is_below_retraining_and_below_the_original(example):
  original = np.mean([row.metrics['retain_test']
                      for row in example(3).rows_of('original')])  # below retrained
  cell = comparison_lib.compare(_retrained(example, retain_test=original)).cells[
      'unsc', 'retain_test']
  assert cell.place == 'below'
  for value, word in ((original, 'Forgotten'), (original - .9 * cell.band, 'Forgotten'),
                      (original - 1.1 * cell.band, 'Harmed')):
    assert _word(_retrained(example, retain_test=float(value))) == word


def test_less_memory_of_what_was_trained_on_is_no_harm(example):
  assert _word(_retrained(example, retain_train=.5)) == 'Forgotten'


def test_a_probe_below_retraining_is_unlike_and_above_it_is_left(example):
  assert _word(_retrained(example, probe=.2)) == 'Unlike retrained'
  assert _word(_retrained(example, probe=.7)) == 'Forgotten at the output only'


def test_as_near_to_a_mask_as_to_retraining_is_no_more_than_a_mask(example):
  """Retrained models spread so wide that the middle is near to both."""
  results = _retrained(example, probe=.62)  # of a noise band of .035
  for method, values in (('retrain', (.58, .59, .60)), ('head_only', .65)):
    results = examples.edit(results, method, metrics={'probe': values})
  comparison = comparison_lib.compare(results)
  cell = comparison.cells['unsc', 'probe']
  assert (cell.place, cell.tie) == ('like', True)
  assert comparison.cells['head_only', 'probe'].place == 'above'
  assert telling.status(comparison, 'unsc') is status_lib.AT_THE_OUTPUT
  assert telling.passed(comparison, 'unsc', ['probe']) == []


def test_only_what_flags_the_original_and_the_mask_can_tell(example):
  comparison = comparison_lib.compare(example(3))
  assert telling.seeing(comparison) == ['forget_test', 'forget_train', 'probe']
  assert telling.telling(comparison) == ['probe']
  blind = comparison_lib.compare(examples.edit(
      example(3), metrics={'probe': (.97, .98, .99)}))
  assert telling.seeing(blind) == ['forget_test', 'forget_train']
  assert telling.telling(blind) == []
  assert telling.blind(blind) == ['probe']
  assert telling.status(blind, 'unsc') is status_lib.AT_THE_OUTPUT


def test_controls_pass_no_measure_that_can_tell(full):
  comparison = comparison_lib.compare(full())
  able = telling.telling(comparison)
  assert len(able) > 3
  for control in ('head_only', 'original'):
    assert telling.passed(comparison, control, able) == []
    assert telling.like(comparison, control, able) == 0


def test_an_original_on_the_far_side_shows_no_knowledge(example):
  """An attack that finds the original less than retrained models sees nothing of it."""
  results = examples.edit(example(3), metrics={'mia_entropy': (.5, .51, .52)})
  results = examples.edit(results, 'original', metrics={'mia_entropy': .3})
  assert 'mia_entropy' not in telling.seeing(comparison_lib.compare(results))


def test_without_the_control_only_what_lies_behind_the_answers_can_tell(example):
  without = examples.keep(example(3), 'original', 'retrain', 'unsc')
  assert telling.telling(comparison_lib.compare(without)) == ['probe']


def test_for_single_examples_no_mask_is_a_rival(example):
  results = examples.edit(example(3), 'retrain', metrics={'forget_test': (.6, .61, .62)})
  single = dataclasses.replace(
      examples.keep(results, 'original', 'retrain', 'unsc'), forget_classes=())
  assert telling.telling(comparison_lib.compare(single)) == ['forget_test', 'probe']


def test_an_attack_that_does_not_see_the_original_has_to_be_missed_by_far(example):
  """As where random labels make forgotten images look less familiar than unseen ones."""
  results = examples.edit(_retrained(example), metrics={'mia_confidence': (.50, .51, .52)})
  band = comparison_lib.compare(results).cells['unsc', 'mia_confidence'].band
  for bands, word in ((-1.5, 'Forgotten'), (-2.5, 'Unlike retrained')):
    changed = examples.edit(
        results, 'unsc', metrics={'mia_confidence': .51 + bands * band})
    assert _word(changed) == word


def test_without_a_retrained_model_nothing_can_be_told(example):
  assert _word(examples.keep(example(3), 'original', 'head_only', 'unsc')) == (
      'Cannot be told')


def test_a_seed_by_itself_is_held_against_all_retrained_models(full):
  results = full()
  seeds = comparison_lib.by_seed(results)
  assert [*seeds] == [0, 1, 2]
  for seed, comparison in seeds.items():
    row, = [row for row in results.rows_of('unsc') if row.seed == seed]
    cell = comparison.cells['unsc', 'probe']
    reference = np.mean([row.metrics['probe'] for row in results.rows_of('retrain')])
    assert cell.values == (row.metrics['probe'],)
    np.testing.assert_allclose(cell.gap, row.metrics['probe'] - reference, rtol=1e-9)
