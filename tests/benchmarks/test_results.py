"""Committed figures belong to scripts, and bear out what these claim."""

import importlib
import itertools
import json
import pathlib
import re
import types

import jax
import jax.numpy as jnp
import pytest

from benchmarks import _page
from benchmarks import _pod_claims
from benchmarks import _results
from benchmarks import pod_plan
from unsc_jax.capture import layers
from unsc_jax.moments import gram
from unsc_jax.moments import sums

ROOT = pathlib.Path(__file__).parents[2]
FILES = sorted(_results.FOLDER.glob('*.json'))


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_a_script_makes_it_and_its_claims_hold(path):
  results = json.loads(path.read_text())
  assert callable(importlib.import_module(
      f'benchmarks.{re.sub("_(gpu|tpu)$", "", path.stem)}').main)
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
  assert _pod_claims.check(rows) == _results.claims_in(results)
  pods = {(r['model'], r['chips']) for r in rows}
  assert pods == set(itertools.product(pod_plan.MODELS, pod_plan.TOPOLOGIES.values()))
  assert len(rows) == (len(pods) * len(pod_plan.PROGRAMS)
                       + len(pod_plan.MODELS) * len(pod_plan.SOFT))
  gathered = {'kind': 'all-gather', 'count': 1, 'bytes': 10**6}
  for i, row in enumerate(rows):
    worse = {**row, 'collectives': [*row['collectives'], gathered]}
    judged = _pod_claims.check([*rows[:i], worse, *rows[i + 1:]])
    if row['program'] != 'plain step':
      assert not all(claim.holds for claim in judged)
    if row['program'] == 'running sum':  # and one that keeps the old sum
      kept = {**row, 'bytes_in_place': 0}
      judged = _pod_claims.check([*rows[:i], kept, *rows[i + 1:]])
      assert not all(claim.holds for claim in judged)


@pytest.mark.parametrize(('d', 'entries'), [
    (64, 0), (768, 0), (1000, 0), (4608, 9), (576, 9), (147, 49), (2304, 9), (1152, 1)])
def test_what_has_to_be_summed_is_what_the_moments_compute(d, entries):
  """The plan's arithmetic against the blocks that the library makes."""
  window = (entries,) if entries else ()
  conv = layers.Conv(
      jnp.zeros((1, *window, d // max(entries, 1))), window, (1,), ((0, 0),), (1,),
      (1,), 1)
  inputs = conv if entries else layers.Dense(jnp.zeros((1, 3, d)))
  seen = []

  def upper(blocks):
    seen.append(sum(block.size for row in gram.upper(blocks) for block in row))
    return gram.upper(blocks)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(sums, 'gram', types.SimpleNamespace(
        **{**vars(gram), 'upper': upper}))
    jax.eval_shape(lambda x: sums.sums(inputs._replace(x=x), 10**9), inputs.x)
  widths = pod_plan.widths(d, entries)
  assert sum(widths) == d
  assert {(d**2 + sum(w**2 for w in widths)) // 2} == set(seen)


def test_a_gpus_figures_leave_those_of_a_cpu(monkeypatch, tmp_path, capsys):
  monkeypatch.setattr(_results, 'FOLDER', tmp_path)
  claim = _results.Claim('speed', 2., 'at least', 1.)
  for backend in ('cpu', 'gpu'):
    monkeypatch.setattr(jax, 'default_backend', lambda backend=backend: backend)
    _results.publish('one', [claim], {'row': 3}, hardware=backend)
  assert {p.name for p in tmp_path.iterdir()} == {'one.json', 'one_gpu.json'}
  assert _results.load('one')['hardware'] == 'cpu'
  said = capsys.readouterr().out
  assert "('row', 3)" in said
  assert '| speed | 2 | at least 1 | holds |' in said
  with pytest.raises(AssertionError, match='MISSED: speed'):
    _results.publish('one', [claim._replace(value=0.)], {})


def test_the_page_is_up_to_date():
  text = (ROOT / 'docs' / 'speed.md').read_text()
  assert text == _page.page(), 'run: python -m benchmarks._page > docs/speed.md'
