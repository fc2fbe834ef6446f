"""The page: well formed, whole in itself, and true to the numbers."""

import contextlib
from dataclasses import replace
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.report import examples
from tests.report import html_reader
from unsc_jax import report


@pytest.fixture(scope='module', params=[1, 3], ids=['one seed', 'three seeds'])
def made(request, example):
  """Drawn for several seeds alone: one figure is drawn like the other."""
  results = example(request.param)
  with examples.undrawn() if request.param == 1 else contextlib.nullcontext():
    text = report.render(results)
  return results, text, html_reader.Reader(text)


def test_is_well_formed_html(made):
  _, text, reader = made
  assert text.startswith('<!DOCTYPE html>')
  assert reader.open == []
  assert [reader.counts[tag] for tag in ('html', 'head', 'body', 'main', 'h1')] == (
      [1] * 5)
  ids = reader.values('id')
  assert len(ids) == len(set(ids))


def test_links_and_labels_lead_somewhere_on_the_page(made):
  _, _, reader = made
  ids = set(reader.values('id'))
  led = [value for _, key, value in reader.attributes
         if key in ('href', 'aria-labelledby', 'aria-describedby')
         and value != 'data:,']
  assert led
  assert {value.removeprefix('#') for value in led} <= ids


def test_needs_nothing_from_outside(made):
  _, text, reader = made
  assert not {'script', 'iframe', 'object', 'embed', 'base'} & set(reader.counts)
  for _, key, value in reader.attributes:
    if key in ('src', 'href', 'srcset', 'action', 'poster', 'data', 'xlink:href'):
      assert value.startswith('#') or value == 'data:,'
    assert not re.match(r'\s*(https?:)?//', value or '')
  assert '@import' not in text
  assert set(re.findall(r'url\((.)', text)) <= {'#'}
  assert "default-src 'none'" in text


def test_every_figure_has_a_text_alternative(made):
  _, text, reader = made
  pictures = re.findall(r'<svg.*?</svg>', text, flags=re.DOTALL)
  assert len(pictures) == reader.counts['figure'] == 16
  for picture in pictures:
    assert re.match(r'<svg role="img" [^>]*><title [^>]*>[^<]{8,}</title>'
                    r'<desc [^>]*>[^<]{20,}</desc>', picture)


def _column(results, method, key):
  return np.array([row.metrics[key] for row in results.rows_of(method)])


def _table(reader, first):
  """The table of all measures whose first measure is this one."""
  table, = [table for table in reader.tables if table[0][:2] == [['Method'], [first]]]
  return table


def test_numbers_of_the_table_are_numpys(made):
  results, _, reader = made
  table = _table(reader, 'Forget accuracy (test)')
  columns = {'Forget accuracy (test)': 'forget_test',
             'Retain accuracy (test)': 'retain_test',
             'Forget accuracy (train)': 'forget_train',
             'Retain accuracy (train)': 'retain_train'}
  assert [''.join(cell) for cell in table[0]] == ['Method', *columns]
  assert [row[0][0] for row in table[1:]] == [
      'Original', 'Retrained', 'Head-only', 'UNSC']
  for method, row in zip(results.methods, table[1:], strict=True):
    for key, cell in zip(columns.values(), row[1:], strict=True):
      values = 100 * _column(results, method, key)
      expected = f'{values.mean():.1f}'
      if len(values) > 1:
        expected += f' ± {values.std(ddof=1):.1f}'
      assert cell[0].replace('\u00a0', ' ') == f'{expected} %'
      if method == 'retrain':
        assert cell[1:] == ['the reference']
        continue
      gap = values.mean() - 100 * _column(results, 'retrain', key).mean()
      shown, band = re.fullmatch(r'(\S+) \(± (\S+)\)', cell[1]).groups()
      shown = float(shown.replace('−', '-'))
      assert abs(shown - gap) <= (.0501 if abs(gap) >= 1 else .00501)
      if len(values) > 2 and key == 'probe':
        spread = 100 * _column(results, 'retrain', key).std(ddof=1)
        assert abs(float(band) - 4.3027 * spread * np.sqrt(4 / 3)) < .051


def test_flags_follow_the_numbers(made):
  _, _, reader = made
  rows = {row[0][0]: row[1:] for row in _table(reader, 'Forget accuracy (test)')[1:]}
  assert '▲ knowledge left' in rows['Original'][0]
  probe = next(row for row in _table(reader, 'Linear probe') if row[0][0] == 'UNSC')[1]
  assert {'▲ knowledge left', '= ties with head-only'} <= set(probe)
  assert '= ties with head-only' in rows['UNSC'][1]
  assert not any('= ties with head-only' in cell for cell in rows['Original'])


