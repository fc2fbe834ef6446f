"""What the page opens with: a status by its rule, and six answers."""

from collections.abc import Sequence

from unsc_jax.report import answers as answers_lib
from unsc_jax.report import certainty
from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import next_step
from unsc_jax.report import overview
from unsc_jax.report import results as results_lib
from unsc_jax.report import status as status_lib
from unsc_jax.report import telling
from unsc_jax.report import wording
from unsc_jax.report.html import markup

_NAMED = 4  # methods of one status, before the rest is counted


def first_screen(results: results_lib.Results, comparison: comparison_lib.Comparison) -> str:
  """The status of one method and the answers on it; of the others, the status."""
  method = answers_lib.first(comparison)
  status = telling.status(comparison, method) if method else status_lib.UNKNOWN
  name = markup.element('b', markup.escape(
      wording.method(method) if method else 'References alone'))
  return '\n'.join(filter(None, [
      markup.element('p', f'{overview.badge(status)} {name}', class_='status'),
      listed(answers(results, comparison, method)),
      statuses(comparison, but=method), rules(status)]))


def answers(results: results_lib.Results, comparison: comparison_lib.Comparison,
            method: str | None) -> list[answers_lib.Answer]:
  """What was asked, whether it was forgotten, what it harmed and cost, and what next."""
  of_method = [] if method is None else [
      answers_lib.forgotten(comparison, method), answers_lib.harmed(comparison, method),
      answers_lib.cost(results, method), certainty.sure(results, comparison, method)]
  return [answers_lib.asked(results), *of_method,
          next_step.step(results, comparison, method)]


def listed(answers: Sequence[answers_lib.Answer]) -> str:
  """Answers as HTML."""
  return markup.element('dl', '\n'.join(
      markup.element('div', markup.element('dt', answer.question) + markup.element(
          'dd', markup.escape(answer.text) + _command(answer.command)))
      for answer in answers), class_='answers')


def _command(command: str) -> str:
  """A command whose lines break between its words alone."""
  words = ' '.join(markup.element('span', markup.escape(word)) for word in command.split(' '))
  return ' ' + markup.element('code', words, class_='command') if command else ''


def statuses(comparison: comparison_lib.Comparison, but: str | None = None) -> str:
  """The status of every method, or of all but one, in a line."""
  groups = [
      f'{overview.badge(status)} ' + markup.escape(
          wording.listing([*map(wording.method, methods)], most=_NAMED))
      for status, methods in answers_lib.by_status(comparison, but).items()]
  if not groups:
    return ''
  return markup.element('p', ('Others: ' if but else '') + ' '.join(
      markup.element('span', group, class_='group') for group in groups), class_='others')


def rules(found: status_lib.Status | None = None) -> str:
  """The rule of every status, in the order in which they are looked at."""
  items = ''.join(markup.element(
      'li', f'{overview.badge(status)} {markup.escape(status.rule)}',
      **({'class_': 'found'} if status is found else {}))
      for status in status_lib.RULES)
  summary = 'How the status is found' if found is None else f'Why “{found.word}”'
  return markup.details(summary, markup.paragraph(
      'The first of these that holds. A measure sees where it tells the untouched '
      'original from the retrained models, and can tell where it tells the original '
      'with its logit masked (head-only) from them too. All are judged by the noise '
      'band, outside of which a retrained model itself falls one time in twenty.')
                        + markup.element('ol', items, class_='rules'))
