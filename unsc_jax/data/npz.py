"""Data of one's own: a .npz file of inputs and labels."""

import os
import pathlib

import numpy as np

from unsc_jax.data.dataset import Dataset
from unsc_jax.problem import Examples

_PARTS = {'train': '', 'validation': '_validation', 'test': '_test'}


def load(path: str | os.PathLike[str]) -> Dataset:
  """Reads a file that `numpy.savez(path, x=..., y=..., x_test=..., y_test=...)` wrote.

  Args:
    path: of the file: `x` and `y` to train on, `x_test` and `y_test`, and if there are
      some `x_validation`, `y_validation` and `class_names`. Labels are integers `[N]`.

  Returns:
    The data set, inputs as they are; of no validation data no examples.

  Raises:
    FileNotFoundError: there is no such file.
    ValueError: it lacks something, or holds what does not belong together.
  """
  path = pathlib.Path(path)
  try:
    with np.load(path) as file:
      stored = dict(file)
  except FileNotFoundError as error:
    raise FileNotFoundError(f'{path} is not there: give a .npz file, or the name of a data '
                            'set.') from error
  except (ValueError, OSError) as error:
    raise ValueError(f'{path} is no .npz file of plain arrays: write it with '
                     'numpy.savez.') from error
  wanted = ['x', 'y', 'x_test', 'y_test']
  if lacking := [name for name in wanted if name not in stored]:
    raise ValueError(f'{path} lacks {" and ".join(lacking)}: write it with numpy.savez(path, '
                     'x=..., y=..., x_test=..., y_test=...).')
  parts = {part: _part(stored, path, end) for part, end in _PARTS.items()}
  classes = 1 + max(int(examples.y.max()) for examples in parts.values() if len(examples))
  names = tuple(map(str, stored.get('class_names', range(classes))))
  if len(names) < classes:
    raise ValueError(f'{path} has {len(names)} class_names for {classes} classes: name '
                     'each of them.')
  return Dataset(path.stem, num_classes=len(names), class_names=names, **parts)


def _part(stored, path: pathlib.Path, end: str) -> Examples:
  """Inputs and labels of a split; none where the file has none."""
  x = stored.get(f'x{end}', stored['x'][:0])
  y = stored.get(f'y{end}', stored['y'][:0])
  if y.ndim != 1 or y.dtype.kind not in 'iu' or len(x) != len(y) or (y < 0).any():
    raise ValueError(
        f'y{end} of {path} is {y.dtype} {list(y.shape)} for inputs {list(x.shape)}: give '
        'every input one label, an integer from 0 on.')
  if x.shape[1:] != stored['x'].shape[1:]:
    raise ValueError(f'x{end} of {path} has inputs {list(x.shape[1:])}, where x has '
                     f'{list(stored["x"].shape[1:])}.')
  return Examples(x, y)
