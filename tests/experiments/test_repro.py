"""Results are made again by their own command, and what differs is said."""

import dataclasses
import pathlib

import pytest

from experiments import compare
from experiments import repro
from unsc_jax import report

DEMO = pathlib.Path(__file__).parents[2] / 'docs/examples/digits-small_cnn/results.json'


@pytest.fixture(scope='module')
def results() -> report.Results:
  return report.read(DEMO)


def _moved(results: report.Results, measure: str, by: float) -> report.Results:
  """The last network's measure moved."""
  *rows, last = results.rows
  moved = {**last.metrics, measure: last.metrics[measure] + by}
  return dataclasses.replace(
      results, rows=(*rows, dataclasses.replace(last, metrics=moved)))


def test_the_same_again_differs_in_nothing(results):
  assert not [*repro.differences(results, results, 0, 0)]


@pytest.mark.parametrize(('measure', 'near', 'far'), [
    ('forget_test', .019, .021), ('retain_test', -.019, -.021), ('relearn_steps', 2, 3)])
def test_what_lies_farther_off_than_allowed_is_named(results, measure, near, far):
  of = lambda by: [*repro.differences(results, _moved(results, measure, by), .02, 2)]
  assert not of(near)
  found, = of(far)
  last = results.rows[-1]
  assert found[:3] == (last.method, last.seed, measure)
  assert found.observed - found.expected == pytest.approx(far)


def test_networks_and_values_that_only_one_has_are_named(results):
  *rows, last = results.rows
  fewer = dataclasses.replace(results, rows=tuple(rows))
  measured = {name for name, value in last.metrics.items() if value is not None}
  for found in (repro.differences(results, fewer, 9, 99),
                repro.differences(fewer, results, 9, 99)):
    assert {one.measure for one in found if one.method == last.method} == measured
  assert [*repro.differences(results, _moved(results, 'logit_drift', float('nan')), 9, 99)]


def test_options_are_those_of_the_command(results):
  again = dataclasses.replace(
      results, command='python -m experiments.compare --only esc --seeds 4 5 --share .25')
  module, config = repro.command(again)
  assert module is compare
  assert config == compare.Config(only=('esc',), seeds=(4, 5), share=.25)


def test_what_no_experiment_made_is_refused(results):
  with pytest.raises(ValueError, match='no script of experiments'):
    repro.command(dataclasses.replace(results, command='unsc-jax forget --forget 3'))


def test_what_differs_is_told_with_versions_and_ends_with_code_1(
    results, capsys, monkeypatch, tmp_path):
  other = _moved(results, 'retain_test', -.5)
  other = dataclasses.replace(
      other, environment={**other.environment, 'jax': '99'})
  asked = []
  monkeypatch.setattr('experiments.forget_class.run',
                      lambda config: asked.append(config) or other)
  with pytest.raises(SystemExit) as end:
    repro.run(repro.Config(DEMO, out=tmp_path))
  assert end.value.code == 1
  said = capsys.readouterr().out
  count = sum(len(row.metrics) for row in results.rows)
  assert f'{count - 1} of {count} measures' in said
  last = results.rows[-1]
  assert f'| {last.method} | {last.seed} | retain_test | ' in said
  assert f'jax: {results.environment["jax"]} then, 99 now' in said
  assert asked[0].dataset == 'digits'
  assert asked[0].out == tmp_path


@pytest.mark.slow
def test_a_small_comparison_comes_out_the_same_again(tmp_path):
  config = compare.Config(only=('esc',), seeds=(0,), trials=2, epochs=2, out=tmp_path)
  made = compare.run(dataclasses.replace(config, name='first'))
  made = dataclasses.replace(
      made, command='python -m experiments.compare --only esc --seeds 0 --trials 2 --epochs 2')
  report.write(tmp_path / 'made.json', made)
  repro.run(repro.Config(tmp_path / 'made.json', tol=1e-6, steps=0, out=tmp_path))
