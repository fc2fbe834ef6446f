"""Figures of pictures, against the data: counts, positions and what is said."""

import copy
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn import neighbors

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import figures
from unsc_jax.report import svg
from unsc_jax.report.figures import looks

NAMES = ('called', 'class_scatter', 'confusion', 'contours', 'feature_map',
         'losses', 'relearn')


@pytest.fixture(scope='module')
def results(full):
  return full()


def _tree(plot):
  return ElementTree.fromstring(svg.inline(plot, 'it'))


def _texts(plot):
  return [''.join(t.itertext()) for t in _tree(plot).iter('text')]


def _plain(text):
  return text.replace('\u00a0', ' ')


@pytest.mark.parametrize('name', NAMES)
def test_without_its_data_there_is_no_figure(results, name):
  bare = {key: value for key, value in results.items() if key != 'pictures'}
  without = getattr(figures, name)
  if name == 'class_scatter':
    bare['methods'] = ['unsc']
    bare['rows'] = [r for r in bare['rows'] if r['method'] == 'unsc']
  assert without(bare) is None
  assert without({**bare, 'pictures': None}) is None
  assert without({**bare, 'pictures': dict.fromkeys(results['pictures'])}) is None


@pytest.mark.parametrize('name', NAMES)
def test_before_after_and_retrained_stand_side_by_side(results, name):
  if name == 'contours':
    pytest.skip('is of the original alone')
  texts = _texts(getattr(figures, name)(results))
  shown = [t for t in texts if t in ('Original', 'UNSC', 'SalUn', 'Retrained')]
  expected = ['Original', 'UNSC', 'SalUn', 'Retrained']
  assert shown == (expected[:3] if name == 'class_scatter' else expected)


def test_shades_are_the_shares_of_the_rows(results):
  table = np.array(results['pictures']['confusion']['unsc'], float)
  share = table / table.sum(1, keepdims=True)
  one = copy.deepcopy(results)
  one['pictures']['confusion'] = {'unsc': table.tolist()}
  plot = figures.confusion(one)
  drawn = [float(alpha) for alpha in re.findall(
      'fill: #0072b2; fill-opacity: ([0-9.]+)', plot.svg)]
  # A share of 1 has no opacity in the markup.
  expected = [s for s in share.ravel().round(2) if .005 < s < 1]
  np.testing.assert_allclose(sorted(d for d in drawn if d > .005),
                             sorted(e for e in expected if e > .005), atol=.0051)


def test_an_empty_class_has_an_empty_row(results):
  one = copy.deepcopy(results)
  one['pictures']['confusion']['unsc'][3] = [0] * 10
  assert 'nan' not in figures.confusion(one).svg.lower()


def test_a_hundred_classes_have_no_table_but_what_matters_of_it(full):
  results = full(classes=100)
  assert figures.confusion(results) is None
  plot = figures.called(results)
  assert len([t for t in _texts(plot) if 'number' in t]) <= 10
  assert 'UNSC: species number 0 ' in _plain(plot.text)


def test_what_the_forgotten_is_called_is_counted(results):
  one = copy.deepcopy(results)
  one['pictures']['confusion']['unsc'][6] = [700, 0, 250, 0, 50, 0, 0, 0, 0, 0]
  text = _plain(figures.called(one).text)
  assert 'UNSC: T-shirt/top 70.0 %, Pullover 25.0 % and Coat 5.0 %.' in text


def test_histograms_have_the_bins_of_the_data(results):
  one = copy.deepcopy(results)
  edges = [0., 1., 2., 3., 4.]
  shares = {'retain': [.5, .5, 0., 0.], 'unseen': [.25, .5, .25, 0.],
            'forget': [0., 0., .25, .75]}
  one['pictures']['losses'] = {'edges': edges, 'counts': {'unsc': shares}}
  plot = figures.losses(one)
  text = _plain(plot.text)
  assert 'unseen ones (all classes): UNSC 25 %' in text
  assert 'remaining training images: UNSC 0 %' in text
  # The outline of the forgotten ones: heights of the bins, from left to right.
  path, = [p.get('d') for p in _tree(plot).iter('path')
           if 'stroke: #d55e00' in p.get('style', '') and p.get('clip-path')]
  points = np.array(re.findall(r'[ML] (\S+) (\S+)', path), float)
  left, right = points[:, 0].min(), points[:, 0].max()
  heights = []
  for centre in left + (right - left) * np.array([.125, .375, .625, .875]):
    over, = [a[1] for a, b in zip(points, points[1:]) if a[0] < centre < b[0]]
    heights.append(points[:, 1].max() - over)
  np.testing.assert_allclose(np.divide(heights, max(heights)), [0, 0, 1 / 3, 1],
                             atol=.002)


def test_nearest_neighbours_are_scikit_learns(results):
  found = results['pictures']['feature_map']
  labels = np.array(found['labels'])
  points = np.array(found['points']['unsc'])
  search = neighbors.NearestNeighbors(n_neighbors=2).fit(points)
  nearest = search.kneighbors(points[labels == 6])[1][:, 1]
  share = 100 * np.mean(labels[nearest] == 6)
  assert f'UNSC {share:.0f} %' in _plain(figures.feature_map(results).text)


