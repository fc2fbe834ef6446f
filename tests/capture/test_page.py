"""The committed page is what the table says."""

import pathlib

from tests.capture import page
from tests.capture import table

PAGE = pathlib.Path(__file__).parents[2] / 'docs' / 'what-is-captured.md'


def test_page_is_up_to_date():
  assert PAGE.read_text() == page.page(), (
      'run: python -m tests.capture.page > docs/what-is-captured.md')


def test_rows_have_names_of_their_own():
  names = [case.id for case in table.CASES]
  assert sorted(names) == sorted(set(names))
  assert {case.what for case in table.CASES} >= table.DAILY
