"""Tables as plain text."""


def table(rows: list[tuple[str, ...]]) -> str:
  """Rows of strings as aligned columns."""
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  return '\n'.join(
      '  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
      for row in rows)
