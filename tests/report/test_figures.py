"""Figures: in words too, without colour alone, for odd data too."""

from dataclasses import replace
import re

import numpy as np
import pytest

from tests import rows
from tests.report import examples
from tests.report import html_reader
from unsc_jax import report
from unsc_jax.report import comparison
from unsc_jax.report import figures
from unsc_jax.report.figures.loss import window_means
from unsc_jax.report.html import svg


def _all(results):
  return {
      'classes': figures.per_class(results, 'unsc'),
      'spectrum': figures.spectrum(results.layers[0]),
      'free': figures.free_directions(results),
      'energy': figures.energy_curve(results),
      'trade-off': figures.trade_off(results),
      'loss': figures.loss(results, 'unsc'),
      'time': figures.wall_time(results),
  }


def _pictures(results):
  names = ('called', 'class_scatter', 'confusion', 'contours', 'feature_map',
           'losses', 'relearn')
  return {**{name: getattr(figures, name)(results) for name in names},
          'gaps': figures.gaps(comparison.compare(results))}


@pytest.fixture(scope='module', params=rows.daily(
    ['one seed', 'three seeds', 'pictures'], {'three seeds', 'pictures'}))
def plots(request, example, full):
  if request.param == 'pictures':
    return _pictures(examples.keep(full(), 'original', 'retrain', 'unsc'))
  return _all(example(1 if request.param == 'one seed' else 3))


def test_every_figure_has_a_text_alternative(plots):
  for name, plot in plots.items():
    tree = html_reader.tree(plot)
    title, description = tree[0], tree[1]
    assert (title.tag, description.tag) == ('title', 'desc'), name
    assert tree.get('role') == 'img'
    assert tree.get('aria-labelledby') == title.get('id')
    assert tree.get('aria-describedby') == description.get('id')
    assert len(title.text) > 10
    assert re.search(r'\d.*\d', description.text), name


def test_ids_and_their_uses_agree_and_carry_the_name(plots):
  for plot in plots.values():
    text = svg.inline(plot, 'one')
    ids = re.findall(r'\bid="([^"]*)"', text)
    used = re.findall(r'(?:href="#|url\(#)([^")]*)', text)
    assert len(ids) == len(set(ids))
    assert set(used) <= set(ids)
    assert all(i.startswith('one-') for i in ids)


def test_neutral_colours_are_the_pages(plots):
  neutral = {'#010203', '#808182', '#d8d9da', '#fcfdfe', '#000000', '#ffffff'}
  okabe_ito = {'#e69f00', '#56b4e9', '#009e73', '#0072b2', '#d55e00', '#cc79a7'}
  for name, plot in plots.items():
    colours = {c.lower() for c in re.findall(r'#[0-9a-fA-F]{6}\b', plot.svg)}
    assert not colours & neutral, name
    assert colours <= okabe_ito, name
    assert 'var(--ink)' in plot.svg


def test_bars_differ_by_hatch_too(example):
  """Of three kinds of bars, at most one is plain."""
  plot = figures.per_class(example(), 'unsc')
  assert len(set(re.findall(r'fill: url\(#([^)]*)\)', plot.svg))) == 2


def test_forgotten_classes_are_marked_and_no_other(example):
  texts = html_reader.texts(figures.per_class(example(), 'unsc'))
  assert [t for t in texts if '✕' in t] == ['✕ Shirt']


def test_what_is_told_of_classes_is_so(example):
  results = example(1)
  for method, accuracies in (
      ('original', (.5,) * 10), ('retrain', (.6,) * 10),
      ('unsc', (.5, .1, .5, .5, .9, .5, .02, .5, .5, .5))):
    results = examples.edit(results, method, per_class=accuracies)
  text = figures.per_class(results, 'unsc').text.replace('\u00a0', ' ')
  assert 'Forgotten: Shirt, 50.0 % before, 2.0 % after and 60.0 % retrained' in text
  assert '−40.0 points (Trouser' in text
  assert '+40.0 points (Coat' in text


def test_of_many_classes_the_forgotten_and_the_changed_are_shown(example):
  dataset = replace(example(1).dataset, num_classes=100,
                    class_names=tuple(f'c{i}' for i in range(100)))
  accuracies = (.5,) * 100
  results = replace(example(1), dataset=dataset, forget_classes=(7, 93), rows=tuple(
      replace(row, per_class=(*accuracies[:41], .2, *accuracies[42:])
              if row.method == 'unsc' else accuracies) for row in example(1).rows))
  texts = html_reader.texts(figures.per_class(results, 'unsc'))
  assert {'✕ c7', '✕ c93', 'c41'} <= set(texts)
  assert len([t for t in texts if re.fullmatch('(✕ )?c[0-9]+', t)]) == 20