def test_points_lie_where_they_are(results):
  one = copy.deepcopy(results)
  one['pictures']['feature_map'] = {
      'labels': [6, 6, 6, 1], 'points': {'unsc': [[0., 0.], [1., 0.], [0., 2.], [2., 2.]]},
      'note': None}
  uses = [(float(u.get('x')), float(u.get('y'))) for u in _tree(
      figures.feature_map(one)).iter('use') if '#d55e00' in u.get('style', '')]
  (x0, y0), (x1, y1), (x2, y2) = uses
  assert x0 == x2 < x1
  assert y0 == y1 > y2  # downwards in the markup


def test_many_points_are_thinned_and_said_so(full):
  results = full()
  found = results['pictures']['feature_map']
  found['labels'] = found['labels'] * 5
  found['points'] = {m: p * 5 for m, p in found['points'].items()}
  plot = figures.feature_map(results)
  assert len(plot.svg) < 250_000
  assert re.search('2000 test images of 10 classes, [0-9]+ of them drawn', plot.text)


def test_the_landscape_is_told_by_its_ends(results):
  one = copy.deepcopy(results)
  along = [-1., 0., 1.]
  grid = lambda *values: np.reshape(values, (3, 3)).tolist()
  one['pictures']['contours'] = {'along': along, 'losses': {
      'in_null_space': {'retain': grid(2, 1, 2, 1, .5, 1, 2, 1, 2),
                        'forget': grid(4, 3, 4, 3, 1.5, 3, 4, 3, 4)},
      'out_of_null_space': {'retain': [[9., None, 9.], [8., .5, 8.], [9., 8., 9.]],
                            'forget': grid(7, 6, 7, 6, 1.5, 6, 7, 6, 7)}}}
  text = figures.contours(one).text
  assert ('Loss of the remaining images: 0.5 at the original weights (the cross), '
          '0.5 to 2 within reach in the null space and 0.5 to 9 out of it.') in text
  one['pictures']['contours']['losses']['in_null_space']['retain'] = [[None] * 3] * 3
  assert figures.contours(one) is None


def test_a_flat_landscape_is_drawn_too(results):
  one = copy.deepcopy(results)
  for parts in one['pictures']['contours']['losses'].values():
    parts.update(retain=[[1.] * 13] * 13)
  assert '1 to 1 within reach' in figures.contours(one).text


def test_when_it_is_back_is_the_first_time(results):
  one = copy.deepcopy(results)
  one['pictures']['relearn'] = {
      'steps': [0, 10, 20, 30], 'target': .7,
      'accuracy': {'unsc': [0., .6, .75, .65], 'retrain': [0., .1, None, .4]}}
  text = _plain(figures.relearn(one).text)
  assert 'UNSC starts at 0.0 % and is back at step 20' in text
  assert 'Retrained starts at 0.0 % and has 40.0 % after 30 steps' in text
  one['pictures']['relearn']['target'] = None
  assert 'Back means' not in figures.relearn(one).text


def test_gaps_are_measured_in_bands(results):
  comparison = comparison_lib.compare(results)
  for key, sign in (('probe', 1), ('relearn_steps', -1), ('alignment', -1),
                    ('klom', 1), ('agreement', -1), ('retain_test', 1)):
    cell = comparison.cells['random_label', key]
    found = figures.gap_in_bands(comparison, 'random_label', key)
    np.testing.assert_allclose(found, sign * cell.gap / cell.band, rtol=1e-6)
  text = figures.gaps(comparison).text
  like = sum(c.place == 'like' for c in comparison.judged('unsc').values())
  assert f'UNSC: {like} of 23 measures in the noise band' in text


def test_a_gap_beyond_all_bounds_stays_on_the_paper(full):
  results = full()
  for row in results['rows']:
    if row['method'] == 'unsc':
      row['metrics']['klom'] = 1e9
  plot = figures.gaps(comparison_lib.compare(results))
  assert 'farthest out is KLoM, by over 300 bands' in plot.text
  box = [float(v) for v in _tree(plot).get('viewBox').split()]
  for use in _tree(plot).iter('use'):
    assert 0 <= float(use.get('x', 0)) <= box[2]


def test_points_of_classes_lie_on_the_diagonal_of_equals(results):
  one = copy.deepcopy(results)
  for row in one['rows']:
    row['per_class'] = np.linspace(.6, .96, 10).tolist()
  uses = [(float(u.get('x')), float(u.get('y'))) for u in _tree(
      figures.class_scatter(one)).iter('use') if '#0072b2' in u.get('style', '')]
  x, y = np.array(uses[:9]).T  # of the first panel
  np.testing.assert_allclose(np.diff(x), -np.diff(y), atol=.03)
  assert 'UNSC is off by 0 points' in figures.class_scatter(one).text


def test_more_methods_than_panels_are_counted(full):
  results = full()
  names = [f'm{i}' for i in range(9)]
  results['methods'] += names
  found = dict.fromkeys(results['methods'])
  order, left = looks.panels(results, found)
  assert order == ['original', 'unsc', 'salun', 'random_label', 'm0', 'retrain']
  assert left == ' 8 further methods are not drawn.'
