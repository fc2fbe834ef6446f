"""Results are read as they were written; whatever is wrong is one clear sentence."""

import copy
import dataclasses
import json
import pathlib

import msgspec
import numpy as np
import pytest

from unsc_jax.report import files
from unsc_jax.report import migrations
from unsc_jax.report import results as results_lib

DOCS = pathlib.Path(__file__).parents[2] / 'docs'
COMMITTED = sorted([*DOCS.glob('examples/*/results.json'),
                    *DOCS.glob('results/compare-*.json')])


@pytest.fixture(scope='module')
def plain(full):
  """What JSON has of results with everything that a page can show."""
  return json.loads(msgspec.json.encode(full()))


def _with(plain, path, value):
  """Results with one entry replaced, or taken out by `...`."""
  plain = at = copy.deepcopy(plain)
  for step in path[:-1]:
    at = at[step]
  if value is ...:
    del at[path[-1]]
  else:
    at[path[-1]] = value
  return plain


def test_what_is_written_is_read(full, tmp_path):
  path = tmp_path / 'results.json'
  files.write(path, full())
  assert files.read(path) == full()
  assert files.read(path.read_bytes()) == full()


def test_what_is_not_a_number_is_written_as_null_and_arrays_as_lists(full, tmp_path):
  row = dataclasses.replace(
      full().rows[0], metrics={'probe': np.float32('nan'), 'klom': float('inf')},
      history={'loss': np.array([.5, np.nan])}, per_class=[float('nan')] * 10)
  files.write(tmp_path / 'results.json', dataclasses.replace(
      full(), rows=(row, *full().rows[1:])))
  row = files.read(tmp_path / 'results.json').rows[0]
  assert row.metrics == {'probe': None, 'klom': None}
  assert row.history == {'loss': [.5, None]}
  assert row.per_class == [None] * 10


@pytest.mark.parametrize('path', COMMITTED, ids=lambda path: path.parent.name + path.stem)
def test_committed_results_are_read_whole(path, tmp_path):
  raw = json.loads(path.read_bytes())
  results = files.read(path)
  assert raw['schema'] == results.schema == migrations.NEWEST == results_lib.SCHEMA
  assert [len(results.rows), len(results.layers), len(results.curve)] == [
      len(raw[part] or ()) for part in ('rows', 'layers', 'curve')]
  for old, new in zip(raw['rows'], results.rows):
    assert new.metrics == old['metrics']
    assert (new.relearning is None) == (old.get('relearning') is None)
  for old, new in zip(raw['layers'], results.layers):
    directions = len(old['eigenvalues'])
    assert (new.fan_in, new.free) == (directions, directions - old['rank'])
  files.write(tmp_path / 'again.json', results)
  assert files.read(tmp_path / 'again.json') == results


def test_results_are_taken_with_nulls_and_further_keys(plain):
  for part in plain['pictures']:
    files.parse(_with(plain, ('pictures', part), ...))
  for path, value in (
      (('rows', 0, 'per_class', 0), None), (('rows', 0, 'metrics', 'roc'), .5),
      (('rows', 0, 'intervals', 'probe'), [None, None]), (('rows', 0, 'intervals'), ...),
      (('dataset', 'class_counts'), None), (('layers',), ...), (('note',), 'mine')):
    files.parse(_with(plain, path, value))


@pytest.mark.parametrize('nothing', [None, [], 'text', {}, {'rows': []}])
def test_what_are_no_results_is_named_so(nothing):
  with pytest.raises(ValueError, match='these are no results'):
    files.parse(nothing)


@pytest.mark.parametrize('version', [0, 1, migrations.NEWEST + 1, '1', True, None])
def test_another_version_is_named_with_ours(plain, version):
  with pytest.raises(
      ValueError, match=f'schema {version!r}, .* schemas 2 to {migrations.NEWEST};'):
    files.parse({**plain, 'schema': version})


@pytest.mark.parametrize('damage', [{'curve': [{}]}, {'pictures': 7},
                                    {'pictures': {'contours': [1]}}])
def test_damaged_results_of_an_older_schema_are_one_sentence(plain, damage):
  with pytest.raises(ValueError, match='correct it in the results, or run the exp') as error:
    files.parse({**plain, **damage, 'schema': 2})
  assert str(error.value).count('\n') == 0


def test_results_of_an_older_schema_are_read(plain):
  assert files.parse({**plain, 'schema': 2}) == files.parse(plain)


def test_forgotten_classes_are_counted_in_older_results(plain):
  older = _with(_with(plain, ('dataset', 'sizes', 'forget'), ...), ('forget_classes',), [6, 2])
  counts = plain['dataset']['class_counts']['train']
  assert files.parse({**older, 'schema': 3}).dataset.sizes.forget == counts[6] + counts[2]
  single = _with(older, ('forget_classes',), [])
  assert files.parse({**single, 'schema': 3}).dataset.sizes.forget is None


@pytest.mark.parametrize('path', [
    ('experiment',), ('created',), ('command',), ('config',), ('dataset',),
    ('config', 'seeds'), ('environment', 'jax'), ('dataset', 'name'),
    ('dataset', 'sizes'), ('dataset', 'sizes', 'test'), ('dataset', 'sha256'),
    ('dataset', 'class_counts', 'train'), ('forget_classes',), ('environment',),
    ('methods',), ('rows',), ('rows', 4, 'seed'), ('rows', 4, 'metrics'),
    ('layers', 2, 'rank'), ('curve', 1, 'energy'), ('pictures', 'losses', 'edges')])
