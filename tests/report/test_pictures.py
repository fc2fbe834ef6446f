"""Figures of pictures, against the data: counts, positions and what is said."""

from dataclasses import replace
import re

import numpy as np
import pytest
from sklearn import neighbors

from tests.report import examples
from tests.report import html_reader
from unsc_jax import evaluation
from unsc_jax import report
from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import figures
from unsc_jax.report.figures import looks

NAMES = ('called', 'class_scatter', 'confusion', 'contours', 'feature_map',
         'losses', 'relearn')


@pytest.fixture(scope='module')
def results(full):
  return full()


def _draw(results, name, **parts):
  """The figure of this name where a picture has other data."""
  return getattr(figures, name)(replace(
      results, pictures=replace(results.pictures, **parts)))


@pytest.mark.parametrize('name', NAMES)
def test_without_its_data_there_is_no_figure(results, name):
  bare = replace(examples.edit(results, relearning=None), pictures=report.Pictures())
  if name == 'class_scatter':
    bare = examples.keep(bare, 'unsc')
  assert getattr(figures, name)(bare) is None


@pytest.mark.parametrize('name', NAMES)
def test_before_after_and_retrained_stand_side_by_side(results, name):
  if name == 'contours':
    pytest.skip('is of the original alone')
  texts = html_reader.texts(getattr(figures, name)(results))
  shown = [t for t in texts if t in ('Original', 'UNSC', 'SalUn', 'Retrained')]
  expected = ['Original', 'UNSC', 'SalUn', 'Retrained']
  assert shown == (expected[:3] if name == 'class_scatter' else expected)


def test_shades_are_the_shares_of_the_rows(results):
  table = np.array(results.pictures.confusion['unsc'], float)
  share = table / table.sum(1, keepdims=True)
  plot = _draw(results, 'confusion', confusion={'unsc': table})
  drawn = [float(alpha) for alpha in re.findall(
      'fill: #0072b2; fill-opacity: ([0-9.]+)', plot.svg)]
  # A share of 1 has no opacity in the markup.
  expected = [s for s in share.ravel().round(2) if .005 < s < 1]
  np.testing.assert_allclose(sorted(d for d in drawn if d > .005),
                             sorted(e for e in expected if e > .005), atol=.0051)


def test_an_empty_class_has_an_empty_row(results):
  assert 'nan' not in _draw(results, 'confusion', confusion=_confusion(
      results, 3, [0] * 10)).svg.lower()


def _confusion(results, c, counts):
  """Tables with other counts of one class for UNSC."""
  table = np.array(results.pictures.confusion['unsc'])
  table[c] = counts
  return {**results.pictures.confusion, 'unsc': table.tolist()}


def test_a_hundred_classes_have_no_table_but_what_matters_of_it(full):
  results = full(classes=100)
  assert figures.confusion(results) is None
  plot = figures.called(results)
  assert len([t for t in html_reader.texts(plot) if 'number' in t]) <= 10
  assert 'UNSC: species number 0 ' in html_reader.plain(plot.text)


def test_what_the_forgotten_is_called_is_counted(results):
  text = html_reader.plain(_draw(results, 'called', confusion=_confusion(
      results, 6, [700, 0, 250, 0, 50, 0, 0, 0, 0, 0])).text)
  assert 'UNSC: T-shirt/top 70.0 %, Pullover 25.0 % and Coat 5.0 %.' in text


