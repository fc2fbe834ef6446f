"""Further arguments of a loss that follow the loop: the parameters, or the count of steps."""

from collections.abc import Callable
import dataclasses
from typing import Any

import numpy as np

from unsc_jax import storage


@dataclasses.dataclass(frozen=True)
class Refresh:
  """Further arguments of a loss that follow the parameters.

  Attributes:
    every: how many steps they are kept for.
    given: from the parameters of now to the arguments; they may not share
      buffers with the parameters, which the next step consumes. Where there is a
      checkpoint, it is a function that can be seen into, or a frozen dataclass.
  """
  every: int
  given: Callable[[Any], tuple]

  def at(self, step: int, params: Any) -> tuple:
    """The arguments of a step."""
    del step
    return self.given(params)

  def told(self, steps: int) -> dict[str, Any]:
    """What tells them from others that begin alike."""
    del steps
    return {'every': self.every, 'given': storage.describe_function(self.given)}


@dataclasses.dataclass(frozen=True)
class Scheduled:
  """A further argument of a loss that follows the count of steps.

  Attributes:
    value: from the step, from 0 on, to a number: an Optax schedule.
  """
  value: Callable[[int], Any]
  every = 1

  def at(self, step: int, params: Any) -> tuple:
    """The argument of a step."""
    del params
    return (np.float32(self.value(step)),)

  def told(self, steps: int) -> dict[str, Any]:
    """What tells it from others that begin alike: all of its values."""
    values = [self.at(step, None) for step in range(steps)]
    return {'values': storage.fingerprint(np.array(values, np.float32))}
