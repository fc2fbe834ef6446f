"""The table for the terminal, and what it warns of."""

import dataclasses

from experiments import tables
from tests.report import examples

PROBE = {'retrain': (.55, .57, .56), 'head_only': (.63, .64, .62),
         'unsc': (.63, .62, .64), 'salun': (.56, .55, .57)}
ACCURACY = {'retrain': (.940, .950, .945), 'head_only': (.946, .944, .948),
            'unsc': (.947, .945, .946), 'salun': (.80, .81, .82)}


def _results():
  base = examples.example_results(quick=True)
  return dataclasses.replace(base, methods=tuple(PROBE), rows=tuple(
      dataclasses.replace(base.rows[0], method=method, seed=seed, metrics={
          'probe': PROBE[method][seed], 'retain_test': ACCURACY[method][seed]})
      for method in PROBE for seed in range(3)))


def test_columns_on_which_a_method_ties_with_a_mask_are_named():
  unsc, = tables.ties(_results())
  assert unsc.startswith('unsc ties with head_only')
  assert unsc.endswith('on: retain test, probe.')
  assert unsc in tables.render(_results())


def test_without_the_control_there_is_nothing_to_tie_with():
  assert tables.ties(examples.keep(_results(), 'retrain', 'unsc', 'salun')) == []


def test_cells_are_means_spreads_and_gaps():
  head, *rows = tables.cells(_results())
  assert head == ('method', 'retain test %', 'probe %', 'time / retrain')
  assert rows[3] == ('salun', '81.0 ± 1.0 (-13.5)', '56.0 ± 1.0 (+0.0)', '-')
