"""Labelled examples: inputs of any structure, and what they are called."""

from collections.abc import Iterable
import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from unsc_jax import batching
from unsc_jax.problem import classes as classes_lib


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=('x', 'y'), meta_fields=())
@dataclasses.dataclass(frozen=True)
class Examples:
  """Labelled examples in host memory, a pytree.

  Example:
    >>> pairs = Examples({'left': np.ones((3, 2)), 'right': np.ones(3)}, np.arange(3))
    >>> len(pairs), pairs.where(pairs.labels > 0).x['left'].shape
    (3, (2, 2))
  """
  x: Any  # [N, ...] inputs, ready for the network, or a pytree of such arrays
  y: Any  # [N] integer labels, or [N, C] the probabilities of labels

  def __len__(self) -> int:
    return batching.count(self.y)

  @property
  def labels(self) -> np.ndarray:
    """`[N]`: the labels; of probabilities the most likely one."""
    y = np.asarray(self.y)
    return y.argmax(-1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(len(y))

  def where(self, mask: np.ndarray | slice) -> 'Examples':
    """The examples that a boolean mask [N], indices or a slice selects."""
    return jax.tree.map(lambda leaf: leaf[mask], self)

  def without(self, classes: Iterable[int]) -> 'Examples':
    """Those of other classes."""
    named = classes_lib.numbers(classes, 'the classes to leave out')
    return self.where(~np.isin(self.labels, named)) if named else self

  def spread(self, count: int) -> 'Examples':
    """So many of them from all over, always the same; all if there are no more."""
    n = len(self)
    return self if count >= n else self.where(batching.evenly(n, count))

  def drawn(self, count: int, key: jax.Array) -> 'Examples':
    """So many of them, at random; all, in a random order, if there are no more."""
    order = np.random.default_rng(batching.seed_of(key)).permutation(len(self))
    return self.where(order[:count])

  def replace(self, **changes: Any) -> 'Examples':
    """The same with other `x` or `y`."""
    return dataclasses.replace(self, **changes)
