"""The data of the figures that show networks of the first seed.

`C` classes, `E` bins, `n` images, `k` steps along a direction.
"""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
from typing import Annotated

import msgspec

Natural = Annotated[int, msgspec.Meta(ge=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Rising = Annotated[tuple[float, ...], msgspec.Meta(min_length=2)]
Table = tuple[tuple[NotNegative, ...], ...]
Grid = tuple[tuple[float | None, ...], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossShares:
  """Shares of images whose loss lies in each of `E` bins."""
  retain: tuple[NotNegative, ...]  # of the training images that stay
  unseen: tuple[NotNegative, ...]  # of the test images
  forget: tuple[NotNegative, ...]  # of the training images to be forgotten


@dataclasses.dataclass(frozen=True, kw_only=True)
class Losses:
  """Histograms of the cross-entropy loss."""
  edges: Rising  # `[E + 1]` of the bins, rising
  counts: Mapping[str, LossShares]  # by method

  def __post_init__(self):
    check_rising('edges', self.edges)
    for method, shares in self.counts.items():
      for name, values in vars(shares).items():
        check_length(f'counts.{method}.{name}', values, len(self.edges) - 1, 'bins')


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureMap:
  """Features of the same test images in the plane, once a network."""
  labels: tuple[Natural, ...]  # `[n]`, their classes
  points: Mapping[str, tuple[tuple[float | None, float | None], ...]]  # `[n, 2]` by method
  note: str | None = None  # how the map was made, and what not to read from it

  def __post_init__(self):
    for method, points in self.points.items():
      check_length(f'points.{method}', points, len(self.labels), 'labels')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Landscape:
  """Mean losses at every pair of `k` steps, `[k, k]`."""
  forget: Grid  # of images to be forgotten
  retain: Grid  # of images that stay


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contours:
  """The loss around the original weights along two random directions."""
  along: Rising  # `[k]` steps in norms of the weights, rising
  in_null_space: Landscape  # losses along directions in the null space
  out_of_null_space: Landscape  # losses along directions orthogonal to it

  def __post_init__(self):
    check_rising('along', self.along)
    for space in ('in_null_space', 'out_of_null_space'):
      for name, grid in vars(getattr(self, space)).items():
        if {len(grid), *map(len, grid)} != {len(self.along)}:
          raise ValueError(f'{space}.{name} is not {len(self.along)} x '
                           f'{len(self.along)} for {len(self.along)} steps along')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pictures:
  """What figures show of single networks; each part may be missing."""
  # `[C, C]` by method: test images by true and predicted class.
  confusion: Mapping[str, Table] = dataclasses.field(default_factory=dict)
  losses: Losses | None = None  # histograms of losses
  feature_map: FeatureMap | None = None  # features in the plane
  contours: Contours | None = None  # losses around the original weights

  def disagreements(self, methods: Sequence[str], classes: int) -> Iterator[str]:
    """What does not fit to the rest of the results, as clauses."""
    by_method: dict[str, Mapping] = {'confusion': self.confusion}
    if self.losses:
      by_method['losses.counts'] = self.losses.counts
    if self.feature_map:
      by_method['feature_map.points'] = self.feature_map.points
      if not all(label < classes for label in self.feature_map.labels):
        yield ('pictures.feature_map.labels names a class that is not one of 0 to '
               f'{classes - 1}')
    for path, part in by_method.items():
      if others := [method for method in part if method not in methods]:
        yield f'pictures.{path} names {others[0]!r}, which methods does not'
    for method, table in self.confusion.items():
      if {len(table), *map(len, table)} != {classes}:
        yield f'pictures.confusion.{method} is not {classes} x {classes}'


def check_length(name: str, values: Sequence, size: int, things: str) -> None:
  """Raises if there is not one value for each of some things."""
  if len(values) != size:
    raise ValueError(f'{name} has {len(values)} entries for {size} {things}')


def check_rising(name: str, values: Sequence[float]) -> None:
  """Raises if a value is not larger than the one before."""
  if not all(a < b for a, b in zip(values, values[1:])):
    raise ValueError(f'{name} has a number that is no larger than the one before')
