"""The tables of measures, and what explains them."""

from collections.abc import Sequence
import math

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import missing as missing_lib
from unsc_jax.report import phrases
from unsc_jax.report import wording
from unsc_jax.report.html import markup

NONE = '<td class="none">–</td>'
_FLAGS = {
    ('forget', True): '▲ knowledge left', ('forget', False): '▼ over-unlearned',
    ('retain', True): '▲ above retrained', ('retain', False): '▼ below retrained',
    ('likeness', True): '≠ unlike retrained', ('likeness', False): '≠ unlike retrained',
}


def measures(comparison: comparison_lib.Comparison) -> str:
  """A table for every group of measures, methods down and measures across."""
  legend = (
      'Mean ± standard deviation over seeds; of one seed, the 95 % confidence '
      'interval in brackets. Below it the gap to the retrained mean and, in '
      'brackets, the noise band: what retraining with another seed would change. '
      'Neither side of the band is the better one. Every name in a table’s head '
      'opens its explanation.')
  parts = [markup.paragraph(legend)]
  groups = [*metrics_lib.GROUPS, metrics_lib.Group(
      'Other measures', 'Shown as they are.', tuple(
          m for m in comparison.measures if m.key not in metrics_lib.BY_KEY))]
  for group in groups:
    keys = {metric.key for metric in group.metrics}
    columns = [m for m in comparison.measures if m.key in keys]
    if columns:
      parts += [markup.element('h3', markup.escape(group.title)),
                markup.paragraph(group.text), _table(comparison, columns, group.title)]
  if missing := missing_lib.sentences(comparison):
    parts.append(markup.details('What has no value, and why', markup.element(
        'ul', '\n'.join(markup.element('li', markup.escape(one)) for one in missing))))
  return '\n'.join(parts) if comparison.measures else ''


def _table(comparison, columns: Sequence[metrics_lib.Metric], title: str) -> str:
  rows = [[markup.escape(wording.method(method)),
           *(cell(comparison, method, metric) for metric in columns)]
          for method in comparison.methods]
  return markup.table(title, ['Method', *map(term, columns)], rows, 'measures')


def term(metric: metrics_lib.Metric) -> str:
  """A name that opens its explanation, by mouse, touch or keyboard."""
  return markup.element(
      'button', markup.escape(metric.name), class_='term', type='button',
      popovertarget=f'tip-{metric.key}', title=metric.what)


def tip(metric: metrics_lib.Metric) -> str:
  """The explanation that a name opens; the browser closes it again."""
  return markup.element(
      'div', markup.element('p', markup.element('b', markup.escape(metric.name)))
      + ''.join(markup.element('p', text) for text in _parts(metric)),
      id=f'tip-{metric.key}', class_='tip', popover='auto')


def tips(comparison: comparison_lib.Comparison) -> str:
  """Those of all measures; they must not be folded, or none of them would open."""
  return '\n'.join(map(tip, comparison.measures))


def glossary(comparison: comparison_lib.Comparison) -> str:
  """What every measure of the tables is, what is good, what is too much."""
  return markup.element('dl', '\n'.join(
      markup.element('dt', markup.escape(metric.name), id=f'metric-{metric.key}')
      + markup.element('dd', ' '.join(_parts(metric)))
      for metric in comparison.measures), class_='glossary')


def _parts(metric: metrics_lib.Metric) -> tuple[str, str, str]:
  label = lambda words, text: f'{markup.element("b", words)} {markup.escape(text)}'
  return (markup.escape(metric.what), label('Good:', metric.good),
          label('Over-unlearning:', metric.over))


def cell(comparison: comparison_lib.Comparison, method: str,
         metric: metrics_lib.Metric) -> str:
  """A measure of a method as a cell: value, gap, noise band and flags."""
  measured = comparison.cells.get((method, metric.key))
  if measured is None:
    return missing(comparison, method, metric)
  parts = [markup.element('b', markup.escape(phrases.spread(metric, measured)))]
  if (len(measured.values) == 1 and measured.interval and math.isfinite(measured.mean)
      and measured.limit is None):
    ends = (metric.show(end) for end in measured.interval)
    parts.append(markup.element('span', f'[{" to ".join(ends)}]', class_='gap'))
  if method == comparison_lib.REFERENCE and metric.show_gap:
    parts.append(_flag('reference', 'the reference'))
  elif measured.limit is not None and measured.reference_limit is not None:
    parts.append(_flag('endless', f'not reached in {metric.show(measured.limit)} by either'))
  elif measured.gap is not None and metric.show_gap:
    band = (f' (± {metric.show_gap(measured.band).lstrip("+")})'
            if measured.band is not None else '')
    parts.append(markup.element('span', phrases.gap(metric, measured) + band, class_='gap'))
    if measured.place == 'like':
      parts.append(_flag('like', '✓ like retrained'))
    elif measured.place:
      flagged_above = measured.place == (
          metric.left if metric.kind == 'forget' else 'above')
      parts.append(_flag(measured.place, _FLAGS[metric.kind, flagged_above]))
    if measured.tie:
      parts.append(_flag('tie', '= ties with head-only'))
  return markup.element('td', ''.join(parts))


def missing(comparison: comparison_lib.Comparison, method: str,
            metric: metrics_lib.Metric) -> str:
  """The cell of what has no value; it says why, where that is known."""
  reason = comparison.reasons.get((method, metric.key))
  return NONE if reason is None else markup.element('td', '–', class_='none', title=reason)


def _flag(kind: str, text: str) -> str:
  return markup.element('span', markup.escape(text), class_=f'flag {kind}')
