"""The binary format of CIFAR: records of labels and pixels in files of a .tar.gz.

The pickles that are published beside it can run code when they are opened; these cannot.
"""

from collections.abc import Callable
import dataclasses
import pathlib
import tarfile

import numpy as np

_SHAPE = 3, 32, 32  # a channel after the other, row by row


@dataclasses.dataclass(frozen=True)
class binary:
  """Images and labels of a split.

  Attributes:
    archive: The name of the .tar.gz.
    train: Its files of training records, in their order.
    test: Those of test records.
    labels: Bytes before a record's pixels; the last of them is the label.
  """
  archive: str
  train: tuple[str, ...]
  test: tuple[str, ...]
  labels: int = 1

  def __call__(self, fetch: Callable[[str], pathlib.Path], split: str
               ) -> tuple[np.ndarray, np.ndarray]:
    """See `idx.read`; pixels `[N, 32, 32, 3]`."""
    with tarfile.open(fetch(self.archive)) as archive:
      content = b''.join(
          # pyrefly: ignore[missing-attribute]  (None for folders, and these are files)
          archive.extractfile(name).read() for name in getattr(self, split))
    records = np.frombuffer(content, np.uint8).reshape(-1, self.labels + np.prod(_SHAPE))
    pixels = records[:, self.labels:].reshape(-1, *_SHAPE).transpose(0, 2, 3, 1)
    return pixels, records[:, self.labels - 1]