def test_the_first_table_has_the_status_and_six_columns_of_numpys_numbers(made):
  results, _, reader = made
  head, *rows = reader.tables[0]
  columns = {'Forget accuracy (test)': 'forget_test', 'Retain accuracy (test)': 'retain_test',
             'Linear probe': 'probe', 'Logit drift': 'logit_drift'}
  assert [cell[0] for cell in head] == ['Method', 'Status', *columns, 'Time']
  assert [cell[1:] for cell in head[2:5]] == [['head-only passes'], [], ['can tell']]
  assert [row[0][0] for row in rows] == ['UNSC', 'Original', 'Retrained', 'Head-only']
  at_the_output = ['◐ Forgotten at the output only']
  assert [row[1] for row in rows] == [
      at_the_output, ['✕ Not forgotten'], ['the reference'], at_the_output]
  mine = rows[0]
  for key, cell in zip(columns.values(), mine[2:6], strict=True):
    values = 100 * _column(results, 'unsc', key)
    shown = float(cell[0].split('\u00a0')[0])
    assert abs(shown - values.mean()) <= .0501
    if key != 'logit_drift':
      gap = values.mean() - 100 * _column(results, 'retrain', key).mean()
      number = cell[1].split(' ')[0].replace('−', '-')
      assert abs(float(number) - gap) <= (.0501 if abs(gap) >= 1 else .00501)
  assert '▲ =' in mine[4][1]
  assert re.search('0.0[0-9]+ × retraining', mine[6][1])


def test_every_measure_is_explained_without_a_mouse(made):
  results, text, reader = made
  for key in results.rows[0].metrics:
    assert f'popovertarget="tip-{key}"' in text
    tip = re.search(f'<div id="tip-{key}" class="tip" popover="auto">(.*?)</div>',
                    text)[1]
    assert '<b>Over-unlearning:</b>' in tip
    entry = re.search(f'<dt id="metric-{key}">.*?</dt><dd>(.*?)</dd>', text)[1]
    assert '<b>Good:</b>' in entry
    assert '<b>Over-unlearning:</b>' in entry


def test_speed_up_is_over_retraining(made):
  results, text, _ = made
  seconds = lambda method: np.mean(
      [sum(row.seconds.values()) for row in results.rows_of(method)])
  assert f'{seconds("retrain") / seconds("unsc"):.0f}×' in text


def test_what_is_slower_than_retraining_is_called_so(example, undrawn):
  results = example(1, quick=True)
  for method, seconds in (('retrain', 10.), ('unsc', 40.)):
    results = examples.edit(results, method, seconds={'steps': seconds})
  assert '0.25×, slower' in report.render(results)


def test_says_how_it_was_made(made):
  results, text, _ = made
  for said in (results.command, results.dataset.sha256, results.created,
               'jax 0.10.2', '2 CPU cores', '1 × cpu',
               ', '.join(map(str, results.config['seeds']))):
    assert said in text


def test_the_answers_come_first(made):
  _, text, _ = made
  assert re.findall('<dt>([^<]*)</dt>', text)[:6] == [
      'Asked', 'Forgotten?', 'Harmed?', 'Cost', 'How sure?', 'Next']
  headings = re.findall(r'<h2[^>]*>([^<]*)', text)
  assert headings == [
      'In short', 'Methods side by side', 'All gaps', 'What was found, method by method',
      'All measures in numbers', 'Class by class', 'Room in the layers',
      'Tighter and looser protection', 'Loss while unlearning', 'Wall time',
      'What the measures mean', 'How it was made']


def test_a_bare_run_has_a_page_too(example):
  """No reference, no control, no layers, no times, one class of no images."""
  results = replace(examples.keep(example(1, quick=True), 'unsc'),
                    config={'seeds': [0]}, environment={'jax': '0.10.2'})
  row, = results.rows
  results = replace(results, rows=(replace(
      row, metrics={'probe': float('nan')}, per_class=(.5,) * 4 + (None,) * 6),))
  text = report.render(results)
  assert html_reader.Reader(text).open == []
  assert 'no verdict without a retrained model' in text
  assert 'not a number' in text
  for absent in ('Room in the layers', 'Wall time', 'Loss while unlearning'):
    assert absent not in text


def test_text_from_results_is_not_taken_for_html(example, undrawn):
  evil = '"><script>alert(1)</script>&amp;'
  results = examples.edit(example(1), metrics={evil: 1.}, seconds={evil: 1.})
  text = report.render(replace(
      examples.add(results, evil, like='unsc'), experiment=evil, command=evil,
      created=evil, dataset=replace(
          results.dataset, name=evil, sha256=evil, class_names=(evil,) * 10),
      config={**results.config, evil: evil},
      environment={**results.environment, evil: evil, 'device_kind': evil},
      layers=(replace(results.layers[0], path=evil),)))
  reader = html_reader.Reader(text)
  assert reader.open == []
  assert 'script' not in reader.counts


def test_results_are_left_as_they_were_and_give_the_same_page(example, undrawn):
  results = example(1, quick=True)
  assert report.render(results) == report.render(results)
  assert results == example(1, quick=True)


def test_the_library_itself_does_not_import_it():
  code = ('import sys, unsc_jax, unsc_jax.methods, unsc_jax.evaluation;'
          'sys.exit("matplotlib" in sys.modules or "unsc_jax.report" in sys.modules)')
  assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


def test_the_interval_of_one_seed_is_shown(example, undrawn):
  results = examples.edit(
      example(1, quick=True), 'unsc', intervals={'probe': (.61, .68)})
  assert '[61.0\u00a0% to 68.0\u00a0%]' in report.render(results)


def test_networks_retrained_besides_are_not_seeds(example, undrawn):
  results = example(seeds=1)
  further, = results.rows_of('retrain')
  text = report.render(replace(
      results, rows=(*results.rows, replace(further, seed=1000))))
  assert '1 seed' in text
  assert '2 seeds' not in text
