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
])
def test_what_is_wrong_is_named_with_its_value(example, path, value, said):
  with pytest.raises(ValueError, match=said):
    report.validate(_with(example(), path, value))
