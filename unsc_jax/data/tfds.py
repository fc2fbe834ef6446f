"""Images from a folder that tensorflow-datasets has prepared.

Reading uses `tfds.data_source` and needs no TensorFlow; preparing a folder does.
"""

import contextlib
import hashlib
import os
import pathlib
from typing import Any

import numpy as np

from unsc_jax.data import images
from unsc_jax.data.dataset import Dataset
from unsc_jax.problem import Examples

_CHUNK = 1000  # images decoded between two steps of the progress bar


def folder(data_dir: str | os.PathLike[str] | None) -> str:
  """Where tfds keeps its data sets: as given, or TFDS_DATA_DIR, or in the home folder."""
  found = data_dir or os.environ.get('TFDS_DATA_DIR') or '~/tensorflow_datasets'
  return os.path.expanduser(os.fspath(found))


def has(name: str, data_dir: str | os.PathLike[str] | None) -> bool:
  """Whether a data set has been prepared there; what lies in a cloud only tfds can tell."""
  root = folder(data_dir)
  return '://' in root or any(pathlib.Path(root).glob(f'{name}/*/dataset_info.json'))


def load(name: str, data_dir: str | os.PathLike[str] | None) -> Dataset:
  """Loads a data set, split and normalised.

  Args:
    name: One of `images.RECIPES`.
    data_dir: Where tfds keeps its data sets, see `folder`.

  Returns:
    The data set, images as float32 `[N, 32, 32, c]`.

  Raises:
    FileNotFoundError: There is no version of the data set that tfds reads.
    ImportError: tensorflow-datasets is not installed.
    ValueError: The files are there, but not in a format for random access.
  """
  builder = _prepared_builder(name, data_dir)
  return images.dataset(name, *(_read(builder, split) for split in ('train', 'test')))


def take(name: str, split: str, indices: np.ndarray,
         data_dir: str | os.PathLike[str] | None) -> Examples:
  """Some examples of a split that `load` gives, reading no others."""
  builder = _prepared_builder(name, data_dir)
  published = images.published(split)
  size = builder.info.splits[published].num_examples
  return _read(builder, published, images.places(name, split, size, indices))


@contextlib.contextmanager
def _quiet():
  """Silences tfds, which recommends OpenCV whenever it decodes an image."""
  from absl import logging

  verbosity = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)
  try:
    yield
  finally:
    logging.set_verbosity(verbosity)


def _prepared_builder(
    name: str, data_dir: str | os.PathLike[str] | None) -> Any:
  """The tfds builder of a data set that is on the disk."""
  root = folder(data_dir)
  try:
    import array_record  # noqa: F401  (tfds imports it only while it reads)
    import tensorflow_datasets as tfds
  except ImportError as e:
    raise ImportError(
        f'{root} has {name} as tensorflow-datasets keeps it, and {e.name} is not '
        "installed: pip install 'unsc_jax[experiments]', or name a folder without it, to "
        'which the published files are fetched.') from e

  with _quiet():
    builder = tfds.builder(name, data_dir=root)
    if builder.is_prepared():
      return builder
  raise FileNotFoundError(
      f'{root} has no {name} that tensorflow-datasets {tfds.__version__} reads: name '
      'another folder, to which the published files are fetched, or prepare it anew.')


def _read(builder: Any, split: str, published: np.ndarray | None = None) -> Examples:
  """Decodes and normalises examples, by their places in the order of publication.

  By default all of the split, in that order.
  """
  import tqdm

  try:
    source = builder.as_data_source(split)
  except NotImplementedError as e:
    raise ValueError(
        f'{builder.data_path} holds files without random access: prepare '
        f"{builder.name} in another folder with file_format='array_record'."
    ) from e

  stored = np.argsort(_published_order(split, len(source)))
  if published is not None:
    stored = stored[published]
  pixels = np.empty((len(stored), *builder.info.features['image'].shape),
                    np.uint8)  # [N, H, W, c]
  labels = np.empty(len(stored), np.int32)
  order = np.argsort(stored, kind='stable')  # as they lie on the disk
  with _quiet(), tqdm.tqdm(total=len(stored), desc=f'{builder.name} {split}',
                           unit='img', leave=False, disable=None) as bar:
    for start in range(0, len(stored), _CHUNK):
      some = order[start:start + _CHUNK]
      for i, record in zip(some, source.__getitems__(stored[some].tolist()), strict=True):
        pixels[i], labels[i] = record['image'], record['label']
      bar.update(len(some))
  return images.examples(builder.name, pixels, labels)


def _published_order(split: str, n: int) -> np.ndarray:
  """Which published example each stored one is, [n].

  Tfds stores examples sorted by the MD5 of the split's name and the example's
  key, which for these data sets is its published index. Undoing that makes
  'the first 90 %' the same images as in the paper. Were a folder prepared in
  another way, this would still be a fixed permutation.
  """
  digest = lambda i: hashlib.md5(f'{split}{i}'.encode()).digest()
  return np.array(sorted(range(n), key=digest))
