"""What classes are called: whole numbers, in whatever they are given."""

from collections.abc import Set
from typing import Any

import numpy as np


def numbers(given: Any, what: str, num_classes: int | None = None) -> tuple[int, ...]:
  """The numbers of some classes.

  Args:
    given: a sequence, set or array of whole numbers, or one alone.
    what: they are, for what is said of them: 'the classes to forget'.
    num_classes: how many there are; None where it is not known yet.

  Returns:
    The numbers in their order, those of a set sorted.

  Raises:
    ValueError: they are no whole numbers, or out of range.

  Example:
    >>> numbers({3, 1}, 'the classes to forget'), numbers(2, 'the classes to forget')
    ((1, 3), (2,))
  """
  of_set = isinstance(given, Set)  # which is one object to NumPy, and in no array
  try:
    found = np.asarray([*given] if of_set else given)
  except ValueError:  # lists of different lengths
    found = np.asarray(None)
  whole = found.dtype.kind in 'iuf' and np.isfinite(found).all() and (found % 1 == 0).all()
  if not whole or found.ndim > 1:
    raise ValueError(
        f'{what} are given as {given!r}; give their numbers, such as (3,) or (3, 5).')
  named = tuple(map(int, np.sort(found.ravel()) if of_set else found.ravel()))
  for one in named:
    if one < 0 or (num_classes is not None and one >= num_classes):
      last = '' if num_classes is None else f' to {num_classes - 1}'
      raise ValueError(
          f'{what} name class {one}, and there are those from 0{last}; leave it out.')
  return named
