"""HTML from values, escaped."""

from collections.abc import Iterable, Sequence
import html

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


def section(name: str, title: str, *content: str) -> str:
  """A section of the page that a link can lead to; none without content."""
  inner = '\n'.join(filter(None, content))
  if not inner:
    return ''
  heading = element('h2', escape(title), id=f'{name}-heading')
  return element('section', f'{heading}\n{inner}', id=name,
                 aria_labelledby=f'{name}-heading')


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
