"""What is to be known of a measure to print it, judge it and explain it."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from unsc_jax.report import numerals

# Judged by the gap to the retrained models, on either side of the noise band:
#   forget: on one side knowledge is left, on the other it is over-unlearning.
#   retain: more than the retrained model has, or harm.
#   likeness: a distance to a retrained model, beside what another seed has.
# Only shown:
#   summary: of measures that are judged one by one.
#   kept: how little has moved of what was to stay.
#   check: that the computation is sound.
Kind = Literal['forget', 'retain', 'likeness', 'summary', 'kept', 'check']


class Metric(NamedTuple):
  """A measure."""
  key: str  # in results.json
  name: str  # heads its column and opens sentences
  kind: Kind
  what: str
  good: str
  over: str  # what over-unlearning looks like
  show: Callable[[float], str]
  show_gap: Callable[[float], str] | None = None  # None: it is not judged
  unit: str = ''  # of a gap, in sentences
  verb: str = 'is'  # between the name and a value
  left: Literal['above', 'below'] = 'above'  # where knowledge is left
  ideal: float | None = None  # of a likeness
  images: tuple[str, str] | None = None  # split and side of what is averaged

  def least(self, value: float) -> str:
    """A value that was counted so far and is larger."""
    return f'>\u00a0{self.show(value)}'


def share(key: str, name: str, kind: Kind, what: str, good: str, over: str,
          **more) -> Metric:
  """A measure from 0 to 1 that reads best as a percentage."""
  return Metric(key, name, kind, what, good, over, numerals.percent,
                numerals.points, ' points', **more)


def decimal(key: str, name: str, kind: Kind, what: str, good: str, over: str,
            **more) -> Metric:
  """A measure that reads best as a decimal number."""
  return Metric(key, name, kind, what, good, over, numerals.decimal,
                numerals.decimal_gap, **more)


def unjudged(metric: Metric) -> Metric:
  """A measure that is shown without a gap."""
  return metric._replace(show_gap=None)
