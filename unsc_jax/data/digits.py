"""The handwritten digits that scikit-learn carries: 1797 images, 8x8x1.

Small enough to train on in seconds, and there without a download.
"""

import importlib.util
import pathlib

import numpy as np

from unsc_jax.data.dataset import Dataset
from unsc_jax.problem import Examples

_MEAN, _STD = .305, .376  # of all pixels, after division by 16


def load(seed: int = 0, validation: float = .1, test: float = .2) -> Dataset:
  """Loads the digits in a stratified split.

  Args:
    seed: Of the split; the same seed gives the same split.
    validation: Share of every class that goes to validation.
    test: Share of every class that goes to the test split.

  Returns:
    The data set, images as float32 `[N, 8, 8, 1]`, `(x / 16 - .305) / .376`.

  Raises:
    ImportError: scikit-learn is not installed.
    ValueError: The shares are negative or leave nothing to train on.
  """
  if min(validation, test) < 0 or validation + test >= 1:
    raise ValueError(
        f'validation={validation} and test={test} leave nothing to train on: '
        'choose shares >= 0 that sum to less than 1.')
  pixels, labels = _table()
  x = ((pixels.reshape(-1, 8, 8, 1) / 16 - _MEAN) / _STD).astype(np.float32)
  y = labels.astype(np.int32)

  rng = np.random.default_rng(seed)
  part = np.empty(len(y), np.int8)  # 0 train, 1 validation, 2 test
  for label in np.unique(y):
    members = rng.permutation(np.flatnonzero(y == label))
    cuts = np.round(
        len(members) * np.cumsum([1 - validation - test, validation]))
    for i, chosen in enumerate(np.split(members, cuts.astype(int))):
      part[chosen] = i

  examples = Examples(x, y)
  return Dataset(
      name='digits',
      train=examples.where(part == 0),
      validation=examples.where(part == 1),
      test=examples.where(part == 2),
      num_classes=10,
      class_names=tuple('0123456789'))


def _table() -> tuple[np.ndarray, np.ndarray]:
  """Pixels `[1797, 64]` and labels, as `sklearn.datasets.load_digits` has them.

  From its file: to import scikit-learn takes seconds.
  """
  spec = importlib.util.find_spec('sklearn')
  if spec is None or spec.origin is None:
    raise ImportError(
        'The digits come with scikit-learn, which is not installed: '
        "pip install 'unsc_jax[report]'.")
  file = pathlib.Path(spec.origin).parent / 'datasets' / 'data' / 'digits.csv.gz'
  if not file.exists():  # where another version keeps it elsewhere
    from sklearn import datasets
    pixels, labels = datasets.load_digits(return_X_y=True)
    return np.asarray(pixels), np.asarray(labels)
  table = np.loadtxt(file, delimiter=',')
  return table[:, :-1], table[:, -1]
