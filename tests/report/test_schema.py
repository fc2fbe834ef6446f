"""One clear sentence for every way in which results can be wrong."""

import copy

import pytest

from unsc_jax import report


def _with(results, path, value):
  """Results with one entry replaced, or taken out by `...`."""
  results = copy.deepcopy(results)
  at = results
  for step in path[:-1]:
    at = at[step]
  if value is ...:
    del at[path[-1]]
  else:
    at[path[-1]] = value
  return results


def test_results_are_taken_with_nulls_and_further_keys(example):
  results = _with(example(), ('curve',), None)
  results = _with(results, ('layers',), [])
  results['rows'][0]['per_class'][0] = None
  results['rows'][0]['metrics']['roc'] = .5
  report.validate({**results, 'note': 'mine'})


@pytest.mark.parametrize('nothing', [None, [], 'text', {}, {'rows': []}])
def test_what_are_no_results_is_named_so(nothing):
  with pytest.raises(ValueError, match='these are no results'):
    report.validate(nothing)


@pytest.mark.parametrize('version', [0, 2, '1', None])
def test_another_version_is_named_with_ours(example, version):
  with pytest.raises(ValueError, match=f'schema {version!r}, .* reads schema 1'):
    report.validate(_with(example(), ('schema',), version))


@pytest.mark.parametrize('path', [
    ('experiment',), ('created',), ('command',), ('config',), ('dataset',),
    ('dataset', 'name'), ('dataset', 'sizes'), ('dataset', 'sizes', 'test'),
    ('dataset', 'sha256'), ('forget_classes',), ('environment',), ('methods',),
    ('rows',), ('rows', 4, 'seed'), ('rows', 4, 'metrics'), ('layers',),
    ('layers', 2, 'rank'), ('curve',), ('curve', 1, 'energy')])
def test_what_is_missing_is_named_by_its_path(example, path):
  with pytest.raises(ValueError) as error:
    report.validate(_with(example(), path, ...))
  name = ''.join(f'[{p}]' if isinstance(p, int) else f'.{p}' for p in path)
  assert str(error.value).startswith(f'{name[1:]} is missing;')
  assert str(error.value).endswith('run the experiment again.')
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(('path', 'value', 'said'), [
    (('rows', 0, 'metrics', 'probe'), 'high', r'rows\[0\].metrics is {'),
    (('rows', 0, 'metrics', 'probe'), 62.6, r'rows\[0\].metrics.probe is 62.6, not a'),
    (('rows', 0, 'per_class'), [.5] * 9, 'has 9 accuracies for 10 classes'),
    (('rows', 0, 'per_class', 3), 84., 'per_class is .*not a list of numbers from 0'),
    (('rows', 0, 'method'), 'salun', "'salun', which methods does not name"),
    (('rows', 4, 'seed'), 0, "second row of 'original' with seed 0"),
    (('rows', 1, 'seconds'), {'training': -1.}, 'an object of seconds'),
    (('methods',), ['original', 'retrain', 'head_only', 'unsc', 'rbm'],
     "names 'rbm', but no row is of it"),
    (('methods',), ['original', 'original'], 'names a method twice'),
    (('forget_classes',), [10], r'names \[10\], but classes are numbered 0 to 9'),
    (('dataset', 'class_names'), ['cat'], 'has 1 names for 10 classes'),
    (('dataset', 'num_classes'), True, 'is True, not a whole number above 0'),
    (('dataset', 'sizes'), [1, 2, 3], r'dataset.sizes is \[1, 2, 3\], not an object'),
    (('layers', 0, 'rank'), 999, 'is 999, but there are 27 eigenvalues'),
    (('curve',), {'energy': .9}, 'curve is .*, not a list'),
    (('rows',), None, 'rows is None, not a list'),
    (('rows', 0, 'limits'), {'relearn_steps': 'forty'}, 'not an object of numbers'),
    (('environment', 'jax'), ..., 'environment.jax is missing'),
    (('config', 'seeds'), [], r'config.seeds is \[\], not a list of at least one'),
    (('config', 'seeds'), ..., 'config.seeds is missing'),
])
def test_what_is_wrong_is_named_with_its_value(example, path, value, said):
  with pytest.raises(ValueError, match=said):
    report.validate(_with(example(), path, value))


def test_everything_that_a_page_can_show_is_taken(full):
  report.validate(full())
  results = full()
  for name in results['pictures']:
    report.validate(_with(results, ('pictures', name), None))
    report.validate(_with(results, ('pictures', name), ...))
  report.validate(_with(results, ('rows', 0, 'intervals', 'probe'), [None, None]))
  report.validate(_with(results, ('rows', 0, 'intervals'), ...))
  report.validate(_with(results, ('dataset', 'class_counts'), None))


@pytest.mark.parametrize(('path', 'value', 'said'), [
    (('rows', 0, 'intervals', 'probe'), [.7, .6], r'rows\[0\].intervals is .* pairs'),
    (('rows', 0, 'intervals', 'probe'), .6, r'rows\[0\].intervals is .* pairs'),
    (('dataset', 'class_counts', 'test'), [1] * 9, 'has 9 counts for 10 classes'),
    (('dataset', 'class_counts', 'test'), [-1] * 10, 'not a list of whole numbers'),
    (('dataset', 'class_counts', 'train'), ..., 'dataset.class_counts.train is missing'),
    (('pictures',), [], r'pictures is \[\], not an object'),
    (('pictures', 'confusion', 'unsc'), [[1, 2], [3]], 'all of one length'),
    (('pictures', 'confusion', 'unsc'), [[1, 2], [3, 4]], 'is 2 x 2 for 10 classes'),
    (('pictures', 'confusion', 'ssd'), [[1]], "names 'ssd', which methods does not"),
    (('pictures', 'losses', 'edges'), [0., 2., 1.], 'each larger than the one before'),
    (('pictures', 'losses', 'counts', 'unsc', 'forget'), [.5, .5],
     'pictures.losses.counts.unsc.forget has 2 entries for 25 bins'),
    (('pictures', 'losses', 'counts', 'unsc', 'unseen'), ...,
     'pictures.losses.counts.unsc.unseen is missing'),
    (('pictures', 'feature_map', 'labels'), [10] * 400, 'names a class that is not'),
    (('pictures', 'feature_map', 'points', 'unsc'), [[0., 1.]],
     'has 1 entries for 400 labels'),
    (('pictures', 'feature_map', 'points', 'unsc'), [[0.]], 'not a list of pairs'),
    (('pictures', 'contours', 'along'), [0., 1.],
     'contours.losses.in_null_space.forget is 13 x 13 for 2 steps'),
    (('pictures', 'contours', 'losses', 'in_null_space', 'retain'), [1.],
     'not a list of lists'),
    (('pictures', 'relearn', 'accuracy', 'unsc'), [84.] * 21, 'numbers from 0 to 1'),
    (('pictures', 'relearn', 'steps'), [0, 1], 'has 21 entries for 2 steps'),
    (('pictures', 'relearn', 'target'), 'high', "is 'high', not a number or null"),
])
def test_what_is_wrong_in_a_picture_is_named_in_a_sentence(full, path, value, said):
  with pytest.raises(ValueError, match=said) as error:
    report.validate(_with(full(), path, value))
  assert str(error.value).endswith('or run the experiment again.')
  assert '\n' not in str(error.value)
