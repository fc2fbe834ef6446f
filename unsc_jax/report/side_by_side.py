"""Several runs in one view: what was measured, and what differs between them."""

from collections.abc import Mapping, Sequence
import json
from typing import Any, NamedTuple

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import measure_tables
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import schema
from unsc_jax.report import tables
from unsc_jax.report import wording


class Run(NamedTuple):
  """One run's results under a name."""
  name: str
  results: Mapping[str, Any]
  comparison: comparison_lib.Comparison


def read(name: str, results: Any) -> Run:
  """A run from its results.

  Args:
    name: to call it by.
    results: what the experiment wrote.

  Returns:
    The run.

  Raises:
    ValueError: the results lack something or are of another schema.
  """
  schema.validate(results)
  return Run(name, results, comparison_lib.compare(results))


def measures(runs: Sequence[Run]) -> list[metrics_lib.Metric]:
  """The measures that any of the runs has, in their order."""
  found = {m.key: m for run in runs for m in run.comparison.measures}
  known = [key for key in metrics_lib.BY_KEY if key in found]
  return [found[key] for key in [*known, *(k for k in found if k not in known)]]


def methods(runs: Sequence[Run]) -> list[str]:
  """The methods that any of the runs has."""
  return list(dict.fromkeys(m for run in runs for m in run.comparison.methods))


def cell(run: Run, method: str, key: str) -> str:
  """A measure in words: value, gap to this run's own retrained models, place."""
  found = run.comparison.cells.get((method, key))
  if found is None:
    return '–'
  metric = metrics_lib.describe(key)
  text = measure_tables.spread(metric, found)
  if metric.show_gap and found.gap is not None and method != comparison_lib.REFERENCE:
    text += (' (neither to the end)' if found.endless else
             f' ({measure_tables.gap(metric, found)}{"=" if found.tie else ""})')
    if found.place:
      text += ' ✓' if found.place == 'like' else ' ▲' if found.place == 'above' else ' ▼'
  return text


def cautions(runs: Sequence[Run]) -> list[str]:
  """Sentences on what keeps the runs from being compared; none if nothing does."""
  said = []
  for what, value, why in (
      ('data', lambda r: r['dataset']['sha256'],
       'numbers on different data are no better or worse than each other'),
      ('request', lambda r: (r['dataset']['name'], sorted(r['forget_classes'])),
       'different classes are not equally hard to forget'),
      ('network', lambda r: r['config'].get('model'),
       'compare gaps to the retrained model rather than values')):
    if len({json.dumps(value(run.results), default=str) for run in runs}) > 1:
      said.append(f'The runs differ in their {what}: {why}.')
  without = [run.name for run in runs if not run.comparison.references]
  if without:
    said.append(f'No retrained model in {wording.listing(without)}: there a gap has '
                'nothing to be measured from.')
  return said


def differences(runs: Sequence[Run]) -> dict[str, list[str]]:
  """How the runs were made, where that is not the same for all, and always a few.

  Returns:
    What it is called, to a text for every run.
  """
  always = {
      'Experiment': lambda r: r['experiment'].replace('_', ' '),
      'Data': lambda r: r['dataset']['name'],
      'Forgotten': wording.forgotten,
      'Seeds': lambda r: ', '.join(map(str, tables.seeds(r))),
      'Made': lambda r: r['created'],
      'SHA-256 of the data': lambda r: r['dataset']['sha256'][:16],
  }
  found = {name: [str(of(run.results)) for run in runs]
           for name, of in always.items()}
  for part in ('config', 'environment'):
    keys = dict.fromkeys(key for run in runs for key in run.results[part])
    for key in keys:
      shown = [_shown(run.results[part], key) for run in runs]
      if len(set(shown)) > 1:
        found[key if part == 'config' else f'{key} (environment)'] = shown
  return found


def _shown(values: Mapping[str, Any], key: str) -> str:
  return json.dumps(values[key], default=str) if key in values else '–'
