"""Runs side by side as a page."""

from collections.abc import Sequence

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import first_screen
from unsc_jax.report import measure_tables
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import page as page_lib
from unsc_jax.report import wording
from unsc_jax.report.html import document
from unsc_jax.report.html import markup
from unsc_jax.report.side_by_side import runs as runs_lib


def render(runs: Sequence[runs_lib.Run]) -> str:
  """Makes one HTML file that needs no other, of several runs.

  Args:
    runs: two or more.

  Returns:
    The file's text.
  """
  names = wording.listing([run.name for run in runs], most=4)
  return document.document('Runs side by side', names, [
      markup.Section('runs', 'Verdicts', _verdicts(runs)),
      markup.Section('measures', 'Measures', _measures(runs)),
      markup.Section('meaning', 'What the measures mean', _meaning(runs), folded=True),
      markup.Section('made', 'How they were made', _made(runs), folded=True)])


def _verdicts(runs) -> str:
  cautions = ''.join(
      markup.element('li', markup.element('span', '▲ Beware', class_='sign warning')
                     + ' ' + markup.element('span', markup.escape(sentence)))
      for sentence in runs_lib.cautions(runs))
  parts = [markup.element('ul', cautions, class_='findings')] if cautions else []
  for run in runs:
    parts += [markup.element('h3', markup.escape(run.name)),
              markup.paragraph(f'{page_lib.title(run.results)}.'),
              first_screen.statuses(run.comparison),
              page_lib.verdict(run.comparison, most=0)]
  return '\n'.join([*parts, first_screen.rules()])


def _measures(runs) -> str:
  """For every measure a table, methods down and runs across."""
  parts = [markup.paragraph(
      'Every gap is to the run’s own retrained models, and every noise band is '
      'theirs. A name opens its explanation.')]
  for group in (*(g.metrics for g in metrics_lib.GROUPS), tuple(
      m for m in runs_lib.measures(runs) if m.key not in metrics_lib.BY_KEY)):
    for metric in group:
      rows = [[markup.escape(wording.method(method)), *cells]
              for method in runs_lib.methods(runs)
              if set(cells := [measure_tables.cell(run.comparison, method, metric)
                               for run in runs]) != {measure_tables.NONE}]
      if rows:
        parts += [markup.table(
            metric.name, [measure_tables.term(metric),
                          *(markup.escape(run.name) for run in runs)],
            rows, 'measures'), measure_tables.tip(metric)]
  return '\n'.join(parts)


def _meaning(runs) -> str:
  everything = comparison_lib.Comparison(
      (), tuple(runs_lib.measures(runs)), {}, 0)
  return measure_tables.glossary(everything)


def _made(runs) -> str:
  rows = [[markup.escape(name), *map(markup.escape, values)]
          for name, values in runs_lib.differences(runs).items()]
  return markup.paragraph(
      'Settings and versions that are the same in all runs are left out.'
  ) + markup.table('How they were made', [
      'What', *(markup.escape(run.name) for run in runs)], rows, 'made')