def test_what_is_missing_is_named_by_its_path(plain, path):
  with pytest.raises(ValueError) as error:
    files.parse(_with(plain, path, ...))
  name = ''.join(f'[{p}]' if isinstance(p, int) else f'.{p}' for p in path)
  assert str(error.value).startswith(f'{name[1:]} is missing;')
  assert str(error.value).endswith('run the experiment again.')
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(('path', 'value', 'said'), [
    (('rows', 0, 'metrics', 'probe'), 'high', r'rows\[0\].metrics\[...\] is wrong: .*str'),
    (('rows', 0, 'metrics', 'probe'), 62.6, r'rows\[0\].metrics.probe is 62.6, not a'),
    (('rows', 0, 'per_class'), [.5] * 9, 'has 9 accuracies for 10 classes'),
    (('rows', 0, 'per_class', 3), 84., r'rows\[0\].per_class\[3\] is 84.0: .* <= 1'),
    (('rows', 0, 'method'), 'rbm', r"rows\[0\].method is 'rbm', which methods does not"),
    (('rows', 6, 'seed'), 0, r"rows\[6\] is a second row of 'original' with seed 0"),
    (('rows', 1, 'seconds'), {'training': -1.}, r'seconds.training is -1.0, not a'),
    (('rows', 0, 'limits'), {'relearn_steps': 'forty'}, r'limits\[...\] is wrong'),
    (('rows', 0, 'intervals', 'probe'), [.7, .6], r'rows\[0\].intervals.probe is .*low end'),
    (('rows', 0, 'intervals', 'probe'), .6, r'rows\[0\].intervals\[...\] is wrong'),
    (('rows', 0, 'relearning', 'steps'), [0, 1], r'relearning.accuracy has 21 .* 2 steps'),
    (('rows', 0, 'relearning', 'steps', 1), 0, 'relearning.steps has a number .* no larger'),
    (('rows', 0, 'relearning', 'accuracy', 1), 84., 'accuracy has a number .* not from 0'),
    (('rows', 0, 'relearning', 'target'), 'high', r"relearning.target is 'high': expected"),
    (('rows',), None, 'rows is None: expected `array`'),
    (('methods',), ['original', 'original'], 'methods names a method twice'),
    (('methods', 5), 'rbm', 'which methods does not name'),
    (('forget_classes',), [10], r'names \[10\], but classes are numbered 0 to 9'),
    (('dataset', 'class_names'), ['cat'], 'dataset.class_names has 1 .* for 10 classes'),
    (('dataset', 'num_classes'), True, 'is True: expected `int`, got `bool`'),
    (('dataset', 'num_classes'), 0, 'is 0: expected `int` >= 1'),
    (('dataset', 'sizes'), [1, 2, 3], r'dataset.sizes is \[1, 2, 3\]: expected `object`'),
    (('dataset', 'class_counts', 'test'), [1] * 9, 'class_counts.test has 9 .* 10 classes'),
    (('dataset', 'class_counts', 'test', 0), -1, r'test\[0\] is -1: expected `int` >= 0'),
    (('layers', 0, 'rank'), 999, r'layers\[0\].rank is 999, but there are 27 eigenvalues'),
    (('curve',), {'energy': .9}, 'curve is .*: expected `array`'),
    (('config', 'seeds'), [], 'config.seeds is missing'),
    (('pictures',), [], r'pictures is \[\]: expected `object`'),
    (('pictures', 'confusion', 'unsc'), [[1, 2], [3]], 'confusion.unsc is not 10 x 10'),
    (('pictures', 'confusion', 'ssd'), [[1]], "confusion names 'ssd', which methods"),
    (('pictures', 'losses', 'edges', 2), 0., 'pictures.losses.edges has .* no larger'),
    (('pictures', 'losses', 'counts', 'unsc', 'forget'), [.5, .5],
     'pictures.losses.counts.unsc.forget has 2 entries for 25 bins'),
    (('pictures', 'losses', 'counts', 'unsc', 'unseen'), ...,
     r'pictures.losses.counts\[...\].unseen is missing'),
    (('pictures', 'feature_map', 'labels'), [10] * 400, 'names a class that is not'),
    (('pictures', 'feature_map', 'points', 'unsc'), [[0., 1.]],
     'pictures.feature_map.points.unsc has 1 entries for 400 labels'),
    (('pictures', 'feature_map', 'points', 'unsc'), [[0.]], 'wrong: .* length 2'),
    (('pictures', 'contours', 'along'), [0., 1.],
     'pictures.contours.in_null_space.forget is not 2 x 2 for 2 steps'),
    (('pictures', 'contours', 'in_null_space', 'retain'), [1.], r'retain\[0\] is 1.0: .*array'),
])
def test_what_is_wrong_is_named_with_its_value(plain, path, value, said):
  with pytest.raises(ValueError, match=said) as error:
    files.parse(_with(plain, path, value))
  assert str(error.value).endswith('or run the experiment again.')
  assert '\n' not in str(error.value)


@pytest.mark.parametrize('text', [b'{"schema": 1, ', b'\xff\xfe\x00', b''])
def test_what_is_not_json_is_named_with_its_file(tmp_path, text):
  (tmp_path / 'results.json').write_bytes(text)
  with pytest.raises(ValueError, match=r'results.json: this is not JSON .*wrote\.$'):
    files.read(tmp_path / 'results.json')
