"""What was measured of one network, in plain Python values that any file can hold."""

from collections.abc import Callable, Mapping
import dataclasses
import math
from typing import Any, NamedTuple, Self

from unsc_jax.evaluation.metrics import checks


class Missing(NamedTuple):
  """In the place of an estimate that has no value."""
  reason: str


def tried(measures: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
  """What each measures, or why it does not apply; any other fault is raised.

  Example:
    >>> def of_nothing():
    ...   raise checks.DoesNotApply('there are no examples.')
    >>> tried({'agreement': lambda: .5, 'cka': of_nothing})
    {'agreement': 0.5, 'cka': Missing(reason='there are no examples.')}
  """
  found: dict[str, Any] = {}
  for name, measure in measures.items():
    try:
      found[name] = measure()
    except checks.DoesNotApply as error:
      found[name] = Missing(str(error))
  return found


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
  # Why a metric is None.
  reasons: dict[str, str] = dataclasses.field(default_factory=dict)
  # Where counting stopped: the metric is that much at the least.
  limits: dict[str, float] = dataclasses.field(default_factory=dict)
  relearning: Relearning | None = None

  def with_(self, estimates: Mapping[str, Any]) -> Self:
    """The same with further metrics, as `tried` gives them."""
    metrics, intervals = plain(estimates)
    return dataclasses.replace(
        self, metrics={**self.metrics, **metrics},
        intervals={**self.intervals, **intervals},
        reasons={**self.reasons, **reasons(estimates)})


def plain(estimates: Mapping[str, Any]
          ) -> tuple[dict[str, float | None], dict[str, tuple[float, float]]]:
  """Values and intervals, apart.

  Args:
    estimates: name to an `Estimate`, a number, or `Missing`.

  Returns:
    Name to value, None where there is none or it is no number, and name to
    `(low, high)` where these are finite.

  Example:
    >>> plain({'agreement': (.5, .4, .6), 'leak': .1, 'cka': Missing('collapsed')})
    ({'agreement': 0.5, 'leak': 0.1, 'cka': None}, {'agreement': (0.4, 0.6)})
  """
  metrics: dict[str, float | None] = {}
  intervals = {}
  for name, estimate in estimates.items():
    if (value := _value(estimate)) is None:
      metrics[name] = None
      continue
    metrics[name] = value
    if isinstance(estimate, tuple):
      low, high = map(float, estimate[1:])
      if math.isfinite(low) and math.isfinite(high):
        intervals[name] = low, high
  return metrics, intervals


def reasons(estimates: Mapping[str, Any]) -> dict[str, str]:
  """Why those that have no value have none.

  Example:
    >>> reasons({'agreement': (.5, .4, .6), 'leak': math.nan, 'cka': Missing('collapsed')})
    {'leak': 'it came to nan, which is no number.', 'cka': 'collapsed'}
  """
  without = {name: one for name, one in estimates.items() if _value(one) is None}
  return {name: one.reason if isinstance(one, Missing) else
          f'it came to {float(one[0] if isinstance(one, tuple) else one)}, which is no number.'
          for name, one in without.items()}


def _value(estimate: Any) -> float | None:
  if isinstance(estimate, Missing):
    return None
  value = float(estimate[0] if isinstance(estimate, tuple) else estimate)
  return value if math.isfinite(value) else None
