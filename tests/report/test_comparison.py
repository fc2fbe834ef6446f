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
  band = stats.t.ppf(.975, 2) * spread * np.sqrt(1 / 3 + 1 / 3)
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


def test_intervals_that_were_measured_make_the_band_of_one_seed(example):
  results = example(1)
  for method, value, interval in (('unsc', .70, [.66, .74]),
                                  ('retrain', .60, [.57, .63])):
    _set(results, method, 'probe', [value])
    row, = [r for r in results['rows'] if r['method'] == method]
    row['intervals'] = {'probe': interval}
  cell = comparison_lib.compare(results).cells['unsc', 'probe']
  np.testing.assert_allclose(cell.band, np.hypot(.04, .03), rtol=1e-5)
  assert cell.interval == (.66, .74)


def test_a_measure_without_images_or_intervals_is_not_judged_with_one_seed(example):
  results = example(1)
  for row in results['rows']:
    row['metrics']['lira_auc'] = .5 if row['method'] == 'retrain' else .7
  cell = comparison_lib.compare(results).cells['unsc', 'lira_auc']
  assert cell.gap == pytest.approx(.2)
  assert (cell.band, cell.place, cell.tie) == (None, None, None)


def test_class_counts_give_the_images_of_unequal_classes(example):
  """The mean of K shares p̂ has the variance Σ p(1-p)/n_c / K²."""
  results = example(1)
  test = [100, 400, 1000, 1000, 50, 700, 300, 2000, 1500, 2950]
  results['dataset']['class_counts'] = dict.fromkeys(('train', 'validation'), test)
  results['dataset']['class_counts']['test'] = test
  _set(results, 'unsc', 'forget_test', [.4])
  _set(results, 'retrain', 'forget_test', [.4])
  _set(results, 'unsc', 'retain_test', [.9])
  _set(results, 'retrain', 'retain_test', [.9])
  cells = comparison_lib.compare(results).cells
  half = stats.binomtest(120, 300).proportion_ci(.95, method='wilson')
  np.testing.assert_allclose(cells['unsc', 'forget_test'].band, np.hypot(
      .4 - half.low, half.high - .4), rtol=1e-3)
  variance = np.mean([.09 / n for n in test if n != 300]) / 9
  np.testing.assert_allclose(cells['unsc', 'retain_test'].band,
                             1.96 * np.sqrt(2 * variance), rtol=.05)


@pytest.mark.parametrize(('key', 'same'), [
    ('agreement', 1.), ('js_divergence', 0.), ('told_from_retrained', .5)])
def test_a_retrained_model_beside_itself_is_no_ruler(full, key, same):
  results = full()
  _set(results, 'retrain', key, [same] * 3)
  cell = comparison_lib.compare(results).cells['unsc', key]
  assert (cell.gap, cell.place, cell.tie) == (None, None, None)


def test_a_guess_rate_below_a_half_is_as_far_as_one_above(full):
  results = full()
  _set(results, 'retrain', 'told_from_retrained', [.54, .55, .56])
  _set(results, 'unsc', 'told_from_retrained', [.46] * 3)
  _set(results, 'salun', 'told_from_retrained', [.3] * 3)
  cells = comparison_lib.compare(results).cells
  assert cells['unsc', 'told_from_retrained'].place == 'like'
  assert cells['salun', 'told_from_retrained'].place == 'below'


def test_equal_references_without_intervals_judge_nothing_but_equality(full):
  results = full()
  for row in results['rows']:
    row['intervals'] = {}
  _set(results, 'retrain', 'relearn_steps', [60.] * 3)
  _set(results, 'unsc', 'relearn_steps', [60.] * 3)
  _set(results, 'salun', 'relearn_steps', [59.] * 3)
  cells = comparison_lib.compare(results).cells
  assert cells['unsc', 'relearn_steps'].place == 'like'
  assert cells['salun', 'relearn_steps'].place is None


def test_ties_with_the_control_are_found_on_every_judged_measure(full):
  results = full()
  for row, control in zip(*([r for r in results['rows'] if r['method'] == m]
                            for m in ('unsc', 'head_only')), strict=True):
    row.update(metrics=dict(control['metrics']), intervals=control['intervals'])
  found = comparison_lib.compare(results)
  judged = found.judged('unsc')
  assert len(judged) == 23
  assert all(cell.tie for cell in judged.values())


@pytest.mark.parametrize(('methods_seeds', 'references'), [(1, 3), (3, 3), (3, 9)])
def test_a_retrained_model_as_a_method_passes_as_often_as_it_should(
    example, methods_seeds, references):
  """Means of several seeds by the band of such means: 95 of 100 lie inside."""
  rng = np.random.default_rng(methods_seeds + references)
  results = example(1, quick=True)
  row = {row['method']: row for row in results['rows']}
  metrics = range(400)
  make = lambda method, seed: {
      **row[method], 'seed': seed, 'intervals': {},
      'metrics': {'probe': float(rng.normal(.5, .02))}}
  results['methods'] = ['retrain', 'unsc']
  inside = 0
  for _ in metrics:
    results['rows'] = [*(make('retrain', s) for s in range(references)),
                       *(make('unsc', s) for s in range(methods_seeds))]
    inside += comparison_lib.compare(results).cells['unsc', 'probe'].place == 'like'
  assert stats.binomtest(inside, len(metrics), .95).pvalue > .001


def _relearned(full, method, values, limit=None):
  results = full()
  for name, steps, stop in (('retrain', [40.] * 3, 40), (method, values, limit)):
    _set(results, name, 'relearn_steps', steps)
    for row in results['rows']:
      if row['method'] == name:
        row['intervals']['relearn_steps'] = None
        row['limits'] = {'relearn_steps': stop} if stop else None
  return results


def test_two_that_were_not_counted_to_the_end_are_not_alike(full):
  results = _relearned(full, 'unsc', [40.] * 3, limit=40)
  cell = comparison_lib.compare(results).cells['unsc', 'relearn_steps']
  assert (cell.place, cell.tie, cell.limit, cell.reference_limit) == (None, None, 40, 40)
  assert cell.endless


def test_what_came_back_sooner_than_a_limit_is_below_it(full):
  results = _relearned(full, 'unsc', [3., 5., 4.])
  for row in results['rows']:
    row['intervals']['relearn_steps'] = [row['metrics']['relearn_steps']] * 2
  cells = comparison_lib.compare(results).cells
  assert cells['unsc', 'relearn_steps'].place == 'below'
  assert not cells['unsc', 'relearn_steps'].endless


def test_a_least_value_within_the_band_may_lie_above_it(full):
  results = full()
  _set(results, 'retrain', 'relearn_steps', [20., 38., 36.])
  _set(results, 'unsc', 'relearn_steps', [40.] * 3)
  row = next(row for row in results['rows'] if row['method'] == 'unsc')
  assert comparison_lib.compare(results).cells['unsc', 'relearn_steps'].place == 'like'
  row['limits'] = {'relearn_steps': 40}
  assert comparison_lib.compare(results).cells['unsc', 'relearn_steps'].place is None
  _set(results, 'retrain', 'relearn_steps', [9., 10., 11.])
  assert comparison_lib.compare(results).cells['unsc', 'relearn_steps'].place == 'above'
