"""What a results.json holds, and one sentence where it holds something else.

`C` classes, `d` fan-in, `S` seeds. A measured number may be null where it does
not apply. More keys than these are welcome everywhere.
"""

from collections.abc import Callable, Mapping
import math
import numbers
from typing import Any, NamedTuple, NoReturn

from unsc_jax.report import metrics as metrics_lib

SCHEMA = 1


def validate(results: Any) -> None:
  """Checks that a page can be made of some results.

  Args:
    results: what an experiment wrote as results.json.

  Raises:
    ValueError: it is of another schema, or something is missing or wrong; one
      sentence names it and the way out.

  Example:
    >>> validate({'schema': 7})
    Traceback (most recent call last):
      ...
    ValueError: the results are of schema 7, and this version of unsc_jax reads
    schema 1; make the page with the version that made the results, or run the
    experiment again.
  """
  if not isinstance(results, Mapping) or 'schema' not in results:
    raise ValueError(
        'these are no results: they lack the key "schema"; give the '
        'results.json that an experiment wrote.')
  if results['schema'] != SCHEMA:
    raise ValueError(
        f'the results are of schema {results["schema"]!r}, and this version of '
        f'unsc_jax reads schema {SCHEMA}; make the page with the version that '
        'made the results, or run the experiment again.')
  _object(results, '', _RESULTS)
  data = results['dataset']
  classes = data['num_classes']
  if len(data['class_names']) != classes:
    _wrong('dataset.class_names', f'has {len(data["class_names"])} names for '
           f'{classes} classes')
  if not all(0 <= c < classes for c in results['forget_classes']):
    _wrong('forget_classes', f'names {results["forget_classes"]}, but classes '
           f'are numbered 0 to {classes - 1}')
  _check_rows(results, classes)
  for i, layer in enumerate(results['layers']):
    if not 1 <= layer['rank'] <= len(layer['eigenvalues']):
      _wrong(f'layers[{i}].rank', f'is {layer["rank"]}, but there are '
             f'{len(layer["eigenvalues"])} eigenvalues')


def _check_rows(results: Mapping, classes: int) -> None:
  methods, seen = results['methods'], set()
  if len(set(methods)) != len(methods):
    _wrong('methods', 'names a method twice')
  for i, row in enumerate(results['rows']):
    name, seed = row['method'], row['seed']
    if name not in methods:
      _wrong(f'rows[{i}].method', f'is {name!r}, which methods does not name')
    if (name, seed) in seen:
      _wrong(f'rows[{i}]', f'is a second row of {name!r} with seed {seed}')
    seen.add((name, seed))
    for key, value in row['metrics'].items():
      if metrics_lib.describe(key).images and not _accuracy(value):
        _wrong(f'rows[{i}].metrics.{key}',
               f'is {value!r}, not a number from 0 to 1 or null')
    if len(row['per_class']) != classes:
      _wrong(f'rows[{i}].per_class', f'has {len(row["per_class"])} accuracies '
             f'for {classes} classes')
  for name in methods:
    if not any(row['method'] == name for row in results['rows']):
      _wrong('methods', f'names {name!r}, but no row is of it')


class _Kind(NamedTuple):
  """A type of value, in words."""
  words: str
  test: Callable[[Any], bool]


def _number(value: Any) -> bool:
  return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _whole(value: Any) -> bool:
  return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _measured(value: Any) -> bool:
  return value is None or _number(value)


def _accuracy(value: Any) -> bool:
  return value is None or (
      _number(value) and (math.isnan(value) or 0 <= value <= 1))


def _each(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
  return lambda value: isinstance(value, list | tuple) and all(map(test, value))


def _values(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
  return lambda value: isinstance(value, Mapping) and all(
      map(test, value.values()))


_TEXT = _Kind('a text', lambda v: isinstance(v, str))
_WHOLE = _Kind('a whole number', _whole)
_COUNT = _Kind('a whole number above 0', lambda v: _whole(v) and v > 0)
_MEASURED = _Kind('a number or null', _measured)
_ACCURACY = _Kind('a number from 0 to 1 or null', _accuracy)
_MAPPING = _Kind('an object', lambda v: isinstance(v, Mapping))
_TEXTS = _Kind('a list of texts', _each(_TEXT.test))
_CLASSES = _Kind('a list of class numbers', _each(_whole))
_ACCURACIES = _Kind('a list of numbers from 0 to 1', _each(_accuracy))
_SERIES = _Kind('a list of numbers', _each(_measured))
_MEASURES = _Kind('an object of numbers or nulls', _values(_measured))
_SECONDS = _Kind('an object of seconds', _values(
    lambda v: _number(v) and 0 <= v < math.inf))
_HISTORY = _Kind('an object of lists of numbers', _values(_SERIES.test))


class _List(NamedTuple):
  """A list of objects."""
  each: dict[str, Any]
  optional: bool = False  # null is no list


_ROW = {
    'method': _TEXT, 'seed': _WHOLE, 'per_class': _ACCURACIES,
    'metrics': _MEASURES, 'seconds': _SECONDS, 'history': _HISTORY,
}
_LAYER = {
    'path': _TEXT, 'fan_in': _COUNT, 'rank': _COUNT, 'free': _WHOLE,
    'eigenvalues': _SERIES, 'certificate': _MEASURED,
}
_POINT = {
    'energy': _Kind('a number', _number), 'logit_drift': _MEASURED,
    'forget_test': _ACCURACY, 'retain_test': _ACCURACY, 'probe': _ACCURACY,
    'certificate': _MEASURED,
}
_RESULTS = {
    'experiment': _TEXT, 'created': _TEXT, 'command': _TEXT,
    'config': _MAPPING, 'environment': _MAPPING,
    'dataset': {
        'name': _TEXT, 'num_classes': _COUNT, 'class_names': _TEXTS,
        'sizes': {'train': _COUNT, 'validation': _WHOLE, 'test': _COUNT},
        'sha256': _TEXT,
    },
    'forget_classes': _CLASSES, 'methods': _TEXTS,
    'rows': _List(_ROW), 'layers': _List(_LAYER),
    'curve': _List(_POINT, optional=True),
}


def _object(value: Any, path: str, spec: Mapping[str, Any]) -> None:
  """Checks an object key by key; `path` leads to it."""
  if not isinstance(value, Mapping):
    _wrong(path, f'is {_shown(value)}, not an object')
  for key, kind in spec.items():
    here = f'{path}.{key}' if path else key
    if key not in value:
      _wrong(here, 'is missing')
    inner = value[key]
    if isinstance(kind, _Kind):
      if not kind.test(inner):
        _wrong(here, f'is {_shown(inner)}, not {kind.words}')
    elif isinstance(kind, _List):
      if inner is None and kind.optional:
        continue
      if not isinstance(inner, list | tuple):
        _wrong(here, f'is {_shown(inner)}, not a list')
      for i, item in enumerate(inner):
        _object(item, f'{here}[{i}]', kind.each)
    else:
      _object(inner, here, kind)


def _shown(value: Any) -> str:
  text = repr(value)
  return text if len(text) <= 40 else f'{text[:37]}...'


def _wrong(path: str, problem: str) -> NoReturn:
  raise ValueError(f'{path} {problem}; correct it in the results, or run the '
                   'experiment again.')
