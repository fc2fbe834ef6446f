"""What a results.json holds, and one sentence where it holds something else.

`C` classes. A measured number may be null where it does not apply. More keys
than these are welcome everywhere.
"""

from collections.abc import Mapping
from typing import Any

from unsc_jax.report import kinds
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import picture_spec

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
  kinds.check(results, '', _RESULTS)
  data = results['dataset']
  classes = data['num_classes']
  if len(data['class_names']) != classes:
    kinds.wrong('dataset.class_names', f'has {len(data["class_names"])} names for '
           f'{classes} classes')
  if not all(0 <= c < classes for c in results['forget_classes']):
    kinds.wrong('forget_classes', f'names {results["forget_classes"]}, but classes '
           f'are numbered 0 to {classes - 1}')
  for split, counts in (data.get('class_counts') or {}).items():
    if len(counts) != classes:
      kinds.wrong(f'dataset.class_counts.{split}',
                  f'has {len(counts)} counts for {classes} classes')
  _check_rows(results, classes)
  picture_spec.check(results)
  for i, layer in enumerate(results['layers']):
    if not 1 <= layer['rank'] <= len(layer['eigenvalues']):
      kinds.wrong(f'layers[{i}].rank', f'is {layer["rank"]}, but there are '
             f'{len(layer["eigenvalues"])} eigenvalues')


def _check_rows(results: Mapping, classes: int) -> None:
  methods, seen = results['methods'], set()
  if len(set(methods)) != len(methods):
    kinds.wrong('methods', 'names a method twice')
  for i, row in enumerate(results['rows']):
    name, seed = row['method'], row['seed']
    if name not in methods:
      kinds.wrong(f'rows[{i}].method', f'is {name!r}, which methods does not name')
    if (name, seed) in seen:
      kinds.wrong(f'rows[{i}]', f'is a second row of {name!r} with seed {seed}')
    seen.add((name, seed))
    for key, value in row['metrics'].items():
      if metrics_lib.describe(key).images and not kinds.accuracy(value):
        kinds.wrong(f'rows[{i}].metrics.{key}',
               f'is {value!r}, not a number from 0 to 1 or null')
    if len(row['per_class']) != classes:
      kinds.wrong(f'rows[{i}].per_class', f'has {len(row["per_class"])} accuracies '
             f'for {classes} classes')
  for name in methods:
    if not any(row['method'] == name for row in results['rows']):
      kinds.wrong('methods', f'names {name!r}, but no row is of it')


_ROW = {
    'method': kinds.TEXT, 'seed': kinds.WHOLE, 'per_class': kinds.ACCURACIES,
    'metrics': kinds.MEASURES, 'seconds': kinds.SECONDS, 'history': kinds.HISTORY,
    'intervals': kinds.Optional(kinds.INTERVALS),
    # Where counting stopped: the metric is that much at the least.
    'limits': kinds.Optional(kinds.MEASURES),
}
_LAYER = {
    'path': kinds.TEXT, 'fan_in': kinds.COUNT, 'rank': kinds.COUNT, 'free': kinds.WHOLE,
    'eigenvalues': kinds.SERIES, 'certificate': kinds.MEASURED,
}
_POINT = {
    'energy': kinds.NUMBER, 'logit_drift': kinds.MEASURED,
    'forget_test': kinds.ACCURACY, 'retain_test': kinds.ACCURACY, 'probe': kinds.ACCURACY,
    'certificate': kinds.MEASURED,
}
_RESULTS = {
    'experiment': kinds.TEXT, 'created': kinds.TEXT, 'command': kinds.TEXT,
    'config': {'seeds': kinds.SEEDS}, 'environment': {'jax': kinds.TEXT},
    'wall_seconds': kinds.Optional(kinds.NUMBER),
    'dataset': {
        'name': kinds.TEXT, 'num_classes': kinds.COUNT, 'class_names': kinds.TEXTS,
        'sizes': {'train': kinds.COUNT, 'validation': kinds.WHOLE, 'test': kinds.COUNT},
        'sha256': kinds.TEXT,
        'class_counts': kinds.Optional({
            'train': kinds.COUNTS, 'validation': kinds.COUNTS, 'test': kinds.COUNTS}),
    },
    'forget_classes': kinds.CLASSES, 'methods': kinds.TEXTS,
    'rows': kinds.List(_ROW), 'layers': kinds.List(_LAYER),
    'curve': kinds.List(_POINT, optional=True),
    'pictures': kinds.Optional(picture_spec.SPEC),
}
