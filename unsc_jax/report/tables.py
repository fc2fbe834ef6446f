"""The tables of the page."""

from collections.abc import Mapping, Sequence
import json
import math
from typing import Any

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import markup
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import wording

_NONE = '<td class="none">–</td>'
_FLAGS = {
    ('forget', 'above'): '▲ knowledge left',
    ('forget', 'below'): '▼ over-unlearned',
    ('retain', 'above'): '▲ above retrained',
    ('retain', 'below'): '▼ below retrained',
}


def judged(comparison: comparison_lib.Comparison) -> str:
  """Measures that have a gap to the retrained models, by method."""
  return _measures(
      comparison, [m for m in comparison.measures if m.show_gap],
      'Against the retrained model',
      'Mean ± standard deviation over seeds. Below it the gap to the retrained '
      'mean in points and, in brackets, the noise band: what retraining with '
      'another seed would change. Neither side of the band is the better one.')


def others(comparison: comparison_lib.Comparison) -> str:
  """Measures that are not judged by a gap."""
  return _measures(
      comparison, [m for m in comparison.measures if not m.show_gap],
      'Against the original',
      'How far what was to stay has moved. This is no measure of forgetting: '
      'doing nothing gives 0.')


def _measures(comparison, measures: Sequence[metrics_lib.Metric],
              title: str, explanation: str) -> str:
  if not measures:
    return ''
  header = ['Method', *(_term(metric) for metric in measures)]
  rows = [[markup.escape(wording.method(method)),
           *(_cell(comparison, method, metric) for metric in measures)]
          for method in comparison.methods]
  return (markup.element('h3', title) + markup.paragraph(explanation)
          + markup.table(title, header, rows, 'measures'))


def _term(metric: metrics_lib.Metric) -> str:
  """A name that leads to its meaning, and tells it to a mouse at once."""
  return markup.element('a', markup.escape(metric.name), class_='term',
                        href=f'#metric-{metric.key}',
                        title=f'{metric.what} Good: {metric.good}')


def _cell(comparison, method, metric) -> str:
  cell = comparison.cells.get((method, metric.key))
  if cell is None:
    return _NONE
  parts = [markup.element('b', markup.escape(spread(metric, cell)))]
  if method == comparison_lib.REFERENCE and metric.show_gap:
    parts.append(_flag('reference', 'the reference'))
  elif cell.gap is not None and metric.show_gap:
    band = (f' (± {metric.show_gap(cell.band).lstrip("+")})'
            if cell.band is not None else '')
    parts.append(markup.element('span', metric.show_gap(cell.gap) + band,
                                class_='gap'))
    if cell.place:
      parts.append(_flag(cell.place, _FLAGS.get((metric.kind, cell.place),
                                                '✓ like retrained')))
    if cell.tie:
      parts.append(_flag('tie', '= ties with head-only'))
  return markup.element('td', ''.join(parts))


def _flag(kind: str, text: str) -> str:
  return markup.element('span', markup.escape(text), class_=f'flag {kind}')


def spread(metric: metrics_lib.Metric, cell: comparison_lib.Cell) -> str:
  """The mean over seeds and, with several of them, the standard deviation."""
  if cell.std is None or not math.isfinite(cell.std):
    return metric.show(cell.mean)
  mean, std = metric.show(cell.mean), metric.show(cell.std)
  unit = '\u00a0%'
  if mean.endswith(unit) and std.endswith(unit):
    mean = mean.removesuffix(unit)
  return f'{mean}\u00a0±\u00a0{std}'


def glossary(comparison: comparison_lib.Comparison) -> str:
  """What every measure of the tables is, what is good, what is too much."""
  entries = []
  for metric in comparison.measures:
    label = lambda words: markup.element('b', words)
    text = ' '.join([
        markup.escape(metric.what), label('Good:'), markup.escape(metric.good),
        label('Over-unlearning:'), markup.escape(metric.over)])
    entries.append(
        markup.element('dt', markup.escape(metric.name),
                       id=f'metric-{metric.key}')
        + markup.element('dd', text))
  return markup.element('dl', '\n'.join(entries), class_='glossary')


