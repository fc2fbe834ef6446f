"""Data sets by name; only experiments and the command line know them.

Importing this package imports none of the libraries that fetch or read data; `load`
imports the one it needs.
"""

from collections.abc import Sequence
import os

import numpy as np

from unsc_jax.data import digits
from unsc_jax.data import images
from unsc_jax.data import npz
from unsc_jax.data import published
from unsc_jax.data import tfds
from unsc_jax.data.dataset import Dataset
from unsc_jax.problem import Examples

__all__ = (
    'NAMES', 'SPLITS', 'Dataset', 'load', 'take',
)

NAMES = ('digits', *images.RECIPES)
SPLITS = ('train', 'validation', 'test')


def load(name: str, data_dir: str | os.PathLike[str] | None = None) -> Dataset:
  """Loads a data set, split and normalised.

  Images are read from a folder that tensorflow-datasets has prepared, where there is one;
  else from the files that their authors published, which are fetched once and checked.
  Either way pixels become `(x / 255 - mean) / std`, 28x28 images are resized to 32x32,
  bilinear, and the first 90 % of the training images, in the order in which they were
  published, are for training, the last 10 % for validation.

  Args:
    name: One of `NAMES`, or the path of a .npz file, see `npz.load`.
    data_dir: Folder of tfds, or one with a folder `name` of published files. By default
      TFDS_DATA_DIR or `~/tensorflow_datasets`, then the user's cache. The digits come
      with scikit-learn and need none.

  Returns:
    The data set, images as float32 `[N, H, W, channels]`.

  Raises:
    ConnectionError: Published files are missing and cannot be fetched.
    FileNotFoundError: There is no such file, or tfds reads none of its folder's versions.
    ImportError: The library that fetches or reads it is not installed.
    ValueError: The name is unknown, or files are not what they should be.

  Example:
    >>> dataset = load('digits')
    >>> dataset.train.x.shape[1:], dataset.num_classes
    ((8, 8, 1), 10)
  """
  if name.endswith('.npz'):
    return npz.load(name)
  _check('data set', name, NAMES)
  if name == 'digits':
    return digits.load()
  kept = tfds if tfds.has(name, data_dir) else published
  return kept.load(name, data_dir)


def take(name: str, split: str, indices: Sequence[int],
         data_dir: str | os.PathLike[str] | None = None) -> Examples:
  """Some examples of a split, as `load` has them there; tfds reads no others.

  Args:
    name: One of `NAMES`.
    split: One of `SPLITS`.
    indices: Places in that split.
    data_dir: As for `load`.

  Returns:
    The examples, in the order of their indices.

  Raises:
    ValueError: The name, the split or an index is unknown; else as for `load`.

  Example:
    >>> take('digits', 'train', [7, 3]).y.tolist() == load('digits').train.y[[7, 3]].tolist()
    True
  """
  _check('data set', name, NAMES)
  _check('split', split, SPLITS)
  wanted = np.asarray(indices, int)
  if name != 'digits':
    kept = tfds if tfds.has(name, data_dir) else published
    return kept.take(name, split, wanted, data_dir)
  examples = getattr(digits.load(), split)
  if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(examples):
    raise ValueError(f'digits has {len(examples)} {split} examples; give indices from 0 to '
                     f'{len(examples) - 1}.')
  return examples.where(wanted)


def _check(kind: str, name: str, names: Sequence[str]) -> None:
  if name not in names:
    raise ValueError(f'No {kind} is called {name!r}: choose one of {", ".join(names)}.')
