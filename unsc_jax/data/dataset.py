"""What a data set is to the experiments."""

from typing import NamedTuple

from unsc_jax.problem import Examples


class Dataset(NamedTuple):
  """Three splits of labelled images, normalised and ready for a network."""
  name: str
  train: Examples
  validation: Examples  # for choosing hyper-parameters, never for results
  test: Examples
  num_classes: int
  class_names: tuple[str, ...]  # by label
