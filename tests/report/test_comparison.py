"""Means, gaps and bands against numpy and scipy."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.report import examples
from unsc_jax import report
from unsc_jax.report import comparison as comparison_lib


def _values(results, method, key):
  return np.array([row.metrics[key] for row in results.rows_of(method)])


def _cells(results, key=None, **values):
  """The cells where methods have these values, one for every seed, of a measure."""
  for method, of_seeds in values.items():
    results = examples.edit(results, method, metrics={key: tuple(of_seeds)})
  return comparison_lib.compare(results).cells


def test_mean_deviation_and_gap_are_numpys(example):
  results = example(3)
  cells = _cells(results)
  for method in results.methods:
    for key in ('forget_test', 'retain_train', 'probe'):
      values, reference = (_values(results, m, key) for m in (method, 'retrain'))
      cell = cells[method, key]
      np.testing.assert_allclose(cell.mean, values.mean(), rtol=1e-12)
      np.testing.assert_allclose(cell.std, values.std(ddof=1), rtol=1e-9)
      np.testing.assert_allclose(cell.gap, values.mean() - reference.mean(),
                                 atol=1e-12)


def test_the_band_of_three_seeds_is_students(example):
  results = example(3)
  cell = _cells(results)['unsc', 'probe']
  spread = _values(results, 'retrain', 'probe').std(ddof=1)
  band = stats.t.ppf(.975, 2) * spread * np.sqrt(1 / 3 + 1 / 3)
  np.testing.assert_allclose(cell.band, band, rtol=1e-4)
  assert cell.place == ('like' if abs(cell.gap) <= band else 'above')


@pytest.mark.parametrize(('key', 'images'), [
    ('forget_test', 1000), ('probe', 1000), ('retain_test', 9000),
    ('forget_train', 5400), ('retain_train', 48_600)])
def test_the_band_of_one_seed_is_wilsons(example, key, images):
  """Newcombe's interval of a difference, from the two intervals of scipy."""
  cell = _cells(example(1), key, unsc=[.75], retrain=[.5])['unsc', key]
  mine, theirs = (stats.binomtest(round(p * images), images).proportion_ci(
      .95, method='wilson') for p in (.75, .5))
  band = np.hypot(.75 - mine.low, theirs.high - .5)
  np.testing.assert_allclose(cell.band, band, rtol=1e-3)


@pytest.mark.parametrize(('value', 'place', 'tie'), [
    (.60, 'like', False), (.70, 'above', True), (.50, 'below', False)])
def test_place_and_tie_by_one_ruler(example, value, place, tie):
  cells = _cells(example(3), 'probe', retrain=[.59, .60, .61],  # band 5 points
                 head_only=[.66, .67, .68], unsc=[value] * 3)
  assert (cells['unsc', 'probe'].place, cells['unsc', 'probe'].tie) == (place, tie)
  assert cells['retrain', 'probe'].place is None
  assert cells['head_only', 'probe'].tie is None


def test_nothing_is_judged_without_a_retrained_model(example):
  comparison = comparison_lib.compare(
      examples.keep(example(3), 'original', 'head_only', 'unsc'))
  assert comparison.references == 0
  assert not any(cell.place or cell.gap for cell in comparison.cells.values())


def test_nulls_are_left_out_and_unknown_measures_not_judged(example):
  comparison = comparison_lib.compare(examples.edit(examples.edit(
      example(3), 'unsc', metrics={'probe': (.6, None, .7)}), metrics={'roc': .5}))
  assert comparison.cells['unsc', 'probe'].values == (.6, .7)
  assert ('retrain', 'leak') not in comparison.cells
  assert comparison.cells['unsc', 'roc'].place is None
  assert comparison.measures[-1].key == 'roc'


@pytest.mark.parametrize('broken', [np.nan, np.inf])
def test_what_is_no_number_is_not_judged(example, broken):
  cells = _cells(examples.edit(
      example(3), 'unsc', metrics={'logit_drift': broken, 'probe': np.nan}))
  assert cells['unsc', 'probe'].place is None
  assert not np.isfinite(cells['unsc', 'logit_drift'].mean)


def test_class_means_and_times_are_numpys(example):
  results = examples.edit(
      example(3), 'unsc', seed=1, per_class=(.5, .6, None, *[.9] * 7))
  rows = results.rows_of('unsc')
  means = comparison_lib.class_means(results, 'unsc')
  np.testing.assert_allclose(means, np.nanmean(
      np.array([row.per_class for row in rows], float), 0))
  total = comparison_lib.total_seconds(results, 'unsc')
  phases = comparison_lib.phase_seconds(results, 'unsc')
  np.testing.assert_allclose(total, np.mean(
      [sum(row.seconds.values()) for row in rows]))
  np.testing.assert_allclose(total, sum(phases.values()))
  assert comparison_lib.total_seconds(results, 'head_only') is None


def test_intervals_that_were_measured_make_the_band_of_one_seed(example):
  results = example(1)
  for method, value, interval in (('unsc', .70, (.66, .74)),
                                  ('retrain', .60, (.57, .63))):
    results = examples.edit(
        results, method, metrics={'probe': value}, intervals={'probe': interval})
  cell = _cells(results)['unsc', 'probe']
  np.testing.assert_allclose(cell.band, np.hypot(.04, .03), rtol=1e-5)
  assert cell.interval == (.66, .74)


