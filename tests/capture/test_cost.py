"""Tracing costs a few integers a value, whatever the parameters' size."""

import pytest

from benchmarks import trace_cost


@pytest.mark.parametrize('kind', ['scanned', 'unrolled'])
def test_a_billion_parameters_that_do_not_exist(kind):
  cost = trace_cost.in_own_process(kind)
  assert cost['parameters'] > 1e9
  assert cost['captured'] > .999
  for step in ('sites', 'moments'):
    assert cost[step]['seconds'] < trace_cost.LIMITS['seconds']
    assert cost[step]['mebibytes'] < trace_cost.LIMITS['mebibytes']
