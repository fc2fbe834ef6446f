"""The pictures of the comparison name those that nothing beats, of those that forget."""

import pathlib

import numpy as np
import pytest

from docs import trade_offs
from unsc_jax import report

RESULTS = pathlib.Path(__file__).parents[1] / 'docs/results'
PRICES = 'retain_test_gap', 'logit_drift', 'time'


@pytest.fixture(scope='module', params=[
    ('digits-mlp', 'probe_gap'), ('fashion_mnist-tiny_cnn-share', 'forget_train_gap')],
                ids=['a class', 'a share'])
def compared(request):
  name, gap = request.param
  results = report.read(RESULTS / f'compare-{name}.json')
  return results, trade_offs.Points(results), gap


@pytest.mark.parametrize('price', PRICES)
def test_the_front_is_beaten_by_none_and_beats_the_rest(compared, price):
  _, points, gap = compared
  at = {method: np.array([points.of(method, of)[0] for of in (price, gap)])
        for method in points.methods if points.forgets(method)}
  front = points.front(price, gap)
  beats = lambda one, other: (at[one] <= at[other]).all() and (at[one] < at[other]).any()
  assert front
  assert not any(beats(other, one) for one in front for other in at)
  assert all(any(beats(one, other) for one in front) for other in set(at) - set(front))


def test_a_class_that_is_left_is_not_forgotten(compared):
  results, points, _ = compared
  left = {row.method for row in results.rows
          if (row.metrics.get('forget_test') or 0) > .2 and row.method in points.methods}
  if results.forget_classes:
    assert left
    assert not any(points.forgets(method) for method in left)
  else:
    assert all(map(points.forgets, points.methods))


def test_points_are_the_gaps_of_the_rows_to_retraining_with_their_seed(compared):
  results, points, gap = compared
  of = {(row.method, row.seed): row for row in results.rows}
  name = gap.removesuffix('_gap')
  seeds = [seed for method, seed in of if method == 'unsc']
  gaps = [100 * abs(of['unsc', seed].metrics[name] - of['retrain', seed].metrics[name])
          for seed in seeds]
  assert points.of('unsc', gap) == pytest.approx((np.mean(gaps), np.std(gaps, ddof=1)))
  lost = [100 * max(0, of['retrain', seed].metrics['retain_test']
                    - of['unsc', seed].metrics['retain_test']) for seed in seeds]
  assert points.of('unsc', 'retain_test_gap')[0] == pytest.approx(np.mean(lost))
