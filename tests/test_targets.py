"""What is said to hold of the paper's rows holds in their results, and the rest is short."""

import dataclasses
import json
import pathlib
import re

import numpy as np
import pytest

from docs import targets
from unsc_jax import report

TABLES = pathlib.Path(__file__).parents[1] / 'docs/results/tables'
METHODS = [*targets._OURS]


def lines():
  head, _, *rows = targets.ours().splitlines()
  for row in rows:
    name, networks, *cells = [cell.strip() for cell in row.strip('|').split('|')]
    yield name.strip('`'), int(networks), dict(zip(METHODS, cells))


@pytest.mark.parametrize(('name', 'networks', 'cells'), [*lines()], ids=lambda value: (
    value if isinstance(value, str) else ''))
def test_what_is_in_bold_holds_all_that_was_asked(name, networks, cells):
  rows = json.loads((TABLES / f'{name.replace("/", "-")}.json').read_text())['rows']
  of = lambda method, measure: np.mean([
      row['metrics'][measure] for row in rows if row['method'] == method])
  assert networks == sum(row['method'] == 'original' for row in rows)
  for method, cell in cells.items():
    if cell == '–':
      assert all(row['method'] != method for row in rows)
      continue
    short = .5 if name.startswith('cifar10') else .3
    over = [100 * of(method, 'forget_test') - 1,
            100 * (of('retrain', 'retain_test') - of(method, 'retain_test')) - short,
            100 * (of('original', 'retain_test') - of(method, 'retain_test'))]
    assert cell.startswith('**') == (max(over) <= 0)
    if max(over) > 0:
      by, = re.findall(r', ([\d.]+) short', cell)
      assert float(by) == pytest.approx(max(over), abs=.006)


@pytest.mark.parametrize(('left', 'kept', 'original', 'missed'), [
    (.0, .9, .89, ''), (.02, .9, .89, '1.00 short'), (.0, .893, .89, '0.40 short'),
    (.0, .898, .899, '0.10 short'), (.02, .88, .89, '1.70 short')])
def test_the_worst_of_what_was_asked_is_told(left, kept, original, missed):
  made = report.read(TABLES / 'fashion_mnist-small.json')
  row = made.rows_of('original')[0]
  measured = {'original': (.7, original), 'retrain': (0., .9), 'unsc': (left, kept)}
  results = dataclasses.replace(made, methods=tuple(measured), rows=tuple(
      dataclasses.replace(row, method=method, metrics={
          **row.metrics, 'forget_test': of[0], 'retain_test': of[1]})
      for method, of in measured.items()))
  cell, = targets._cells(results, ('unsc',), .003)
  assert cell.endswith(missed)
  assert cell.startswith('**') == (not missed)
