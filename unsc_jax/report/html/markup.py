"""HTML from values, escaped."""

from collections.abc import Iterable, Sequence
import html
from typing import NamedTuple

escape = html.escape


def element(name: str, content: str, **attributes: str) -> str:
  """An element around HTML that is escaped already.

  Example:
    >>> element('p', 'a &lt; b', class_='note', title='"so"')
    '<p class="note" title="&quot;so&quot;">a &lt; b</p>'
  """
  given = ''.join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
                  for key, value in attributes.items())
  return f'<{name}{given}>{content}</{name}>'


class Section(NamedTuple):
  """A part of the page that a link can lead to."""
  name: str
  title: str
  content: str  # HTML; without any there is no section
  folded: bool = False  # behind its title, until somebody opens it


def section(part: Section) -> str:
  """A section as HTML; a link to a folded one opens it."""
  heading = element('h2', escape(part.title), id=f'{part.name}-heading')
  if part.folded:
    inner = element('details', element('summary', heading) + element(
        'div', part.content, id=part.name))
    return element('section', inner, aria_labelledby=f'{part.name}-heading',
                   class_='folded')
  return element('section', f'{heading}\n{part.content}', id=part.name,
                 aria_labelledby=f'{part.name}-heading')


def table(name: str, header: Sequence[str], rows: Iterable[Sequence[str]],
          class_: str = '') -> str:
  """A table that scrolls on its own; the first cell of a row names it.

  Args:
    name: plain text, for those who hear the table.
    header: HTML of the columns' names.
    rows: HTML of the cells; a whole `<td>` is left as it is.
    class_: of the table.

  Returns:
    HTML.
  """
  head = ''.join(element('th', cell, scope='col') for cell in header)
  body = '\n'.join(
      element('tr', element('th', row[0], scope='row') + ''.join(
          cell if cell.startswith('<td') else element('td', cell)
          for cell in row[1:])) for row in rows)
  inner = element('thead', element('tr', head)) + element('tbody', body)
  # A region that scrolls has to be within reach of the keyboard.
  return element('div', element('table', inner, class_=class_), class_='scroll',
                 tabindex='0', role='region', aria_label=name)


def paragraph(text: str, class_: str = 'note') -> str:
  """A paragraph of plain text."""
  return element('p', escape(text), class_=class_)


def details(summary: str, content: str, class_: str = '') -> str:
  """HTML that is folded behind a line of plain text."""
  return element('details', element('summary', escape(summary)) + content,
                 class_=class_)