def class_accuracies(results: Mapping[str, Any]) -> str:
  """The accuracies by class in numbers, to be opened."""
  names, forgotten = results['dataset']['class_names'], results['forget_classes']
  means = {m: comparison_lib.class_means(results, m) for m in results['methods']}
  rows = [[markup.escape(name) + (' (forgotten)' if c in forgotten else ''),
           *(_NONE if math.isnan(column[c]) else metrics_lib.percent(column[c])
             for column in means.values())]
          for c, name in enumerate(names)]
  header = ['Class', *(markup.escape(wording.method(m)) for m in means)]
  return _details('The same in numbers, for all methods',
                  markup.table('Test accuracy by class', header, rows))


def layers(results: Mapping[str, Any]) -> str:
  """Fan-in, kept and free directions and drift of every layer."""
  if not results['layers']:
    return ''
  rows = [[markup.escape(layer['path']), f'{layer["fan_in"]}', f'{layer["rank"]}',
           f'{layer["free"]}',
           _NONE if layer['certificate'] is None else
           metrics_lib.small_percent(layer['certificate'])]
          for layer in results['layers']]
  return _details('The same in numbers, with the drift of every layer',
                  markup.table('Layers', ['Layer', 'Directions', 'Kept', 'Free',
                                          'Layer drift'], rows))


def wall_time(results: Mapping[str, Any]) -> str:
  """Seconds of every phase, and the speed-up over retraining."""
  reference = comparison_lib.total_seconds(results, comparison_lib.REFERENCE)
  rows = []
  for method in results['methods']:
    total = comparison_lib.total_seconds(results, method)
    if total is None:
      continue
    phases = '; '.join(
        f'{name}: {metrics_lib.seconds(value)}' for name, value in
        comparison_lib.phase_seconds(results, method).items())
    speed = (_factor(reference / total)
             if reference and total and method != comparison_lib.REFERENCE
             else None)
    rows.append([markup.escape(wording.method(method)), markup.escape(phases),
                 metrics_lib.seconds(total), speed or _NONE])
  if not rows:
    return ''
  return markup.paragraph(
      'Means over seeds, as measured on the machine below, compilation '
      'included.') + markup.table(
          'Wall time', ['Method', 'Phases', 'Total', 'Speed-up over retraining'],
          rows)


def _factor(value: float) -> str:
  text = f'{value:.0f}×' if value >= 10 else f'{value:.2g}×'
  return text if value >= 1 else f'{text}, slower'


def made(results: Mapping[str, Any]) -> str:
  """How the results were made, for someone who makes them again."""
  data, sizes = results['dataset'], results['dataset']['sizes']
  environment = {**results['environment']}
  device = (f'{environment.pop("devices", "?")} × '
            f'{environment.pop("device_kind", "?")}')
  if (cores := environment.pop('cpu_count', None)) is not None:
    device += f', {wording.plural(cores, "CPU core")}'
  if (platform := environment.pop('platform', None)) is not None:
    device += f', {platform}'
  rows = [
      ('Command', _code(results['command'])),
      ('Made', markup.escape(results['created'])),
      ('Seeds', ', '.join(map(str, seeds(results)))),
      ('Hardware', markup.escape(device)),
      ('Versions', markup.escape(', '.join(
          f'{name} {version}' for name, version in environment.items()))),
      ('Data', markup.escape(
          f'{data["name"]}: {sizes["train"]} images to train on, '
          f'{sizes["validation"]} to validate, {sizes["test"]} to test')),
      ('SHA-256 of the data', _code(data['sha256'])),
  ]
  settings = [(_code(str(name)), _code(json.dumps(value, default=str)))
              for name, value in results['config'].items()]
  return (markup.table('How it was made', ['What', 'How'], rows, 'made')
          + (_details('All settings', markup.table(
              'Settings', ['Setting', 'Value'], settings, 'made')) if settings else ''))


def seeds(results: Mapping[str, Any]) -> list[int]:
  """All seeds of the rows, once each."""
  return sorted({row['seed'] for row in results['rows']})


def _code(text: str) -> str:
  return markup.element('code', markup.escape(text))


def _details(summary: str, content: str) -> str:
  return markup.element(
      'details', markup.element('summary', markup.escape(summary)) + content)
