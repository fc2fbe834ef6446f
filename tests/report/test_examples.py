"""Pages that are committed are what their results make, and are full."""

import pathlib

import pytest

from unsc_jax import report

EXAMPLES = sorted((pathlib.Path(__file__).parents[2] / 'docs' / 'examples').iterdir())


@pytest.mark.parametrize('folder', EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_is_made_of_its_results(folder):
  results = report.read(folder / 'results.json')
  page = (folder / 'report.html').read_text()
  assert page == report.render(results), f'run: python -m unsc_jax report {folder.name}'
  assert {'original', 'retrain', 'head_only', 'unsc'} < {*results.methods}  # and a rival
  assert all(vars(results.pictures).values())
  assert results.rows[0].relearning
