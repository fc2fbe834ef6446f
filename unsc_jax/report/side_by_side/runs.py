"""Several runs in one view: what was measured, and what differs between them."""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import json
from typing import Any

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import phrases
from unsc_jax.report import results as results_lib
from unsc_jax.report import wording


@dataclasses.dataclass(frozen=True)
class Run:
  """One run's results under a name."""
  name: str
  results: results_lib.Results

  @functools.cached_property
  def comparison(self) -> comparison_lib.Comparison:
    """Its methods beside its own retrained models."""
    return comparison_lib.compare(self.results)


def measures(runs: Sequence[Run]) -> list[metrics_lib.Metric]:
  """The measures that any of the runs has, in their order."""
  return [*map(metrics_lib.describe, metrics_lib.in_order(
      measure.key for run in runs for measure in run.comparison.measures))]


def methods(runs: Sequence[Run]) -> list[str]:
  """The methods that any of the runs has."""
  return list(dict.fromkeys(m for run in runs for m in run.comparison.methods))


def cell(run: Run, method: str, key: str) -> str:
  """A measure in words: value, gap to this run's own retrained models, place."""
  measured = run.comparison.cells.get((method, key))
  if measured is None:
    return '–'
  metric = metrics_lib.describe(key)
  text = phrases.spread(metric, measured)
  if metric.show_gap and measured.gap is not None and method != comparison_lib.REFERENCE:
    text += (' (neither to the end)' if measured.endless else
             f' ({phrases.gap(metric, measured)}{"=" if measured.tie else ""})')
    if measured.place:
      text += {'like': ' ✓', 'above': ' ▲', 'below': ' ▼'}[measured.place]
  return text


def cautions(runs: Sequence[Run]) -> list[str]:
  """Sentences on what keeps the runs from being compared; none if nothing does."""
  said = []
  for what, value, why in (
      ('data', lambda r: r.dataset.sha256,
       'numbers on different data are no better or worse than each other'),
      ('request', lambda r: (r.dataset.name, sorted(r.forget_classes)),
       'different classes are not equally hard to forget'),
      ('network', lambda r: r.config.get('model'),
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
      'Experiment': lambda r: r.experiment.replace('_', ' '),
      'Data': lambda r: r.dataset.name,
      'Forgotten': wording.forgotten,
      'Seeds': lambda r: ', '.join(map(str, r.seeds)),
      'Made': lambda r: r.created,
      'SHA-256 of the data': lambda r: r.dataset.sha256[:16],
  }
  texts = {name: [str(of(run.results)) for run in runs] for name, of in always.items()}
  for part in ('config', 'environment'):
    settings = [getattr(run.results, part) for run in runs]
    for key in dict.fromkeys(key for values in settings for key in values):
      shown = [_shown(values, key) for values in settings]
      if len(set(shown)) > 1:
        texts[key if part == 'config' else f'{key} (environment)'] = shown
  return texts


def _shown(values: Mapping[str, Any], key: str) -> str:
  return json.dumps(values[key], default=str) if key in values else '–'
