"""Pages that are committed are what their results make, and are full."""

import pathlib
import re

import pytest

from unsc_jax import report
from unsc_jax.report import figures
from unsc_jax.report.html import svg

EXAMPLES = sorted((pathlib.Path(__file__).parents[2] / 'docs' / 'examples').iterdir())


OLD = 'run: python -m unsc_jax report '


def _words(page: str) -> str:
  """Without what is drawn: of a figure its title and description."""
  return re.sub(r'<svg[^>]*>(<title.*?</desc>).*?</svg>\n?', r'\1', page, flags=re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize('folder', EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_is_made_of_its_results(folder):
  results = report.read(folder / 'results.json')
  assert (folder / 'report.html').read_text() == report.render(results), OLD + folder.name


@pytest.mark.parametrize('name', ['losses', 'relearn', 'contours'])
def test_figures_of_an_example_are_drawn_of_its_results(name):
  """Daily some of one page; all of all pages above."""
  folder, *_ = EXAMPLES
  results = report.read(folder / 'results.json')
  drawn = svg.inline(getattr(figures, name)(results), name)
  assert drawn in (folder / 'report.html').read_text(), OLD + folder.name


@pytest.mark.parametrize('folder', EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_is_full_and_says_what_its_results_do(folder, undrawn):
  results = report.read(folder / 'results.json')
  page = (folder / 'report.html').read_text()
  assert _words(page) == _words(report.render(results)), OLD + folder.name
  assert {'original', 'retrain', 'head_only', 'unsc'} < {*results.methods}  # and a rival
  assert all(vars(results.pictures).values())
  assert results.rows[0].relearning
