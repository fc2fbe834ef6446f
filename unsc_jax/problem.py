"""What a method is given, and what it gives back.

`N` examples, `C` classes; images are `[N, H, W, channels]`, but nothing here
depends on it.
"""

from collections.abc import Callable
import dataclasses
from typing import Any, NamedTuple

import chex
import jax
import numpy as np


class Examples(NamedTuple):
  """Labelled examples in host memory."""
  x: np.ndarray  # [N, ...] inputs, ready for the network
  y: np.ndarray  # [N] integer labels

  def __len__(self) -> int:
    return len(self.y)

  def where(self, mask: np.ndarray) -> 'Examples':
    """The examples that a boolean mask [N] selects."""
    return Examples(self.x[mask], self.y[mask])