def test_a_measure_without_images_or_intervals_is_not_judged_with_one_seed(example):
  cell = _cells(example(1), 'lira_auc', unsc=[.7], retrain=[.5])['unsc', 'lira_auc']
  assert cell.gap == pytest.approx(.2)
  assert (cell.band, cell.place, cell.tie) == (None, None, None)


def test_class_counts_give_the_images_of_unequal_classes(example):
  """The mean of K shares p̂ has the variance Σ p(1-p)/n_c / K²."""
  test = (100, 400, 1000, 1000, 50, 700, 300, 2000, 1500, 2950)
  results = examples.edit(example(1), metrics={'forget_test': .4, 'retain_test': .9})
  cells = _cells(replace(results, dataset=replace(
      results.dataset, class_counts=report.ClassCounts(
          train=test, validation=test, test=test))))
  half = stats.binomtest(120, 300).proportion_ci(.95, method='wilson')
  np.testing.assert_allclose(cells['unsc', 'forget_test'].band, np.hypot(
      .4 - half.low, half.high - .4), rtol=1e-3)
  variance = np.mean([.09 / n for n in test if n != 300]) / 9
  np.testing.assert_allclose(cells['unsc', 'retain_test'].band,
                             1.96 * np.sqrt(2 * variance), rtol=.05)


@pytest.mark.parametrize(('key', 'same'), [
    ('agreement', 1.), ('js_divergence', 0.), ('told_from_retrained', .5)])
def test_a_retrained_model_beside_itself_is_no_ruler(full, key, same):
  cell = _cells(full(), key, retrain=[same] * 3)['unsc', key]
  assert (cell.gap, cell.place, cell.tie) == (None, None, None)


def test_a_guess_rate_below_a_half_is_as_far_as_one_above(full):
  cells = _cells(full(), 'told_from_retrained', retrain=[.54, .55, .56],
                 unsc=[.46] * 3, salun=[.3] * 3)
  assert cells['unsc', 'told_from_retrained'].place == 'like'
  assert cells['salun', 'told_from_retrained'].place == 'below'


def test_equal_references_without_intervals_judge_nothing_but_equality(full):
  cells = _cells(examples.edit(full(), intervals={}), 'relearn_steps',
                 retrain=[60.] * 3, unsc=[60.] * 3, salun=[59.] * 3)
  assert cells['unsc', 'relearn_steps'].place == 'like'
  assert cells['salun', 'relearn_steps'].place is None


def test_ties_with_the_control_are_found_on_every_judged_measure(full):
  results = examples.mimic(full(), 'unsc', 'head_only')
  judged = comparison_lib.compare(results).judged('unsc')
  assert len(judged) == 23
  assert all(cell.tie for cell in judged.values())


# The last is where a band that forgets how many the method's mean is of shows most.
@pytest.mark.parametrize(('methods_seeds', 'references'), [
    pytest.param(1, 3, marks=pytest.mark.slow), pytest.param(3, 3, marks=pytest.mark.slow),
    (3, 9)])
def test_a_retrained_model_as_a_method_passes_as_often_as_it_should(
    example, methods_seeds, references):
  """Means of several seeds by the band of such means: 95 of 100 lie inside."""
  rng = np.random.default_rng(methods_seeds + references)
  results = examples.keep(example(1, quick=True), 'retrain', 'unsc')
  def rows(method, seeds):
    row, = results.rows_of(method)
    return [replace(row, seed=seed, metrics={'probe': float(rng.normal(.5, .02))})
            for seed in range(seeds)]
  inside = 0
  for _ in range(400):
    drawn = replace(results, rows=(
        *rows('retrain', references), *rows('unsc', methods_seeds)))
    inside += _cells(drawn)['unsc', 'probe'].place == 'like'
  assert stats.binomtest(inside, 400, .95).pvalue > .001


KEY = 'relearn_steps'


def _relearned(results, values, limit=None, intervals=(None, None)):
  """UNSC's cell beside retrained models that did not come back in 40 steps."""
  for method, stop, ends in zip(('retrain', 'unsc'), (40, limit), intervals):
    results = examples.edit(results, method, intervals={KEY: ends},
                            limits={KEY: stop} if stop else {})
  return _cells(results, KEY, retrain=[40.] * 3, unsc=values)['unsc', KEY]


def test_two_that_were_not_counted_to_the_end_are_not_alike(full):
  cell = _relearned(full(), [40.] * 3, limit=40)
  assert (cell.place, cell.tie, cell.limit, cell.reference_limit) == (None, None, 40, 40)
  assert cell.endless


def test_what_came_back_sooner_than_a_limit_is_below_it(full):
  cell = _relearned(full(), [3., 5., 4.], intervals=((40., 40.), (4., 4.)))
  assert cell.place == 'below'
  assert not cell.endless


def test_a_least_value_within_the_band_may_lie_above_it(full):
  far, near = [9., 10., 11.], [20., 38., 36.]
  place = lambda results, retrain: _cells(
      results, KEY, retrain=retrain, unsc=[40.] * 3)['unsc', KEY].place
  assert place(full(), near) == 'like'
  limited = examples.edit(full(), 'unsc', seed=0, limits={KEY: 40})
  assert place(limited, near) is None
  assert place(limited, far) == 'above'
