"""The paper's image data sets, through tensorflow-datasets.

Reading uses `tfds.data_source` and needs no TensorFlow; only preparing a data
set for the first time does. `N` images, `H` x `W` pixels, `c` channels.
"""

import contextlib
import hashlib
import os
from typing import Any, NamedTuple

import numpy as np

from unsc_jax.data.dataset import Dataset
from unsc_jax.problem import Examples


class _Recipe(NamedTuple):
  mean: tuple[float, ...]  # [c], of pixels in [0, 1]
  std: tuple[float, ...]  # [c]
  size: int = 32  # the network's H = W
  class_names: tuple[str, ...] | None = None  # where tfds only has numbers


# Mean and standard deviation are the published code's; it has no MNIST, whose
# two numbers are the usual ones.
_RECIPES = {
    'fashion_mnist': _Recipe(
        (.286,), (.353,),
        class_names=('T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat',
                     'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot')),
    'cifar10': _Recipe(
        (.485, .456, .406), (.229, .224, .225),
        class_names=('airplane', 'automobile', 'bird', 'cat', 'deer', 'dog',
                     'frog', 'horse', 'ship', 'truck')),
    'cifar100': _Recipe((.507, .487, .441), (.267, .256, .276)),
    'svhn_cropped': _Recipe((.437, .443, .472), (.198, .201, .197)),
    'mnist': _Recipe((.1307,), (.3081,)),
}

NAMES = tuple(_RECIPES)

_TRAIN_SHARE = .9  # the rest of the training images is for validation
_CHUNK = 1000  # images decoded between two steps of the progress bar


def load(name: str, data_dir: str | os.PathLike[str] | None = None) -> Dataset:
  """Loads one of the paper's data sets as the paper does.

  Pixels become `(x / 255 - mean) / std`; 28x28 images are then resized to
  32x32, bilinear. The first 90 % of the training images, in the order in which
  the data set was published, are for training, the last 10 % for validation.

  Args:
    name: One of `NAMES`.
    data_dir: Where tfds keeps its data sets; by default TFDS_DATA_DIR or
      `~/tensorflow_datasets`.

  Returns:
    The data set, images as float32 `[N, 32, 32, c]`.

  Raises:
    FileNotFoundError: The data set has not been prepared in `data_dir`.
    ImportError: tensorflow-datasets is not installed.
    ValueError: The files are there, but not in a format for random access.
  """
  recipe = _RECIPES[name]
  builder = _prepared_builder(name, data_dir)
  train, test = (_read(builder, split, recipe) for split in ('train', 'test'))
  label = builder.info.features['label']
  cut = int(_TRAIN_SHARE * len(train))
  return Dataset(
      name=name,
      train=Examples(train.x[:cut], train.y[:cut]),
      validation=Examples(train.x[cut:], train.y[cut:]),
      test=test,
      num_classes=label.num_classes,
      class_names=recipe.class_names or tuple(label.names))


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
  try:
    import array_record  # noqa: F401  (tfds imports it only while it reads)
    import tensorflow_datasets as tfds
  except ImportError as e:
    raise ImportError(
        f'{name} is read by tensorflow-datasets and array_record, and {e.name} '
        "is not installed: pip install 'unsc_jax[experiments]'.") from e

  data_dir = data_dir or os.environ.get('TFDS_DATA_DIR')  # as it is now
  with _quiet():
    builder = tfds.builder(name, data_dir=data_dir)
    if builder.is_prepared():
      return builder
  root = os.fspath(builder.data_path.parents[1])
  raise FileNotFoundError(
      f'{name} is not in {root}: fetch it once with  pip install tensorflow && '
      'python -c "import tensorflow_datasets as tfds; '
      f"tfds.builder('{name}', data_dir='{root}', file_format='array_record')"
      '.download_and_prepare()"  (only this step needs TensorFlow), or name '
      'the folder that has it with --data-dir or TFDS_DATA_DIR.')


def take(name: str, split: str, indices: np.ndarray,
         data_dir: str | os.PathLike[str] | None = None) -> Examples:
  """Some examples of a split that `load` gives, reading no others."""
  builder = _prepared_builder(name, data_dir)
  published = 'test' if split == 'test' else 'train'
  size = builder.info.splits[published].num_examples
  cut = int(_TRAIN_SHARE * size)
  start, stop = {'train': (0, cut), 'validation': (cut, size), 'test': (0, size)}[split]
  if wrong := [i for i in indices.tolist() if not 0 <= i < stop - start]:
    raise ValueError(
        f'{name} has no {split} example {wrong[0]}; give indices from 0 to '
        f'{stop - start - 1}.')
  return _read(builder, published, _RECIPES[name], start + indices)


def _read(builder: Any, split: str, recipe: _Recipe, published: np.ndarray | None = None
          ) -> Examples:
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
  x = pixels.astype(np.float32)
  x /= np.float32(255)
  x -= np.asarray(recipe.mean, np.float32)
  x /= np.asarray(recipe.std, np.float32)
  return Examples(_resize(x, recipe.size), labels)


def _published_order(split: str, n: int) -> np.ndarray:
  """Which published example each stored one is, [n].

  Tfds stores examples sorted by the MD5 of the split's name and the example's
  key, which for these data sets is its published index. Undoing that makes
  'the first 90 %' the same images as in the paper. Were a folder prepared in
  another way, this would still be a fixed permutation.
  """
  digest = lambda i: hashlib.md5(f'{split}{i}'.encode()).digest()
  return np.array(sorted(range(n), key=digest))


def _resize(x: np.ndarray, size: int) -> np.ndarray:
  """Bilinear enlargement, [N, H, H, c] -> [N, size, size, c].

  The same numbers as `jax.image.resize(..., 'bilinear')`, on the host.
  """
  n, h, _, c = x.shape
  if h == size:
    return x
  centres = (np.arange(size) + .5) * h / size - .5  # of new pixels, in old ones
  a = np.stack([np.interp(centres, np.arange(h), unit) for unit in np.eye(h)],
               axis=1).astype(np.float32)  # [size, H]: linear and separable
  rows = a @ x.reshape(n, h, h * c)  # [N, size, H * c]
  return (a @ rows.reshape(n * size, h, c)).reshape(n, size, size, c)
