"""The gap of one network's row to those of retrained ones, as pages show it."""

from collections.abc import Iterable, Mapping
from typing import Any

from unsc_jax import evaluation


def gap(row: Mapping[str, Any], others: Iterable[Mapping[str, Any]], name: str
        ) -> evaluation.Gap:
  """The gap of a metric, given the row of a network and those of retrained ones."""
  return evaluation.gap(_estimate(row, name), [_estimate(one, name) for one in others])


def _estimate(row, name) -> evaluation.Estimate:
  value = row['metrics'][name]
  return evaluation.Estimate(value, *row['intervals'].get(name, (value, value)))
