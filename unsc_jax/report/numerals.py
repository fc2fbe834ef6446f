"""Numbers as the page prints them."""

import math


def percent(value: float, digits: int = 1) -> str:
  """A share as a percentage.

  Example:
    >>> percent(.6256).split()
    ['62.6', '%']
  """
  return spelled(value) or f'{100 * value:.{digits}f}\u00a0%'


def small_percent(value: float) -> str:
  """A share that may be far below a per cent, with two digits at least.

  Example:
    >>> small_percent(.00042).split(), small_percent(.19).split()
    (['0.042', '%'], ['19', '%'])
  """
  if spelled(value) or not value:
    return spelled(value) or '0\u00a0%'
  digits = max(0, 1 - math.floor(math.log10(abs(100 * value))))
  return percent(value, digits) if digits < 7 else f'{scientific(value * 100)}\u00a0%'


def points(value: float) -> str:
  """A difference of percentages; small ones finer, to tell them from a band.

  Example:
    >>> points(.0391), points(-.0024), points(0.)
    ('+3.9', '−0.24', '0')
  """
  return signed(100 * value, 1 if abs(value) >= .01 else 2)


def decimal(value: float) -> str:
  """A number of the size of 1, such as an area under a curve.

  Example:
    >>> decimal(.5), decimal(12.25), decimal(.0004)
    ('0.500', '12.2', '0.0004')
  """
  return spelled(value) or f'{value:.{_digits(value)}f}'.replace('-', '−')


def decimal_gap(value: float) -> str:
  """A difference of such numbers.

  Example:
    >>> decimal_gap(-.0316), decimal_gap(.00004)
    ('−0.032', '0')
  """
  return signed(value, _digits(value))


def _digits(value: float) -> int:
  return 1 if abs(value) >= 10 else 4 if 0 < abs(value) < .005 else 3


def count(value: float) -> str:
  """A number of things, or the mean of several such numbers.

  Example:
    >>> count(12.), count(12.5), count(3456.7)
    ('12', '12.5', '3457')
  """
  if spelled(value):
    return spelled(value)
  return f'{value:.0f}' if value >= 100 or value == int(value) else f'{value:.1f}'


def plural(number: float | str, noun: str, space: str = ' ') -> str:
  """A number, or what is printed of one, and its noun.

  Example:
    >>> plural(1, 'seed'), plural(3, 'class'), plural('+1', 'step'), plural('1.0', 'point')
    ('1 seed', '3 classes', '+1 step', '1.0 points')
  """
  text = number if isinstance(number, str) else count(number)
  ending = 'es' if noun.endswith('s') else 's'
  return f'{text}{space}{noun}' + ('' if text.lstrip('+−') == '1' else ending)


def steps(value: float) -> str:
  """A number of steps.

  Example:
    >>> [' '.join(steps(value).split()) for value in (12., 1.)]
    ['12 steps', '1 step']
  """
  return spelled(value) or plural(value, 'step', space='\u00a0')


def count_gap(value: float) -> str:
  """A difference of counts.

  Example:
    >>> count_gap(-3.2), count_gap(250.)
    ('−3.2', '+250')
  """
  return signed(value, 0 if abs(value) >= 100 or value == int(value) else 1)


def signed(value: float, digits: int) -> str:
  """A number with its sign; 0 has none.

  Example:
    >>> signed(-.25, 2), signed(.001, 2)
    ('−0.25', '0')
  """
  text = f'{value:+.{digits}f}'
  return '0' if float(text) == 0 else text.replace('-', '−')


def scientific(value: float) -> str:
  """A number of any size.

  Example:
    >>> scientific(3.21e-7), scientific(0.)
    ('3.2e−7', '0')
  """
  if spelled(value) or not value:
    return spelled(value) or '0'
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


def spelled(value: float) -> str:
  """What is not a number, in words; nothing for one."""
  if math.isnan(value):
    return 'not a number'
  return '' if math.isfinite(value) else 'unbounded'
