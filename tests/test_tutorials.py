"""The tutorials run as they stand, on few digits, and reach the page."""

import pathlib
import runpy

import numpy as np
import pytest

from tests.report import examples
from unsc_jax import data as data_lib
from unsc_jax import evaluation
from unsc_jax.evaluation import measured
from unsc_jax.evaluation import outputs as outputs_lib
from unsc_jax.study import pictures

FOLDER = pathlib.Path(__file__).parents[1] / 'docs' / 'tutorials'
TUTORIALS = sorted(FOLDER.glob('*.py'))


@pytest.fixture
def few_digits(monkeypatch, tmp_path):
  """A third of them, in a folder of one's own."""
  digits = data_lib.load('digits')
  few = digits._replace(**{name: getattr(digits, name).where(slice(None, None, 3))
                           for name in ('train', 'validation', 'test')})
  monkeypatch.setattr(data_lib, 'load', lambda name: few)
  monkeypatch.chdir(tmp_path)
  return few


def _reached(few: data_lib.Dataset, path: pathlib.Path) -> dict:
  """Runs a tutorial, looks at the page, and returns accuracies by method."""
  results = runpy.run_path(str(path))['results']
  page = pathlib.Path('report.html').read_text()
  assert page.startswith('<!DOCTYPE html>')
  assert 'Forgetting class 3 of digits' in page
  rows = {row.method: row.metrics for row in results.rows}
  assert [*rows] == ['original', 'retrain', 'head_only', 'unsc']
  assert results.dataset.sizes.train == len(few.train)
  assert min(rows['original']['forget_test'], rows['retrain']['retain_test']) > .8
  assert rows['unsc']['forget_test'] < .3
  assert rows['unsc']['retain_test'] > .8
  return rows


def test_each_takes_forty_lines_at_most():
  assert len(TUTORIALS) == 5
  for path in TUTORIALS:
    assert len(path.read_text().splitlines()) <= 40, path.name


def test_one_reaches_the_page(few_digits, monkeypatch):
  """That of plain functions; with accuracies alone, as all measures take a minute.

  Of figures the page has the words, and the drawings in the long run.
  """
  def measure(setup, unlearned, *, outputs=None, references=None):
    metrics, _ = measured.plain(outputs_lib.accuracies(outputs))
    assert len(references) <= 1  # the retrained network has none but itself
    return evaluation.Measured(metrics=metrics, intervals={}, per_class=[None] * 10,
                               seconds=dict(unlearned.seconds), history={})

  monkeypatch.setattr(evaluation, 'measure', measure)
  monkeypatch.setattr(pictures, '_ALONG', np.linspace(-1, 1, 3))
  with examples.undrawn():
    _reached(few_digits, FOLDER / 'plain_function.py')


@pytest.mark.slow
@pytest.mark.parametrize('path', TUTORIALS, ids=lambda path: path.stem)
def test_all_measures_of_each_are_on_the_page(path, few_digits):
  rows = _reached(few_digits, path)
  for key in ('probe', 'agreement', 'relearn_steps', 'logit_drift', 'mia_confidence'):
    assert rows['unsc'][key] is not None, key
