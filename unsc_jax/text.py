"""Tables as plain text."""

from collections.abc import Sequence
import unicodedata


def table(rows: Sequence[Sequence[str]], rule: bool = False) -> str:
  """Rows of strings as columns that a terminal aligns.

  Args:
    rows: as many cells each.
    rule: whether to underline the first row.

  Returns:
    Lines of text.

  Example:
    >>> print(table([['a', 'b'], ['汉字', '22'], ['333', '4']], rule=True))
    a     b
    ----  --
    汉字  22
    333   4
  """
  widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
  lines = [*rows]
  if rule:
    lines.insert(1, ['-' * columns for columns in widths])
  return '\n'.join(
      '  '.join(cell + ' ' * (columns - width(cell))
                for cell, columns in zip(line, widths)).rstrip() for line in lines)


def width(text: str) -> int:
  """How many columns of a terminal a text takes."""
  return sum(0 if unicodedata.combining(c) else
             2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in text)
