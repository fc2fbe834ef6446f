"""Committed figures belong to scripts, and bear out what these claim."""

import importlib
import json
import pathlib
import re

import pytest

from benchmarks import _page
from benchmarks import _results
from benchmarks import pod_plan

ROOT = pathlib.Path(__file__).parents[2]
FILES = sorted(_results.FOLDER.glob('*.json'))


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_a_script_makes_it_and_its_claims_hold(path):
  results = json.loads(path.read_text())
  assert callable(importlib.import_module(
      f'benchmarks.{path.stem.removesuffix("_gpu")}').main)
  assert results['versions']['jax']
  # Neither a machine's name nor a place on it.
  assert not re.search(r'/(work|tmp|home|root|mnt)\b', path.read_text())
  # A missed claim stands on the page, with its number and the reason.
  for claim in _results.claims_in(results) if 'claims' in results else ():
    assert claim.holds or claim.what in _page.REASONS, str(claim)


@pytest.mark.parametrize('name', _page.BENCHMARKS)
def test_every_benchmark_has_left_its_figures(name):
  results = _results.load(name)
  assert results['benchmark'] == f'python -m benchmarks.{name}'
  assert results['claims']


def test_a_claim_is_judged_by_its_value():
  assert _results.Claim('', 2., 'at least', 2.).holds
  assert not _results.Claim('', 2., 'at most', 1.9).holds
  assert not _results.Claim('', float('nan'), 'at most', 1.).holds


def test_the_plan_is_judged_by_its_rows():
  """On every pod; and a plan that gathers is refused."""
  results = _results.load('pod_plan')
  rows = results['rows']
  assert pod_plan.check(rows) == _results.claims_in(results)
  pods = {(r['model'], r['chips']) for r in rows}
  assert len(rows) == len(pods) * len(pod_plan.PROGRAMS)
  assert {chips for _, chips in pods} <= set(pod_plan.TOPOLOGIES.values())
  gathered = {'kind': 'all-gather', 'count': 1, 'bytes': 10**6}
  for i, row in enumerate(rows):
    worse = {**row, 'collectives': [*row['collectives'], gathered]}
    judged = pod_plan.check([*rows[:i], worse, *rows[i + 1:]])
    if row['program'] != 'plain step':
      assert not all(claim.holds for claim in judged)


def test_the_page_is_up_to_date():
  text = (ROOT / 'docs' / 'speed.md').read_text()
  assert text == _page.page(), 'run: python -m benchmarks._page > docs/speed.md'
