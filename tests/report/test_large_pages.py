"""Pages of everything, of many methods and of many classes."""

from dataclasses import replace
import re

from tests.report import examples
from tests.report import html_reader
from unsc_jax import report


def test_every_measure_and_picture_has_its_place(full, undrawn):
  results = full()
  text = report.render(results)
  reader = html_reader.Reader(text)
  assert reader.open == []
  ids = reader.values('id')
  assert len(ids) == len(set(ids))
  for name in ('gaps', 'called', 'confusion', 'class-scatter', 'losses',
               'feature-map', 'relearn', 'contours'):
    assert f'{name}-title' in ids
  assert set(reader.values('popovertarget')) <= set(ids)
  assert set(reader.values('popovertarget')) == {
      f'tip-{key}' for key in results.rows[0].metrics}
  assert reader.counts['details'] >= 3
  assert re.search('Like retrained on [0-9]+ of [0-9]+ measures that can tell', text)


def test_many_methods_are_folded_and_none_is_lost(full, undrawn):
  results = replace(examples.edit(full(), history={}, relearning=None),
                    layers=(), curve=(), pictures=report.Pictures())
  for i in range(8):
    results = examples.add(results, f'method_{i}', like='salun')
  text = report.render(results)
  assert html_reader.Reader(text).open == []
  folded = re.findall(r'<summary>([^<:]*): [a-z ]*\. Like retrained', text)
  assert len(folded) == 11
  assert 'The same for 8 further methods' in text


def test_a_hundred_classes_do_not_explode(full):
  few = examples.keep(full(classes=100), 'original', 'retrain', 'unsc')
  text = report.render(replace(few, layers=(), curve=()))
  assert len(text) < 900_000
  assert 'True and predicted class' not in text
  reader = html_reader.Reader(text)
  accuracies, = [rows for rows in reader.tables if rows[0][0] == ['Class']]
  assert len(accuracies) == 101
