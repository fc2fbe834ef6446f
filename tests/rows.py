"""Tables of cases, of which a few are run every day and all of them in long runs."""

from collections.abc import Collection, Iterable

import pytest


def daily(rows: Iterable[str], every_day: Collection[str]) -> list:
  """The rows for `pytest.mark.parametrize`: those that are not of every day are slow.

  Raises:
    ValueError: a row of every day is not in the table.
  """
  rows = list(rows)
  if not {*every_day} <= {*rows}:
    raise ValueError(f'{sorted({*every_day} - {*rows})} are no rows; choose among {rows}.')
  return [pytest.param(row, marks=() if row in every_day else pytest.mark.slow)
          for row in rows]
