"""Means, gaps and bands against numpy and scipy."""

import numpy as np
import pytest
from scipy import stats

from unsc_jax.report import comparison as comparison_lib


def _values(results, method, key):
  return np.array([row['metrics'][key] for row in results['rows']
                   if row['method'] == method])


def _set(results, method, key, values):
  rows = [row for row in results['rows'] if row['method'] == method]
  for row, value in zip(rows, values, strict=True):
    row['metrics'][key] = value


def test_mean_deviation_and_gap_are_numpys(example):
  results = example(3)
  found = comparison_lib.compare(results)
  for method in results['methods']:
    for key in ('forget_test', 'retain_train', 'probe'):
      values, reference = (_values(results, m, key) for m in (method, 'retrain'))
      cell = found.cells[method, key]
      np.testing.assert_allclose(cell.mean, values.mean(), rtol=1e-12)
      np.testing.assert_allclose(cell.std, values.std(ddof=1), rtol=1e-9)
      np.testing.assert_allclose(cell.gap, values.mean() - reference.mean(),
                                 atol=1e-12)


def test_the_band_of_three_seeds_is_students(example):
  results = example(3)
  cell = comparison_lib.compare(results).cells['unsc', 'probe']
  spread = _values(results, 'retrain', 'probe').std(ddof=1)
  band = stats.t.ppf(.975, 2) * spread * np.sqrt(4 / 3)
  np.testing.assert_allclose(cell.band, band, rtol=1e-4)
  assert cell.place == ('like' if abs(cell.gap) <= band else 'above')


@pytest.mark.parametrize(('key', 'images'), [
    ('forget_test', 1000), ('probe', 1000), ('retain_test', 9000),
    ('forget_train', 5400), ('retain_train', 48_600)])
def test_the_band_of_one_seed_is_wilsons(example, key, images):
  """Newcombe's interval of a difference, from the two intervals of scipy."""
  results = example(1)
  _set(results, 'unsc', key, [.75])
  _set(results, 'retrain', key, [.5])
  cell = comparison_lib.compare(results).cells['unsc', key]
  mine, theirs = (stats.binomtest(round(p * images), images).proportion_ci(
      .95, method='wilson') for p in (.75, .5))
  band = np.hypot(.75 - mine.low, theirs.high - .5)
  np.testing.assert_allclose(cell.band, band, rtol=1e-3)


@pytest.mark.parametrize(('value', 'place', 'tie'), [
    (.60, 'like', False), (.70, 'above', True), (.50, 'below', False)])
def test_place_and_tie_by_one_ruler(example, value, place, tie):
  results = example(3)
  _set(results, 'retrain', 'probe', [.59, .60, .61])  # band 5 points
  _set(results, 'head_only', 'probe', [.66, .67, .68])
  _set(results, 'unsc', 'probe', [value] * 3)
  found = comparison_lib.compare(results).cells
  assert (found['unsc', 'probe'].place, found['unsc', 'probe'].tie) == (place, tie)
  assert found['retrain', 'probe'].place is None
  assert found['head_only', 'probe'].tie is None


def test_nothing_is_judged_without_a_retrained_model(example):
  results = example(3)
  results['methods'].remove('retrain')
  results['rows'] = [r for r in results['rows'] if r['method'] != 'retrain']
  found = comparison_lib.compare(results)
  assert found.references == 0
  assert not any(cell.place or cell.gap for cell in found.cells.values())


def test_nulls_are_left_out_and_unknown_measures_not_judged(example):
  results = example(3)
  _set(results, 'unsc', 'probe', [.6, None, .7])
  for row in results['rows']:
    row['metrics']['roc'] = .5
  found = comparison_lib.compare(results)
  assert found.cells['unsc', 'probe'].values == (.6, .7)
  assert ('retrain', 'leak') not in found.cells
  assert found.cells['unsc', 'roc'].place is None
  assert found.measures[-1].key == 'roc'


@pytest.mark.parametrize('broken', [np.nan, np.inf])
def test_what_is_no_number_is_not_judged(example, broken):
  results = example(3)
  _set(results, 'unsc', 'logit_drift', [broken] * 3)
  _set(results, 'unsc', 'probe', [np.nan] * 3)
  found = comparison_lib.compare(results)
  assert found.cells['unsc', 'probe'].place is None
  assert not np.isfinite(found.cells['unsc', 'logit_drift'].mean)


def test_class_means_and_times_are_numpys(example):
  results = example(3)
  rows = [row for row in results['rows'] if row['method'] == 'unsc']
  rows[1]['per_class'][2] = None
  means = comparison_lib.class_means(results, 'unsc')
  np.testing.assert_allclose(means, np.nanmean(
      np.array([row['per_class'] for row in rows], float), 0))
  total = comparison_lib.total_seconds(results, 'unsc')
  phases = comparison_lib.phase_seconds(results, 'unsc')
  np.testing.assert_allclose(total, np.mean(
      [sum(row['seconds'].values()) for row in rows]))
  np.testing.assert_allclose(total, sum(phases.values()))
  assert comparison_lib.total_seconds(results, 'head_only') is None
