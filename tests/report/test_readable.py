"""What keeps figures and sentences from being read: titles, peaks, scales, plurals."""

from dataclasses import replace
import html
import re

from matplotlib import contour
from matplotlib import patches
import numpy as np
import pytest

from tests.report import examples
from unsc_jax import report
from unsc_jax.report import figures
from unsc_jax.report import numerals


@pytest.fixture(scope='module')
def results(full):
  """With a method of a long name in every picture."""
  found = full()
  old, new = 'salun', 'one_class_protected'
  renamed = lambda by_method: {
      new if method == old else method: value for method, value in by_method.items()}
  pictures = found.pictures
  return replace(
      found, methods=tuple(renamed(dict.fromkeys(found.methods))), rows=tuple(
          replace(row, method=new) if row.method == old else row for row in found.rows),
      pictures=replace(
          pictures, confusion=renamed(pictures.confusion),
          losses=replace(pictures.losses, counts=renamed(pictures.losses.counts)),
          feature_map=replace(
              pictures.feature_map, points=renamed(pictures.feature_map.points))))


@pytest.mark.parametrize('name', ['confusion', 'class_scatter', 'feature_map', 'losses'])
def test_titles_of_panels_neither_collide_nor_leave_the_paper(results, name):
  figure = getattr(figures, name)(results).figure()
  figure.draw_without_rendering()
  boxes = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
  assert len(boxes) >= 5
  assert any('\n' in axes.get_title() for axes in figure.axes)
  paper = figure.bbox
  for i, box in enumerate(boxes):
    assert paper.x0 <= box.x0 < box.x1 <= paper.x1
    assert not any(box.overlaps(other) for other in boxes[:i])


def test_the_highest_peak_of_histograms_is_in_sight(results):
  last = report.LossShares(retain=(1., 0.), unseen=(.5, .5), forget=(0., 1.))
  first = report.LossShares(retain=(.5, .5), unseen=(.5, .5), forget=(.5, .5))
  plot = figures.losses(replace(results, pictures=replace(
      results.pictures, losses=report.Losses(
          edges=(0., 1., 2.), counts={'original': first, 'unsc': last}))))
  axes = plot.figure().axes
  highest = max(patch.get_data().values.max() for one in axes for patch in one.patches
                if isinstance(patch, patches.StepPatch))
  assert highest == 100
  assert min(one.get_ylim()[1] for one in axes) > highest


def test_a_flat_valley_beside_a_steep_one_has_lines_of_its_own(results):
  """As on AlexNet: .23 to .27 in the null space and .26 to 187 out of it."""
  along = np.linspace(-1, 1, 13)
  bowl = np.add.outer(along**2, along**2)
  table = lambda grid: tuple(map(tuple, grid.tolist()))
  inside, outside = table(.23 + .02 * bowl), table(.26 + 90 * bowl)
  plot = figures.contours(replace(results, pictures=replace(
      results.pictures, contours=report.Contours(
          along=tuple(along.tolist()),
          in_null_space=report.Landscape(forget=inside, retain=inside),
          out_of_null_space=report.Landscape(forget=outside, retain=outside)))))
  for axes in plot.figure().axes:
    lines, = [one for one in axes.collections
              if isinstance(one, contour.QuadContourSet) and not one.filled]
    assert sum(len(path.vertices) > 0 for path in lines.get_paths()) >= 2


_ONE = re.compile(r'(?<![\w.,−+–-])1[ \u00a0](?:further |training |single |retrained )?(?:'
                  'steps|seeds|examples|measures|models|points|classes|images|layers|'
                  'methods|warnings|cores)')


def test_one_of_anything_has_no_plural(full):
  results = examples.keep(replace(full(), pictures=report.Pictures()),
                          'original', 'retrain', 'head_only', 'unsc')
  results = replace(
      results, layers=results.layers[:1], curve=(),
      rows=tuple(row for row in results.rows if row.seed == 0),
      environment={**results.environment, 'cpu_count': 1},
      dataset=replace(results.dataset, sizes=replace(results.dataset.sizes, forget=1)))
  for method, value in (('retrain', 2.), ('unsc', 1.)):
    results = examples.edit(results, method, metrics={'relearn_steps': value},
                            intervals={'relearn_steps': (value - .5**.5, value + .5**.5)},
                            history={'loss': [1.]}, relearning=None)
  text = html.unescape(re.sub('<[^>]*>', ' ', report.render(results)))
  assert '1\u00a0step' in text  # the value, and
  assert '1 step' in text  # the length of the run
  assert _ONE.findall(text) == []
  assert _ONE.findall('in 1 steps') == ['1 steps']


def test_a_noise_band_of_one_is_one_step():
  assert numerals.plural(numerals.count_gap(1.).lstrip('+'), 'step') == '1 step'
