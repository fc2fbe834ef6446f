"""Pages that are committed are what their results make, and are full."""

import json
import pathlib

import pytest

from unsc_jax import report

EXAMPLES = sorted((pathlib.Path(__file__).parents[2] / 'docs' / 'examples').iterdir())


@pytest.mark.parametrize('folder', EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_is_made_of_its_results(folder):
  results = json.loads((folder / 'results.json').read_text())
  page = (folder / 'report.html').read_text()
  assert page == report.render(results), f'run: python -m unsc_jax report {folder.name}'
  assert {'unsc', 'head_only', 'random_label', 'retrain'} <= {*results['methods']}
  assert all(results['pictures'][name] for name in (
      'confusion', 'losses', 'feature_map', 'contours', 'relearn'))
