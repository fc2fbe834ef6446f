"""The format of SVHN's cropped digits: MATLAB files of `X` and `y`."""

from collections.abc import Callable
import pathlib

import numpy as np


def read(fetch: Callable[[str], pathlib.Path], split: str) -> tuple[np.ndarray, np.ndarray]:
  """Images and labels of a split, see `idx.read`; pixels `[N, 32, 32, 3]`.

  `X` has the images last, and `y` is 10 for the digit 0.
  """
  from scipy import io

  stored = io.loadmat(fetch(f'{split}_32x32.mat'), variable_names=('X', 'y'))
  return stored['X'].transpose(3, 0, 1, 2), stored['y'].ravel() % 10
