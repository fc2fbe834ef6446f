"""Data sets by name; only experiments and the command line know them.

Importing this package imports neither tensorflow-datasets nor scikit-learn;
`load` imports the one it needs.
"""

import os

from unsc_jax.data import digits
from unsc_jax.data import tfds
from unsc_jax.data.dataset import Dataset

__all__ = (
    'NAMES', 'Dataset', 'load',
)

NAMES = ('digits', *tfds.NAMES)


def load(name: str, data_dir: str | os.PathLike[str] | None = None) -> Dataset:
  """Loads a data set, split and normalised.

  Args:
    name: One of `NAMES`.
    data_dir: Where tfds keeps its data sets; by default TFDS_DATA_DIR or
      `~/tensorflow_datasets`. The digits come with scikit-learn and need none.

  Returns:
    The data set, images as float32 `[N, H, W, channels]`.

  Raises:
    ValueError: The name is unknown.
    FileNotFoundError: The data set has not been prepared in `data_dir`.

  Example:
    >>> dataset = load('digits')
    >>> dataset.train.x.shape[1:], dataset.num_classes
    ((8, 8, 1), 10)
  """
  if name not in NAMES:
    raise ValueError(
        f'No data set is called {name!r}: choose one of {", ".join(NAMES)}.')
  if name == 'digits':
    return digits.load()
  return tfds.load(name, data_dir)