def test_histograms_have_the_bins_of_the_data(results):
  shares = report.LossShares(retain=(.5, .5, 0., 0.), unseen=(.25, .5, .25, 0.),
                             forget=(0., 0., .25, .75))
  plot = _draw(results, 'losses', losses=report.Losses(
      edges=(0., 1., 2., 3., 4.), counts={'unsc': shares}))
  text = html_reader.plain(plot.text)
  assert 'unseen ones (all classes): UNSC 25 %' in text
  assert 'remaining training images: UNSC 0 %' in text
  # The outline of the forgotten ones: heights of the bins, from left to right.
  path, = [p.get('d') for p in html_reader.tree(plot).iter('path')
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
  labels = np.array(results.pictures.feature_map.labels)
  points = np.array(results.pictures.feature_map.points['unsc'])
  search = neighbors.NearestNeighbors(n_neighbors=2).fit(points)
  nearest = search.kneighbors(points[labels == 6])[1][:, 1]
  share = 100 * np.mean(labels[nearest] == 6)
  assert f'UNSC {share:.0f} %' in html_reader.plain(figures.feature_map(results).text)


def test_points_lie_where_they_are(results):
  plot = _draw(results, 'feature_map', feature_map=report.FeatureMap(
      labels=(6, 6, 6, 1), points={'unsc': ((0., 0.), (1., 0.), (0., 2.), (2., 2.))}))
  uses = [(float(u.get('x')), float(u.get('y'))) for u in html_reader.tree(plot).iter('use')
          if '#d55e00' in u.get('style', '')]
  (x0, y0), (x1, y1), (x2, y2) = uses
  assert x0 == x2 < x1
  assert y0 == y1 > y2  # downwards in the markup


def test_many_points_are_thinned_and_said_so(results):
  maps = results.pictures.feature_map
  plot = _draw(results, 'feature_map', feature_map=replace(
      maps, labels=maps.labels * 5, points={m: p * 5 for m, p in maps.points.items()}))
  assert len(plot.svg) < 250_000
  assert re.search('2000 test images of 10 classes, [0-9]+ of them drawn', plot.text)


def test_the_landscape_is_told_by_its_ends(results):
  grid = lambda *values: np.reshape(values, (3, 3)).tolist()
  inside = report.Landscape(retain=grid(2, 1, 2, 1, .5, 1, 2, 1, 2),
                            forget=grid(4, 3, 4, 3, 1.5, 3, 4, 3, 4))
  outside = report.Landscape(retain=grid(9, None, 9, 8, .5, 8, 9, 8, 9),
                             forget=grid(7, 6, 7, 6, 1.5, 6, 7, 6, 7))
  contours = report.Contours(
      along=(-1., 0., 1.), in_null_space=inside, out_of_null_space=outside)
  text = _draw(results, 'contours', contours=contours).text
  assert ('Loss of the remaining images: 0.5 at the original weights (the cross), '
          '0.5 to 2 within reach in the null space and 0.5 to 9 out of it.') in text
  unknown = replace(contours, in_null_space=replace(inside, retain=[[None] * 3] * 3))
  assert _draw(results, 'contours', contours=unknown) is None


def test_a_flat_landscape_is_drawn_too(results):
  contours = results.pictures.contours
  flat = replace(contours.in_null_space, retain=[[1.] * 13] * 13)
  plot = _draw(results, 'contours', contours=replace(
      contours, in_null_space=flat, out_of_null_space=flat))
  assert '1 to 1 within reach' in plot.text


def test_when_it_is_back_is_the_first_time(results):
  changed = examples.edit(results, relearning=None)
  for method, accuracy in (('unsc', [0., .6, .75, .65]), ('retrain', [0., .1, .5, .4])):
    changed = examples.edit(changed, method, relearning=evaluation.Relearning(
        steps=[0, 10, 20, 30], accuracy=accuracy, target=.7, reached=1.))
  text = html_reader.plain(figures.relearn(changed).text)
  assert 'UNSC starts at 0.0 % and is back at step 20' in text
  assert 'Retrained starts at 0.0 % and has 40.0 % after 30 steps' in text
  assert 'Back means 70.0 %' in text


def test_gaps_are_measured_in_bands(results):
  comparison = comparison_lib.compare(results)
  for key, sign in (('probe', 1), ('relearn_steps', -1), ('alignment', -1),
                    ('klom', 1), ('agreement', -1), ('retain_test', 1)):
    cell = comparison.cells['random_label', key]
    gap = figures.gap_in_bands(comparison, 'random_label', key)
    np.testing.assert_allclose(gap, sign * cell.gap / cell.band, rtol=1e-6)
  text = figures.gaps(comparison).text
  like = sum(c.place == 'like' for c in comparison.judged('unsc').values())
  assert f'UNSC: {like} of 23 measures in the noise band' in text


def test_a_gap_beyond_all_bounds_stays_on_the_paper(results):
  results = examples.edit(results, 'unsc', metrics={'klom': 1e9})
  plot = figures.gaps(comparison_lib.compare(results))
  assert 'farthest out is KLoM, by over 300 bands' in plot.text
  box = [float(v) for v in html_reader.tree(plot).get('viewBox').split()]
  for use in html_reader.tree(plot).iter('use'):
    assert 0 <= float(use.get('x', 0)) <= box[2]


def test_points_of_classes_lie_on_the_diagonal_of_equals(results):
  plot = figures.class_scatter(
      examples.edit(results, per_class=tuple(np.linspace(.6, .96, 10))))
  uses = [(float(u.get('x')), float(u.get('y'))) for u in html_reader.tree(plot).iter('use')
          if '#0072b2' in u.get('style', '')]
  x, y = np.array(uses[:9]).T  # of the first panel
  np.testing.assert_allclose(np.diff(x), -np.diff(y), atol=.03)
  assert 'UNSC is off by 0 points' in plot.text


def test_more_methods_than_panels_are_counted(results):
  for i in range(9):
    results = examples.add(results, f'm{i}', like='unsc')
  order, left = looks.panels(results, results.methods)
  assert order == ['original', 'unsc', 'salun', 'random_label', 'm0', 'retrain']
  assert left == ' 8 further methods are not drawn.'
