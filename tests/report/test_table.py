"""The table warns of ties, and is the same in every format."""

import csv
import dataclasses
import io

import pytest

from tests.report import examples
from unsc_jax import report
from unsc_jax.report import table

PROBE = {'retrain': (.55, .57, .56), 'head_only': (.63, .64, .62),
         'unsc': (.63, .62, .64), 'salun': (.56, .55, .57)}
ACCURACY = {'retrain': (.940, .950, .945), 'head_only': (.946, .944, .948),
            'unsc': (.947, .945, .946), 'salun': (.80, .81, .82)}


def _results(*methods: str) -> report.Results:
  example = examples.example_results(1, quick=True)
  rows = tuple(dataclasses.replace(
      example.rows[0], method=method, seed=seed, seconds={}, metrics={
          'probe': PROBE[method][seed], 'retain_test': ACCURACY[method][seed]})
               for method in methods for seed in range(3))
  return dataclasses.replace(example, methods=methods, rows=rows)


def test_columns_on_which_a_method_ties_with_a_mask_are_named():
  results = _results(*PROBE)
  unsc, = table.ties(results)
  assert unsc.startswith('unsc ties with head_only')
  assert unsc.endswith('on: retain test, probe.')
  assert unsc in results.table()


def test_without_the_control_there_is_nothing_to_tie_with():
  assert table.ties(_results('retrain', 'unsc', 'salun')) == []


def test_cells_are_means_spreads_and_gaps():
  head, *rows = table.cells(_results(*PROBE))
  assert head == ('method', 'retain test %', 'probe %', 'time / retrain')
  assert rows[3] == ('salun', '81.0 ± 1.0 (-13.5)', '56.0 ± 1.0 (+0.0)', '-')


def _numbers(lines):
  """The cells of every method but for its name, as they are in the plain table."""
  return [[cell.strip() for cell in line] for line in lines]


def test_markdown_and_latex_hold_the_same_cells():
  results = _results(*PROBE)
  wanted = [list(row[1:]) for row in table.cells(results)]
  head, _, *body = [line.strip('|').split('|')[1:] for line in
                    results.table('markdown').splitlines()]
  assert _numbers([head, *body]) == wanted
  lines = [line.removesuffix(r' \\').split(' & ')[1:]
           for line in results.table('latex').splitlines() if ' & ' in line]
  back = lambda cell: cell.replace(r'\%', '%').replace(r'$\pm$', '±').replace('$', '')
  assert _numbers([[back(cell) for cell in line] for line in lines]) == wanted
  assert 'Head-only' in results.table('latex')
  assert 'Head-only' in results.table('markdown')


def test_comma_separated_values_are_every_measure_in_full():
  results = _results('retrain', 'unsc')
  rows = list(csv.DictReader(io.StringIO(results.table('csv'))))
  assert len(rows) == sum(len(row.metrics) for row in results.rows)
  mine = [float(row['value']) for row in rows
          if (row['method'], row['measure']) == ('unsc', 'probe')]
  assert mine == list(PROBE['unsc'])


def test_what_tex_would_take_for_its_own_is_escaped():
  results = _results('retrain', 'unsc')
  odd = dataclasses.replace(results, methods=('retrain', 'a&b_c{d'), rows=tuple(
      dataclasses.replace(row, method={'unsc': 'a&b_c{d'}.get(row.method, row.method))
      for row in results.rows))
  assert r'A\&b c\{d &' in odd.table('latex')


def test_an_unknown_format_is_refused_with_those_there_are():
  with pytest.raises(ValueError, match="format 'html': choose one of text, markdown"):
    _results('retrain').table('html')
