"""The gap of one network's measures to those of retrained ones, as pages show it."""

from collections.abc import Iterable

from unsc_jax import evaluation


def gap(measured: evaluation.Measured, others: Iterable[evaluation.Measured], name: str
        ) -> evaluation.Gap:
  """The gap of a metric, given what was measured of all of them."""
  return evaluation.gap(_estimate(measured, name),
                        [_estimate(one, name) for one in others])


def _estimate(measured, name) -> evaluation.Estimate:
  value = measured.metrics[name]
  return evaluation.Estimate(value, *measured.intervals.get(name, (value, value)))