@pytest.mark.parametrize('rank', [1, 4, 8])
def test_spectrum_tells_kept_from_free(rank):
  values = 8., 4., 2., 1., .5, .25, .125, .0625
  plot = figures.spectrum(report.Layer(path='a', rank=rank, eigenvalues=values))
  texts = html_reader.texts(plot)
  assert (f'{8 - rank} free' in texts) == (rank < 8)
  assert f'{rank} kept' in texts
  share = 100 * sum(values[:rank]) / sum(values)
  assert f'{share:.2f}\u00a0%' in plot.text


def test_what_is_kept_lies_left_of_the_line_and_what_is_free_right(example):
  plot = figures.spectrum(example().layers[3])
  def across(style):
    path, = [path for path in html_reader.tree(plot).iter('path')
             if style in path.get('style', '') and path.get('clip-path')]
    return [float(x) for x in re.findall(r'[ML] (\S+) \S+', path.get('d'))]
  line, = set(across('stroke: var(--ink)'))
  kept, free = across('stroke: #0072b2'), across('stroke: #e69f00')
  assert min(kept) < max(kept) == pytest.approx(line, abs=.02)
  assert max(free) > min(free) == pytest.approx(line, abs=.02)


def test_a_layer_without_room_is_named(example):
  results = example(1)
  assert 'The tightest layer is conv1' in figures.free_directions(results).text
  full = replace(results.layers[2], rank=1728)
  text = figures.free_directions(replace(results, layers=(*results.layers, full))).text
  assert 'No direction is free in conv3/kernel, which cannot change' in text


def test_classes_that_all_stayed_are_not_ranked(example):
  results = examples.edit(example(1), per_class=(1.,) * 10)
  assert 'all changed by 0 points' in figures.per_class(results, 'unsc').text


@pytest.mark.parametrize('values', [(0., 0.), (None, None), (float('nan'),) * 2])
def test_a_dead_layer_has_no_spectrum(values):
  assert figures.spectrum(report.Layer(path='a', rank=1, eigenvalues=values)) is None


def test_figures_without_data_are_left_out(example):
  results = example(1, quick=True)
  assert figures.free_directions(results) is None
  assert figures.energy_curve(results) is None
  assert figures.trade_off(results) is None
  assert figures.loss(results, 'unsc') is None
  assert figures.wall_time(results) is None
  assert figures.per_class(results, 'salun') is None


def _curve(results, **metrics):
  """Results whose curve has other metrics at every point."""
  return replace(results, curve=tuple(
      replace(point, metrics={**point.metrics, **metrics}) for point in results.curve))


def test_a_curve_may_lack_what_was_not_measured(example):
  results = _curve(example(1), probe=None, layer_drift=None)
  assert 'linear probe' not in html_reader.texts(figures.energy_curve(results))
  assert figures.trade_off(results) is None


def test_a_curve_is_told_by_what_it_draws(example):
  results = _curve(example(1), retain_train=.9, flips=.01, leak=1e-7)
  text = figures.energy_curve(results).text.replace('\u00a0', ' ')
  assert text.startswith(
      'At energy 90 %: logit drift 19 %, layer drift 30 %, retain accuracy (test) '
      '94.5 %, linear probe 63.4 % and forget accuracy (test) 0.2 %.')


def test_a_loss_below_zero_is_in_sight(example):
  results = examples.edit(example(1), 'unsc', history={
      'loss': (-1., -2., float('nan'), None, -4.)})
  assert '−4' in ' '.join(html_reader.texts(figures.loss(results, 'unsc')))


def test_a_long_history_is_averaged_not_thinned(example):
  results = examples.edit(example(1), 'unsc', history={
      'loss': tuple(np.random.default_rng(0).gamma(2, 1, 9999))})
  plot = figures.loss(results, 'unsc')
  assert 'mean of 67 steps' in plot.text
  assert len(plot.svg) < 40_000


@pytest.mark.parametrize('window', [1, 7, 50, 400])
def test_windows_keep_the_mean(window):
  values = np.random.default_rng(0).normal(size=350)
  x, y = window_means(values, window)
  chunks = [values[i:i + window] for i in range(0, 350, window)]
  np.testing.assert_allclose(y, [np.mean(chunk) for chunk in chunks])
  np.testing.assert_allclose(x, [np.mean(np.arange(i, i + len(chunk))) + 1
                                 for i, chunk in zip(range(0, 350, window), chunks)])


@pytest.mark.parametrize('name', ['<b>&', 'a $x^2$ and $', '汉字', 'x' * 80])
def test_names_are_drawn_as_they_are(example, name):
  results = example(1)
  results = replace(
      results, layers=(replace(results.layers[0], path=name),), dataset=replace(
          results.dataset, class_names=(name, *results.dataset.class_names[1:])))
  classes = figures.per_class(results, 'unsc')
  for plot in (classes, figures.spectrum(results.layers[0]), figures.free_directions(results)):
    assert html_reader.tree(plot) is not None
  if len(name) < 20:
    assert name in html_reader.texts(classes)


def test_a_figure_is_the_same_every_time(example):
  first, second = ((plot.title, plot.text, plot.svg) for plot in (
      figures.per_class(example(), 'unsc') for _ in range(2)))
  assert first == second
