"""HTML and drawings read back: nesting, attributes, tables and texts."""

from html import parser
from xml.etree import ElementTree

from unsc_jax.report.html import svg

VOID = {'meta', 'link', 'br', 'hr', 'img', 'input'}


class Reader(parser.HTMLParser):
  """Checks the nesting; collects attributes and the cells of tables."""

  def __init__(self, text: str):
    super().__init__()
    self.open, self.attributes, self.tables, self.counts = [], [], [], {}
    self.feed(text)
    self.close()

  def handle_starttag(self, tag, attrs):
    self.attributes += [(tag, key, value) for key, value in attrs]
    self.counts[tag] = self.counts.get(tag, 0) + 1
    if tag not in VOID:
      self.open.append(tag)
    if tag == 'table':
      self.tables.append([])
    elif tag == 'tr':
      self.tables[-1].append([])
    elif tag in ('td', 'th'):
      self.tables[-1][-1].append([])

  def handle_startendtag(self, tag, attrs):
    self.attributes += [(tag, key, value) for key, value in attrs]

  def handle_endtag(self, tag):
    assert self.open, f'</{tag}> closes nothing'
    assert self.open.pop() == tag, f'</{tag}> crosses another element'

  def handle_data(self, data):
    if 'td' in self.open or 'th' in self.open:
      self.tables[-1][-1][-1].append(data)

  def values(self, key):
    return [value for _, k, value in self.attributes if k == key]


def tree(plot: svg.Plot) -> ElementTree.Element:
  """The elements of a drawing."""
  return ElementTree.fromstring(svg.inline(plot, 'it'))


def texts(plot: svg.Plot) -> list[str]:
  """All that is written in a drawing."""
  return [''.join(text.itertext()) for text in tree(plot).iter('text')]


def plain(text: str) -> str:
  """A text with usual spaces."""
  return text.replace('\u00a0', ' ')
