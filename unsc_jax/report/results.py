"""What an experiment found: the types that scripts write and the page reads.

`C` classes. A measured number is None where it does not apply.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import math
import os
import pathlib
from typing import Annotated, Any, Final, Literal, TYPE_CHECKING

import msgspec

from unsc_jax import evaluation
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import pictures as pictures_lib
from unsc_jax.report.pictures import Natural

if TYPE_CHECKING:
  from matplotlib import figure as figure_lib

SCHEMA: Final = 4

REFERENCE = 'retrain'  # the method whose networks all others are held against

Count = Annotated[int, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Network:
  """Which network it is; a base of its own, so that a row opens with it."""
  method: str
  seed: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row(evaluation.Measured, _Network):
  """The network of one method and seed, and what was measured of it."""
  # JSON has null where a number was not finite, so these are wider than `Measured`'s.
  # pyrefly: ignore[bad-override]
  intervals: dict[str, tuple[float | None, float | None] | None] = (
      dataclasses.field(default_factory=dict))
  per_class: list[Share | None]
  history: dict[str, list[float | None]]  # pyrefly: ignore[bad-override]

  def __post_init__(self):
    for name, value in self.metrics.items():
      if metrics_lib.describe(name).images and not _is_share(value):
        raise ValueError(f'metrics.{name} is {value!r}, not a number from 0 to 1 or null')
    for name, ends in self.intervals.items():
      low, high = ends or (None, None)
      if low is not None and high is not None and low > high:
        raise ValueError(f'intervals.{name} is {ends!r}, not the low end first')
    for name, value in self.seconds.items():
      if not 0 <= value < math.inf:
        raise ValueError(f'seconds.{name} is {value!r}, not a duration')
    if self.relearning:
      steps, accuracy = self.relearning.steps, self.relearning.accuracy
      pictures_lib.check_rising('relearning.steps', steps)
      pictures_lib.check_length('relearning.accuracy', accuracy, len(steps), 'steps')
      if not all(map(_is_share, accuracy)):
        raise ValueError('relearning.accuracy has a number that is not from 0 to 1')

  @property
  def total_seconds(self) -> float:
    """Wall time of all phases."""
    return sum(self.seconds.values())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
  """What the null space leaves free in one layer."""
  path: str  # of the layer's weights
  rank: Count  # how many directions of the inputs are kept, in effect if `damped`
  # Of the inputs' second moments, one a direction, falling.
  eigenvalues: tuple[float | None, ...]
  layer_drift: float | None = None  # relative change of the layer's output; None if not known
  damped: bool = False  # whether each direction passes in part, as through a soft filter

  def __post_init__(self):
    if self.rank > len(self.eigenvalues):
      raise ValueError(
          f'rank is {self.rank}, but there are {len(self.eigenvalues)} eigenvalues')

  @property
  def fan_in(self) -> int:
    """How many directions the inputs have."""
    return len(self.eigenvalues)

  @property
  def free(self) -> int:
    """In how many directions the weights may change."""
    return self.fan_in - self.rank


@dataclasses.dataclass(frozen=True, kw_only=True)
class CurvePoint:
  """UNSC with one share of the inputs' energy protected."""
  energy: Share  # that is protected
  metrics: Mapping[str, float | None]  # as in a row


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
  """Settings that were tried, and how far they ended from retraining."""
  settings: Mapping[str, Any]
  gap: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
  """How many examples every split has."""
  train: Count
  validation: Natural
  test: Count
  forget: Natural | None = None  # of those to train on; None where that was not kept


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassCounts:
  """`[C]`: how many examples of every class every split has."""
  train: tuple[Natural, ...]
  validation: tuple[Natural, ...]
  test: tuple[Natural, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dataset:
  """The data, and a hash by which to know them again."""
  name: str  # as `unsc_jax.data.load` takes it
  num_classes: Count  # `C`
  class_names: tuple[str, ...]  # `[C]`
  sizes: Sizes  # of the splits
  class_counts: ClassCounts | None = None  # examples by split and class
  sha256: str  # of all images and labels

  def __post_init__(self):
    check = pictures_lib.check_length
    check('class_names', self.class_names, self.num_classes, 'classes')
    for split, counts in vars(self.class_counts).items() if self.class_counts else ():
      check(f'class_counts.{split}', counts, self.num_classes, 'classes')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Results:
  """All that a page is made of."""
  schema: Literal[4] = SCHEMA  # of these types
  experiment: str  # name of the script
  created: str  # when, as ISO 8601 has it
  command: str  # what runs it again
  environment: Mapping[str, Any]  # versions, `jax` among them, and hardware by name
  config: Mapping[str, Any]  # settings by name, `seeds` among them
  dataset: Dataset  # what was learnt
  forget_classes: tuple[Natural, ...]  # empty where single examples were forgotten
  methods: tuple[str, ...]  # in the order of the page
  rows: tuple[Row, ...]  # one for every method and seed, and for further retrained networks
  layers: tuple[Layer, ...] = ()  # of UNSC's first network
  curve: tuple[CurvePoint, ...] = ()  # UNSC by protected energy
  # Data of figures, of the first seed.
  pictures: pictures_lib.Pictures = pictures_lib.Pictures()
  surrogates: tuple[Mapping[str, Any], ...] = ()  # requests that settings were chosen on
  # What was tried by method, the best first.
  search: Mapping[str, tuple[Trial, ...]] = dataclasses.field(default_factory=dict)
  wall_seconds: float | None = None  # of the whole run

  def __post_init__(self):
    if fault := next(_disagreements(self), None):
      raise ValueError(fault)

  def rows_of(self, method: str) -> list[Row]:
    """The rows of a method, one a seed."""
    return [row for row in self.rows if row.method == method]

  @property
  def seeds(self) -> list[int]:
    """The seeds of the rows, once each; without those of further references."""
    unlearned = {row.seed for row in self.rows if row.method != REFERENCE}
    return sorted(unlearned or {row.seed for row in self.rows})

  # What follows is made by modules that know these types, so they are asked for late.

  def save(self, folder: str | os.PathLike[str]) -> pathlib.Path:
    """Writes results.json and report.html, both or none; returns the page's path.

    Raises:
      OSError: the folder cannot be written; the sentence says where the results are.
      ValueError: the folder holds something else than results.
    """
    from unsc_jax.report import folder as folder_lib
    return folder_lib.save(self, folder)

  @staticmethod
  def load(path: str | os.PathLike[str]) -> 'Results':
    """Reads a results.json, or that of a run's folder; raises as `report.read` does."""
    from unsc_jax.report import files
    path = pathlib.Path(path)
    return files.read(path / files.NAME if path.is_dir() else path)

  def page(self, path: str | os.PathLike[str]) -> pathlib.Path:
    """Writes the page, one HTML file that needs no other; returns its path."""
    from unsc_jax.report import page
    from unsc_jax.storage import atomic
    with atomic.written(path) as draft:
      draft.write_text(page.render(self), encoding='utf-8')
    return pathlib.Path(path)

  def figure(self, name: str, of: str | None = None) -> 'figure_lib.Figure':
    """A figure of the page as Matplotlib's, to be saved as PDF, PNG or SVG.

    Args:
      name: a function of `report.figures`, such as 'gaps' or 'confusion'.
      of: the method of 'loss' and 'per_class', the layer's path of 'spectrum'.

    Raises:
      ValueError: there is none of this name, or no data for it; the sentence says which
        there are.
    """
    from unsc_jax.report.figures import named
    return named.one(self, name, of).figure()

  def table(self, format: str = 'text') -> str:
    """Methods by measures, with their gaps to retraining.

    Args:
      format: 'text' for a terminal, 'markdown', 'latex' for booktabs; or 'csv', every
        measure of every network with its interval, one a line.

    Raises:
      ValueError: there is no such format.
    """
    from unsc_jax.report import table
    if format not in table.FORMATS:
      raise ValueError(f'no table has the format {format!r}: choose one of '
                       f'{", ".join(table.FORMATS)}.')
    return table.FORMATS[format](self)


def _disagreements(results: Results) -> Iterator[str]:
  """What does not fit together, as clauses that open with a field."""
  classes, methods = results.dataset.num_classes, results.methods
  for part, key in (('config', 'seeds'), ('environment', 'jax')):
    if not getattr(results, part).get(key):
      yield f'{part}.{key} is missing'
  if not all(c < classes for c in results.forget_classes):
    yield (f'forget_classes names {[*results.forget_classes]}, but classes are '
           f'numbered 0 to {classes - 1}')
  if len(set(methods)) != len(methods):
    yield 'methods names a method twice'
  seen = set()
  for i, row in enumerate(results.rows):
    if row.method not in methods:
      yield f'rows[{i}].method is {row.method!r}, which methods does not name'
    if (row.method, row.seed) in seen:
      yield f'rows[{i}] is a second row of {row.method!r} with seed {row.seed}'
    if len(row.per_class) != classes:
      yield (f'rows[{i}].per_class has {len(row.per_class)} accuracies for {classes} '
             'classes')
    seen.add((row.method, row.seed))
  for method in methods:
    if not results.rows_of(method):
      yield f'methods names {method!r}, but no row is of it'
  yield from results.pictures.disagreements(methods, classes)


def _is_share(value: float | None) -> bool:
  return value is None or math.isnan(value) or 0 <= value <= 1
