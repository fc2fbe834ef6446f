"""Images as their authors published them, fetched once and checked by their hashes."""

from collections.abc import Callable, Mapping
import functools
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np

from unsc_jax.data import cifar
from unsc_jax.data import idx
from unsc_jax.data import images
from unsc_jax.data import svhn
from unsc_jax.data.dataset import Dataset
from unsc_jax.problem import Examples


class Source(NamedTuple):
  """Where a data set is published, and how it is read.

  Attributes:
    url: What the names of its files are appended to.
    sha256: Of each file, by its name.
    read: Takes what gives the path of a file of a name, and `train` or `test`; gives
      pixels `[N, H, W, c]`, uint8, and labels `[N]`.
  """
  url: str
  sha256: Mapping[str, str]
  read: Callable[[Callable[[str], pathlib.Path], str], tuple[np.ndarray, np.ndarray]]


# Addresses and hashes are those with which tensorflow-datasets checks its downloads, in
# the url_checksums of github.com/tensorflow/datasets.
SOURCES = {
    'mnist': Source(
        'https://storage.googleapis.com/cvdf-datasets/mnist/', {
            'train-images-idx3-ubyte.gz':
                '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
            'train-labels-idx1-ubyte.gz':
                '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
            't10k-images-idx3-ubyte.gz':
                '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
            't10k-labels-idx1-ubyte.gz':
                'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
        }, idx.read),
    'fashion_mnist': Source(
        'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/', {
            'train-images-idx3-ubyte.gz':
                '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
            'train-labels-idx1-ubyte.gz':
                'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845',
            't10k-images-idx3-ubyte.gz':
                '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073',
            't10k-labels-idx1-ubyte.gz':
                '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5',
        }, idx.read),
    'cifar10': Source(
        'https://www.cs.toronto.edu/~kriz/', {
            'cifar-10-binary.tar.gz':
                'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
        }, cifar.binary(
            'cifar-10-binary.tar.gz',
            train=tuple(f'cifar-10-batches-bin/data_batch_{i}.bin' for i in range(1, 6)),
            test=('cifar-10-batches-bin/test_batch.bin',))),
    'cifar100': Source(
        'https://www.cs.toronto.edu/~kriz/', {
            'cifar-100-binary.tar.gz':
                '58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec',
        }, cifar.binary(
            'cifar-100-binary.tar.gz', train=('cifar-100-binary/train.bin',),
            test=('cifar-100-binary/test.bin',), labels=2)),
    'svhn_cropped': Source(
        'http://ufldl.stanford.edu/housenumbers/', {
            'train_32x32.mat':
                '435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8',
            'test_32x32.mat':
                'cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b',
        }, svhn.read),
}


def load(name: str, data_dir: str | os.PathLike[str] | None) -> Dataset:
  """Loads a data set, split and normalised; what is missing of it is fetched.

  Args:
    name: One of `SOURCES`.
    data_dir: A folder in which `name` is, or will be, a folder of the published files;
      by default the cache of the user.

  Returns:
    The data set, images as float32 `[N, 32, 32, c]`.

  Raises:
    ConnectionError: A file is missing and cannot be fetched.
    ImportError: Pooch, which fetches and checks, is not installed.
    ValueError: What was fetched is not what was published.
  """
  return images.dataset(
      name, *(images.examples(name, *_read(name, split, data_dir)) for split in ('train', 'test')))


def take(name: str, split: str, indices: np.ndarray,
         data_dir: str | os.PathLike[str] | None) -> Examples:
  """Some examples of a split that `load` gives, normalising no others."""
  pixels, labels = _read(name, images.published(split), data_dir)
  at = images.places(name, split, len(labels), indices)
  return images.examples(name, pixels[at], labels[at])


def _read(name: str, split: str, data_dir: str | os.PathLike[str] | None
          ) -> tuple[np.ndarray, np.ndarray]:
  """Pixels and labels of a published split, in their order."""
  source = SOURCES[name]
  return source.read(functools.partial(_fetch, name, source, data_dir), split)


def _fetch(name: str, source: Source, data_dir: str | os.PathLike[str] | None, file: str
           ) -> pathlib.Path:
  """The path of a file that is there and is what was published."""
  try:
    import pooch
    import requests
    import tqdm
  except ImportError as e:
    raise ImportError(f'{name} is fetched by pooch, and {e.name} is not installed: pip install '
                      "'unsc_jax[data]'.") from e

  folder = pathlib.Path(data_dir or pooch.os_cache('unsc_jax')).expanduser() / name
  try:
    # The length is told when it is known; of none a bar would not be true, nor shown.
    with tqdm.tqdm(desc=file, total=1, unit='B', unit_scale=True, leave=False,
                   disable=None) as bar:
      downloader: Any = pooch.HTTPDownloader(progressbar=bar)  # any bar does
      return pathlib.Path(pooch.retrieve(
          source.url + file, f'sha256:{source.sha256[file]}', file, folder,
          downloader=downloader))
  except requests.RequestException as e:
    raise ConnectionError(f'{file} of {name} is not in {folder} and cannot be fetched from '
                          f'{source.url} ({_root(e)}): put it there, or connect to a network.'
                          ) from e
  except ValueError as e:
    raise ValueError(f'{source.url}{file} is not the {name} that was published, by its SHA-256: '
                     'fetch it again later, or put the right file into '
                     f'{folder}.') from e


def _root(error: BaseException) -> str:
  """What is at the bottom of an error, in a word."""
  while cause := error.__cause__ or error.__context__:
    error = cause
  return str(error) or type(error).__name__
