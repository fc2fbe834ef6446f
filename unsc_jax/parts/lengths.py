"""How long to train: so many steps, or so many epochs, as papers count."""

import dataclasses
from typing import Any, TypeVar

from unsc_jax import batching

T = TypeVar('T', int, float)


@dataclasses.dataclass(frozen=True)
class Lasting:
  """What lasts so many steps, or so many epochs of batches.

  Args:
    steps: updates to make.
    batch_size: examples a step.
    epochs: instead of steps, passes over the examples that it goes by.

  Raises:
    ValueError: both are given or neither, or the one given is negative; or a batch has
      less than one example.

  Example:
    >>> class over_all(Lasting):
    ...   def goes_by(self, forget, retain):
    ...     return len(forget) + len(retain), self.batch_size
    >>> over_all(epochs=2, batch_size=4).length([0] * 2, [1] * 8)
    5
  """
  steps: int | None = None
  batch_size: int = 128
  epochs: float | None = dataclasses.field(default=None, kw_only=True)

  def __post_init__(self):
    name = type(self).__name__
    if (self.steps is None) == (self.epochs is None):
      given = 'neither is' if self.steps is None else 'both are'
      raise ValueError(
          f'{name} lasts so many steps or so many epochs, and {given} given; give '
          'one of the two.')
    if min(self.steps or 0, self.epochs or 0) < 0:
      raise ValueError(f'{self} would train for less than no time; give 0 or more.')
    check_batches(self)

  def goes_by(self, forget: Any, retain: Any) -> tuple[int, int]:
    """How many examples an epoch has, and how many of them a step takes."""
    raise NotImplementedError

  def length(self, forget: Any, retain: Any) -> int:
    """How many steps it takes on these sets."""
    if self.steps is not None:
      return self.steps
    if not self.epochs:
      return 0
    return batching.steps_for(*self.goes_by(forget, retain), self.epochs)


def unless(other: float | None, own: T | None, default: T) -> T | None:
  """The length that was asked for in its own unit; in neither, the default.

  Example:
    >>> unless(None, None, 10), unless(50, None, 10), unless(None, 3, 10)
    (10, None, 3)
  """
  return default if other is None and own is None else own


def check_batches(schedule: Any) -> None:
  """Raises ValueError where a schedule's batches would have no examples."""
  for size in ('batch_size', 'retain_batch_size'):  # the latter of those that have two
    if (given := getattr(schedule, size, None)) is not None and given < 1:
      raise ValueError(f'{size} of {type(schedule).__name__} is {given}, and no step learns '
                       'of no example; give 1 or more.')
