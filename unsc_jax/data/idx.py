"""The format of MNIST and FashionMNIST: gzip files of one array of bytes each."""

from collections.abc import Callable
import gzip
import pathlib

import numpy as np

_PARTS = {'train': 'train', 'test': 't10k'}


def read(fetch: Callable[[str], pathlib.Path], split: str) -> tuple[np.ndarray, np.ndarray]:
  """Grey images and labels of a split.

  Args:
    fetch: gives the path of a file of that name.
    split: `train` or `test`.

  Returns:
    Pixels `[N, H, W, 1]` and labels `[N]`, uint8.
  """
  part = _PARTS[split]
  pixels = array(fetch(f'{part}-images-idx3-ubyte.gz'))
  return pixels[..., None], array(fetch(f'{part}-labels-idx1-ubyte.gz'))


def array(path: pathlib.Path) -> np.ndarray:
  """The array of bytes in a compressed IDX file.

  Two zeros, 8 for unsigned bytes and the number of axes; the length of each axis, four
  bytes, the highest first; then all entries, those of the last axis side by side.

  Raises:
    ValueError: it holds something else.
  """
  content = gzip.decompress(path.read_bytes())
  if len(content) < 4 or content[:3] != b'\0\0\x08':
    raise ValueError(f'{path} is no IDX file of bytes: fetch it anew.')
  axes = content[3]
  shape = np.frombuffer(content, '>u4', axes, offset=4)
  return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
