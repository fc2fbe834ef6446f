"""How requests are served: chosen once, when a model is enrolled."""

from collections.abc import Mapping
import dataclasses
import math
from typing import Any

import optax

from unsc_jax import null_space


@dataclasses.dataclass(frozen=True)
class Choices:
  """How requests are served; kept in the store, and the same for all of them.

  Attributes:
    tau: how much a soft filter lets pass, as `null_space.soft` takes it.
    energy: instead of that, the share of every layer's input energy on retained data
      that a hard cut protects; None for the soft filter.
    learning_rate: of SGD, confined to what that leaves free. Its steps are as small
      as what is free; Adam would make them all of one length, and drift by more.
    momentum: of SGD.
    steps: updates to make at most.
    batch_size: examples to be forgotten a step.
    stop_below: mean probability of the labels of forgotten classes under which to
      stop; single examples stop at what unseen ones have.
    seed: of all that is drawn.
    drift_budget: how far all requests together may move a layer's outputs on
      retained data, relative to these outputs, before a request is refused.
    moments_batch_size: examples a step of the passes for moments.
    moments_bytes: moments are stored class by class if that takes no more.

  Raises:
    ValueError: a value is out of range.

  Example:
    >>> Choices(energy=1.5)
    Traceback (most recent call last):
    ValueError: energy is 1.5; give a share above 0, and 1 at most.
  """
  tau: float = 3e-4
  energy: float | None = None
  learning_rate: float = .05
  momentum: float = .9
  steps: int = 200
  batch_size: int = 128
  stop_below: float = .005
  seed: int = 0
  drift_budget: float = .25
  moments_batch_size: int = 256
  moments_bytes: int = 2**30

  def __post_init__(self):
    if self.energy is not None and not 0 < self.energy <= 1:
      raise ValueError(f'energy is {self.energy}; give a share above 0, and 1 at most.')
    if not 0 <= self.momentum < 1:
      raise ValueError(f'momentum is {self.momentum}; give a number from 0 to below 1.')
    for name in ('tau', 'learning_rate', 'steps', 'batch_size', 'drift_budget',
                 'moments_batch_size'):
      value = getattr(self, name)
      if not 0 < value < math.inf:
        raise ValueError(f'{name} is {value}; give a number above 0.')
    if not math.isfinite(self.stop_below):
      raise ValueError(f'stop_below is {self.stop_below}; give a probability.')
    if not self.moments_bytes >= 0:
      raise ValueError(f'moments_bytes is {self.moments_bytes}; give a number from 0 on.')

  @property
  def filter(self) -> null_space.Filter:
    """From moments to what updates are confined to."""
    if self.energy is None:
      return null_space.soft(self.tau)
    return null_space.hard(self.energy)

  @property
  def optimizer(self) -> optax.GradientTransformation:
    """What makes the steps, before it is confined."""
    return optax.sgd(self.learning_rate, momentum=self.momentum)

  @classmethod
  def of(cls, stored: Mapping[str, Any]) -> 'Choices':
    """Those that a store has, as JSON."""
    return cls(**stored)
