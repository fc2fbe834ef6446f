"""What was measured of one network, in plain Python values that any file can hold."""

from collections.abc import Mapping
import dataclasses
import math
from typing import Any, Self


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relearning:
  """How a network learnt again what it was to forget; means over several draws."""
  steps: list[int]
  accuracy: list[float]  # after each of the steps
  target: float
  reached: float  # share of the draws that came to the target


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
  """All that is measured of one network; see `unsc_jax.report.metrics` for the names."""
  metrics: dict[str, float | None]  # None where it cannot be measured
  intervals: dict[str, tuple[float, float]]  # of those metrics that have one
  per_class: list[float | None]  # test accuracy; None for a class without examples
  seconds: dict[str, float]
  history: dict[str, list[float]]
  # Where counting stopped: the metric is that much at the least.
  limits: dict[str, float] = dataclasses.field(default_factory=dict)
  relearning: Relearning | None = None

  def with_(self, estimates: Mapping[str, Any]) -> Self:
    """The same with further metrics, of `Estimate`s, numbers and None."""
    metrics, intervals = plain(estimates)
    return dataclasses.replace(self, metrics={**self.metrics, **metrics},
                               intervals={**self.intervals, **intervals})


def plain(estimates: Mapping[str, Any]
          ) -> tuple[dict[str, float | None], dict[str, tuple[float, float]]]:
  """Values and intervals, apart.

  Args:
    estimates: name to an `Estimate`, a number, or None where it is not defined.

  Returns:
    Name to value, and name to `(low, high)` where these are finite.

  Example:
    >>> plain({'agreement': (.5, .4, .6), 'leak': .1, 'cka': None})
    ({'agreement': 0.5, 'leak': 0.1, 'cka': None}, {'agreement': (0.4, 0.6)})
  """
  metrics: dict[str, float | None] = {}
  intervals = {}
  for name, estimate in estimates.items():
    if isinstance(estimate, tuple):
      estimate, low, high = map(float, estimate)
      if math.isfinite(low) and math.isfinite(high):
        intervals[name] = low, high
    metrics[name] = None if estimate is None else float(estimate)
  return metrics, intervals
