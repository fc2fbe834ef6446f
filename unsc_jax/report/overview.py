"""The first table: every method's status, and one measure of each kind beside retraining."""

from unsc_jax.report import chief
from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import measure_tables
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import numerals
from unsc_jax.report import phrases
from unsc_jax.report import results as results_lib
from unsc_jax.report import status as status_lib
from unsc_jax.report import telling
from unsc_jax.report import wording
from unsc_jax.report.html import markup

_LEGEND = (
    'Below each value is its gap to the retrained models: ✓ within their noise band, ▲ '
    'above it, ▼ below it; neither side is the better one. = is as near to masking a '
    'logit (head-only) as to retraining. A name in the head opens its explanation.')


def table(results: results_lib.Results, comparison: comparison_lib.Comparison) -> str:
  """Methods down, the controls below them; status, six measures and time across."""
  metrics = chief.metrics(comparison)
  timed = any(comparison_lib.total_seconds(results, m) for m in results.methods)
  controls = [m for m in comparison.methods if m not in comparison.judged_methods]
  rows = [[markup.escape(wording.method(method)), _status(comparison, method),
           *(cell(comparison, method, metric) for metric in metrics),
           *[_time(results, method)] * timed]
          for method in (*comparison.judged_methods, *controls)]
  head = ['Method', 'Status', *(_head(comparison, metric) for metric in metrics),
          *['Time'] * timed]
  return (markup.table('Methods side by side', head, rows, 'overview')
          + markup.paragraph(_LEGEND))


def badge(status: status_lib.Status) -> str:
  """A status as a word on its colour, with its sign."""
  return markup.element('span', f'{status.sign} {markup.escape(status.word)}',
                        class_=f'badge {status.tone}')


def _status(comparison, method) -> str:
  if method == comparison_lib.REFERENCE:
    return markup.element('td', markup.element('span', 'the reference', class_='none'))
  return markup.element('td', badge(telling.status(comparison, method)))


def _head(comparison, metric) -> str:
  """A measure's name, and what it can tell here."""
  told = _can_tell(comparison, metric)
  return measure_tables.term(metric) + (
      markup.element('span', told, class_='tells') if told else '')


def _can_tell(comparison, metric) -> str:
  if metric.kind not in ('forget', 'likeness') or not comparison.references:
    return ''
  if metric.key in telling.telling(comparison):
    return 'can tell'
  if metric.key in telling.seeing(comparison):
    return 'head-only passes'
  original = comparison.cells.get((comparison_lib.ORIGINAL, metric.key))
  return 'the original passes' if original and original.place == 'like' else 'not judged'


def cell(comparison: comparison_lib.Comparison, method: str,
         metric: metrics_lib.Metric) -> str:
  """A value, and below it the gap with its sign."""
  measured = comparison.cells.get((method, metric.key))
  if measured is None:
    return measure_tables.missing(comparison, method, metric)
  parts = [markup.element('b', markup.escape(phrases.spread(metric, measured)))]
  if metric.show_gap and measured.gap is not None and method != comparison_lib.REFERENCE:
    if measured.endless:
      text, class_ = 'not reached by either', 'gap'
    else:
      text = phrases.gap(metric, measured)
      class_ = 'gap'
      if measured.place:
        text += f' {_SIGNS[measured.place]}{" =" if measured.tie else ""}'
        class_ = f'gap {measured.place}'
    parts.append(markup.element('span', markup.escape(text), class_=class_))
  return markup.element('td', ''.join(parts))


_SIGNS = {'like': '✓', 'above': '▲', 'below': '▼'}


def _time(results, method) -> str:
  mine, whole = (comparison_lib.total_seconds(results, one)
                 for one in (method, comparison_lib.REFERENCE))
  if not mine:
    return measure_tables.NONE
  beside = '' if not whole or method == comparison_lib.REFERENCE else markup.element(
      'span', f'{mine / whole:.2g} × retraining', class_='gap')
  return markup.element('td', markup.element('b', numerals.seconds(mine)) + beside)
