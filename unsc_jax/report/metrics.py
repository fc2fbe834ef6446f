"""The measures: what they are, what is good, and how to print them."""

from collections.abc import Callable
import math
from typing import Literal, NamedTuple

# forget: judged by its gap to the retrained models; above is residual
#   knowledge, below is over-unlearning. retain: the same; below is harm.
# kept: how little has moved. check: that the computation is sound.
Kind = Literal['forget', 'retain', 'kept', 'check']

LEAK_BOUND = 1e-5


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
  images: tuple[str, str] | None = None  # split and side of what is averaged


def percent(value: float, digits: int = 1) -> str:
  """A share as a percentage.

  Example:
    >>> percent(.6256).split()
    ['62.6', '%']
  """
  return _spelled(value) or f'{100 * value:.{digits}f}\u00a0%'


def small_percent(value: float) -> str:
  """A share that may be far below a per cent, with two digits at least.

  Example:
    >>> small_percent(.00042).split(), small_percent(.19).split()
    (['0.042', '%'], ['19', '%'])
  """
  if _spelled(value) or not value:
    return _spelled(value) or '0\u00a0%'
  digits = max(0, 1 - math.floor(math.log10(abs(100 * value))))
  return percent(value, digits) if digits < 7 else f'{scientific(value * 100)}\u00a0%'


def points(value: float) -> str:
  """A difference of percentages; small ones finer, to tell them from a band.

  Example:
    >>> points(.0391), points(-.0024), points(0.)
    ('+3.9', '−0.24', '0')
  """
  text = f'{100 * value:+.{1 if abs(value) >= .01 else 2}f}'
  return '0' if float(text) == 0 else text.replace('-', '−')


def scientific(value: float) -> str:
  """A number of any size.

  Example:
    >>> scientific(3.21e-7), scientific(0.)
    ('3.2e−7', '0')
  """
  if _spelled(value) or not value:
    return _spelled(value) or '0'
  mantissa, exponent = f'{value:.1e}'.split('e')
  return f'{mantissa}e{int(exponent)}'.replace('-', '−')


def seconds(value: float) -> str:
  """A duration.

  Example:
    >>> [' '.join(seconds(s).split()) for s in (.012, 3.21, 754.2, 7500.)]
    ['0.01 s', '3.2 s', '12 min 34 s', '2 h 5 min']
  """
  if value < 60:
    return f'{value:.2f}\u00a0s' if value < 1 else f'{value:.1f}\u00a0s'
  if value < 3600:
    return f'{int(value) // 60}\u00a0min\u00a0{int(value) % 60}\u00a0s'
  return f'{int(value) // 3600}\u00a0h\u00a0{int(value) % 3600 // 60}\u00a0min'


def _spelled(value: float) -> str:
  """What is not a number, in words."""
  if math.isnan(value):
    return 'not a number'
  return '' if math.isfinite(value) else 'unbounded'


def _accuracy(key, name, kind, images, what, good, over):
  return Metric(key, name, kind, what, good, over, percent, points, images)


METRICS = (
    _accuracy(
        'forget_test', 'Forget accuracy (test)', 'forget', ('test', 'forget'),
        'The share of unseen images of the forgotten classes that still get '
        'their old label.',
        'What the retrained model has. For whole classes that is 0 %, and masking '
        'a logit reaches it too, so it says that the class is not named any '
        'more, not that it is unknown.',
        'For single examples, a value below the retrained model’s: it would '
        'have got some of them right without ever seeing them.'),
    _accuracy(
        'retain_test', 'Retain accuracy (test)', 'retain', ('test', 'retain'),
        'The mean accuracy over the remaining classes, on unseen images.',
        'What the retrained model has; less is harm done in passing.',
        'A fall below the retrained model: more was taken away than was asked.'),
    _accuracy(
        'forget_train', 'Forget accuracy (train)', 'forget', ('train', 'forget'),
        'The share of the very images to be forgotten that still get their old '
        'label.',
        'What the retrained model has, which never saw them.',
        'A value below the retrained model’s: avoiding the old label on just '
        'these images gives away which they were.'),
    _accuracy(
        'retain_train', 'Retain accuracy (train)', 'retain', ('train', 'retain'),
        'The mean accuracy over the remaining classes, on the images trained on.',
        'What the retrained model has; less is harm done in passing.',
        'A fall below the retrained model: more was taken away than was asked.'),
    _accuracy(
        'probe', 'Linear probe', 'forget', ('test', 'forget'),
        'A fresh linear classifier, with the true labels, on the features of the '
        'last layer: how often does it find the forgotten classes? It looks '
        'behind the answers, at what the network can still tell apart.',
        'What the retrained model has, which is far from chance: a class can be '
        'told apart without ever having been seen. More is knowledge left '
        'behind.',
        'A value below the retrained model’s: features were damaged, and '
        'the hole shows where the class had been.'),
    Metric(
        'logit_drift', 'Logit drift', 'kept',
        'How far the logits of the remaining classes moved on their unseen '
        'images, relative to their size.',
        'Little, if the aim is that all else stays as it was. Doing nothing '
        'gives 0, and retraining moves them far: read it beside the probe.',
        'Much drift without need: answers were changed that nobody asked to '
        'change.', small_percent),
    Metric(
        'flips', 'Flips', 'kept',
        'The share of unseen images of the remaining classes whose predicted '
        'class changed.',
        'Little, but not always 0: an image mistaken for the forgotten class '
        'has to be called something else.',
        'Many more flips than masking the logit makes.', small_percent),
    Metric(
        'certificate', 'Layer drift', 'kept',
        'The largest relative change of any layer’s output that the stored '
        'moments foretell, without data. A measured number for the inputs the '
        'moments were taken of, not a promise.',
        'Little; it is what UNSC keeps small by construction.',
        'As for logit drift.', small_percent),
    Metric(
        'leak', 'Leak', 'check',
        'The largest share of a weight change that lies outside the null space '
        'it was to stay in.',
        f'At most {scientific(LEAK_BOUND)}, the rounding of float32. It tells '
        'that the projection works, nothing about forgetting.',
        'Does not apply.', scientific),
)

BY_KEY = {metric.key: metric for metric in METRICS}


def describe(key: str) -> Metric:
  """The measure of a key; one that is not known is shown and not judged."""
  return BY_KEY.get(key) or Metric(
      key, key.replace('_', ' ').capitalize(), 'kept',
      'A measure that this version of unsc_jax has no description of.',
      'Not known here.', 'Not known here.', lambda value: f'{value:.4g}')
