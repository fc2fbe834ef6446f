"""Parts of results: of which data, and made once."""

from collections.abc import Callable
import hashlib
import pathlib
from typing import Any

import msgspec
import numpy as np

from unsc_jax import data as data_lib
from unsc_jax import report
from unsc_jax import storage


def kept(folder: pathlib.Path | None, name: str, run: dict[str, Any], kind: Any,
         make: Callable[[], Any]) -> Any:
  """A part of a run, of some type, made once: see `storage.kept`."""
  return msgspec.convert(storage.kept(
      folder, name, run, lambda: msgspec.to_builtins(make())), kind)


def describe_data(dataset: data_lib.Dataset, forget: int | None = None) -> report.Dataset:
  """What data a result was made with, with a hash to tell, and how many to forget."""
  digest = hashlib.sha256()
  splits = {name: getattr(dataset, name) for name in ('train', 'validation', 'test')}
  for split in splits.values():
    digest.update(np.ascontiguousarray(split.x).tobytes())
    digest.update(np.ascontiguousarray(split.y).tobytes())
  counts = {name: tuple(np.bincount(split.y, minlength=dataset.num_classes).tolist())
            for name, split in splits.items()}
  return report.Dataset(
      name=dataset.name, num_classes=dataset.num_classes,
      class_names=tuple(dataset.class_names),
      sizes=report.Sizes(**{name: len(split) for name, split in splits.items()},
                         forget=forget),
      class_counts=report.ClassCounts(**counts), sha256=digest.hexdigest())
