"""The measures of `measures.toml`: what each is, what is good, and how to print it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import resources
import tomllib
from typing import Any, Literal, NamedTuple

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
LEAK_BOUND = 1e-5
_FORMATS = {  # of a value, of a gap, and the noun of a gap
    'share': (numerals.percent, numerals.points, 'point'),
    'small_share': (numerals.small_percent, None, ''),
    'decimal': (numerals.decimal, numerals.decimal_gap, ''),
    'steps': (numerals.steps, numerals.count_gap, 'step'),
    'scientific': (numerals.scientific, None, ''),
}


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
  images: Sequence[str] | None = None  # split and side of what is averaged
  behind: bool = False  # it looks behind the answers, at what a mask leaves as it was

  def least(self, value: float) -> str:
    """A value that was counted so far and is larger."""
    return f'>\u00a0{self.show(value)}'


class Group(NamedTuple):
  """Measures that are read together."""
  title: str
  text: str
  metrics: tuple[Metric, ...]


def _group(title: str, text: str, good: str = '', over: str = '', behind: bool = False,
           **measures: dict[str, Any]) -> Group:
  shared: dict[str, Any] = {'good': good, 'over': over, 'behind': behind}
  return Group(title, text, tuple(
      _metric(key, **shared | fields) for key, fields in measures.items()))


def _metric(key: str, kind: Kind, format: str, **fields: Any) -> Metric:
  show, show_gap, unit = _FORMATS[format]
  judged = kind in ('forget', 'retain', 'likeness')
  return Metric(key=key, kind=kind, show=show, show_gap=show_gap if judged else None,
                unit=unit, **fields)


GROUPS = tuple(_group(**group) for group in tomllib.loads(
    resources.files('unsc_jax.report').joinpath('measures.toml').read_text(
        encoding='utf-8')).values())
BY_KEY: Mapping[str, Metric] = {
    metric.key: metric for group in GROUPS for metric in group.metrics}


def in_order(keys: Iterable[str]) -> list[str]:
  """Each key once: those that are known in their order here, then the others."""
  given = dict.fromkeys(keys)
  return [*(key for key in BY_KEY if key in given),
          *(key for key in given if key not in BY_KEY)]


def describe(key: str) -> Metric:
  """The measure of a key; one that is not known is shown and not judged."""
  return BY_KEY.get(key) or Metric(
      key, key.replace('_', ' ').capitalize(), 'kept',
      'A measure that this version of unsc_jax has no description of.',
      'Not known here.', 'Not known here.', lambda value: f'{value:.4g}')
