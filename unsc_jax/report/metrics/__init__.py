"""The measures: what each is, what is good, and how to print them."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from unsc_jax.report.metrics import accuracy
from unsc_jax.report.metrics import answers
from unsc_jax.report.metrics import attacks
from unsc_jax.report.metrics import features
from unsc_jax.report.metrics import preservation
from unsc_jax.report.metrics.metric import Metric

LEAK_BOUND = preservation.LEAK_BOUND


class Group(NamedTuple):
  """Measures that are read together."""
  title: str
  text: str
  metrics: tuple[Metric, ...]


GROUPS = (
    Group('Accuracy', 'How often the answers are right. For whole classes this '
          'shows the absence of harm and little else.', accuracy.METRICS),
    Group('Membership attacks', 'Whether an attacker can tell that the forgotten '
          'images were once trained on. Higher is not worse and lower is not '
          'better: like retrained is good.', attacks.METRICS),
    Group('Answers beside a retrained model’s', 'Mean distances to the retrained '
          'models. The retrained row, where it has a number, is the distance '
          'between retrained models of different seeds.', answers.METRICS),
    Group('What the features still know', 'Behind the answers: a class that is '
          'no longer named may be known all the same.', features.METRICS),
    Group('Against the original', 'How far what was to stay has moved. This is no '
          'measure of forgetting: doing nothing gives 0.', preservation.METRICS),
)
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
