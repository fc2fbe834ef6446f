"""HTML read back: its nesting, attributes and tables."""

from html import parser

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
