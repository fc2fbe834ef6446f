"""The tables of the page."""

import json
import math

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import numerals
from unsc_jax.report import results as results_lib
from unsc_jax.report import wording
from unsc_jax.report.html import markup

_NONE = '<td class="none">–</td>'
_MOST_CLASSES = 200


def class_accuracies(results: results_lib.Results) -> str:
  """The accuracies by class in numbers, to be opened."""
  names, forgotten = results.dataset.class_names, results.forget_classes
  means = {m: comparison_lib.class_means(results, m) for m in results.methods}
  chosen = sorted(sorted(range(len(names)), key=lambda c: c not in forgotten)
                  [:_MOST_CLASSES])
  rows = [[markup.escape(names[c]) + (' (forgotten)' if c in forgotten else ''),
           *(_NONE if math.isnan(column[c]) else numerals.percent(column[c])
             for column in means.values())] for c in chosen]
  header = ['Class', *(markup.escape(wording.method(m)) for m in means)]
  left = len(names) - len(chosen)
  return markup.details(
      'Test accuracy by class in numbers, for all methods',
      (markup.paragraph(f'The other {left} classes are in the results alone.')
       if left else '')
      + markup.table('Test accuracy by class', header, rows))


def layers(results: results_lib.Results) -> str:
  """Fan-in, kept and free directions and drift of every layer."""
  if not results.layers:
    return ''
  rows = [[markup.escape(layer.path), f'{layer.fan_in}', f'{layer.rank}',
           f'{layer.free}',
           _NONE if layer.layer_drift is None else
           numerals.small_percent(layer.layer_drift)]
          for layer in results.layers]
  return markup.details('The same in numbers, with the drift of every layer',
                  markup.table('Layers', ['Layer', 'Directions', 'Kept', 'Free',
                                          'Layer drift'], rows))


def wall_time(results: results_lib.Results) -> str:
  """Seconds of every phase, and the speed-up over retraining."""
  reference = comparison_lib.total_seconds(results, comparison_lib.REFERENCE)
  rows = []
  for method in results.methods:
    total = comparison_lib.total_seconds(results, method)
    if total is None:
      continue
    phases = '; '.join(
        f'{name}: {numerals.seconds(value)}' for name, value in
        comparison_lib.phase_seconds(results, method).items())
    speed = (_factor(reference / total)
             if reference and total and method != comparison_lib.REFERENCE
             else None)
    rows.append([markup.escape(wording.method(method)), markup.escape(phases),
                 numerals.seconds(total), speed or _NONE])
  if not rows:
    return ''
  return markup.paragraph(
      'Means over seeds, as measured on the machine below, with the compilation '
      'of programs that the run had not met before.') + markup.table(
          'Wall time', ['Method', 'Phases', 'Total', 'Speed-up over retraining'],
          rows)


def _factor(value: float) -> str:
  text = f'{value:.0f}×' if value >= 10 else f'{value:.2g}×'
  return text if value >= 1 else f'{text}, slower'


def made(results: results_lib.Results) -> str:
  """How the results were made, for someone who makes them again."""
  data, sizes = results.dataset, results.dataset.sizes
  environment = {**results.environment}
  device = (f'{environment.pop("devices", "?")} × '
            f'{environment.pop("device_kind", "?")}')
  if (cores := environment.pop('cpu_count', None)) is not None:
    device += f', {numerals.plural(cores, "CPU core")}'
  if (platform := environment.pop('platform', None)) is not None:
    device += f', {platform}'
  rows = [
      ('Command', _code(results.command)),
      ('Made', markup.escape(results.created)),
      ('Seeds', ', '.join(map(str, results.seeds))),
      ('Hardware', markup.escape(device)),
      ('Versions', markup.escape(', '.join(
          f'{name} {version}' for name, version in environment.items()))),
      ('Data', markup.escape(
          f'{data.name}: {sizes.train} images to train on, '
          f'{sizes.validation} to validate, {sizes.test} to test')),
      ('SHA-256 of the data', _code(data.sha256)),
  ]
  settings = [(_code(name), _code(json.dumps(value, default=str)))
              for name, value in results.config.items()]
  return (markup.table('How it was made', ['What', 'How'], rows, 'made')
          + (markup.details('All settings', markup.table(
              'Settings', ['Setting', 'Value'], settings, 'made')) if settings else ''))


def _code(text: str) -> str:
  return markup.element('code', markup.escape(text))
