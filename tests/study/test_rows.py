"""Rows of all seeds: whom they hold, and whom they are measured by."""

import dataclasses

import msgspec
import pytest

from tests.evaluation import networks as networks_lib
from unsc_jax import methods
from unsc_jax import study


@pytest.mark.slow
def test_rows_of_all_seeds_hold_every_network_and_pictures():
  setup = networks_lib.few().setup
  ways = {'original': methods.original(), 'retrain': methods.original(),
          'head_only': methods.head_only()}
  runs = [study.Run(seed, setup, {
      name: method(setup.problem, None) for name, method in ways.items()})
          for seed in (7, 9)]
  quick = dataclasses.replace(networks_lib.FEW, epochs=1)
  rows, pictures = study.of_seeds(runs, ways, quick, references=2, shadows=3)
  assert [(row.method, row.seed) for row in rows] == [
      (name, seed) for run in runs for name, seed in (
          *((name, run.seed) for name in ways),
          *(('retrain', 1000 * (run.seed + 1) + i) for i in range(6)))]
  names = [set(row.metrics) for row in rows]
  assert names[0] == names[1] == names[2]
  assert rows[0].metrics['lira_auc'] is not None
  assert len(msgspec.json.encode(pictures)) < 100_000


@pytest.mark.slow
def test_a_network_retrained_for_one_seed_is_a_reference_for_another():
  few = networks_lib.few()
  original = methods.original()
  runs = [study.Run(seed, few.setup, {
      'original': original(few.setup.problem, None), 'retrain': few.retrained[seed]})
          for seed in (0, 1)]
  rows, _ = study.of_seeds(
      runs, {'original': original, 'retrain': original}, networks_lib.FEW)
  first, second = (row.metrics for row in rows if row.method == 'retrain')
  for name in ('agreement', 'js_divergence', 'told_from_retrained', 'cka', 'rmia_auc'):
    assert first[name] is not None, name
  assert first['agreement'] == second['agreement'] < 1


def test_too_few_shadows_are_refused():
  with pytest.raises(ValueError, match='2 shadow networks are too few'):
    study.check_shadows(2)
