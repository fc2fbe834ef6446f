"""What a command line names: a network of a module, examples of a file or a data set."""

from collections.abc import Sequence
import importlib
import pathlib
import sys
from typing import Any

import numpy as np

from unsc_jax import data as data_lib
from unsc_jax import problem as problem_lib
from unsc_jax.storage import checkpoints


def network(name: str) -> problem_lib.Network:
  """The network that 'module:name' names."""
  module, _, attribute = name.partition(':')
  sys.path.insert(0, '')  # as python -m has it for scripts of one's own
  found: Any = getattr(importlib.import_module(module), attribute or 'network', None)
  found = found() if callable(found) else found
  if not isinstance(found, problem_lib.Network):
    raise ValueError(
        f'{name} is no Network; name one as module:name, or a function that returns one.')
  return found


def examples(source: str, indices: Sequence[int] = ()
          ) -> tuple[problem_lib.Examples, list[str] | None]:
  """Examples of a .npz file with their ids if it has some, or of a split of a data set."""
  name, _, split = source.partition(':')
  if name in data_lib.NAMES:
    if split not in data_lib.SPLITS:
      raise ValueError(f'{source} names no split; give one as {name}:train, with one of '
                       f'{", ".join(data_lib.SPLITS)}.')
    return (data_lib.take(name, split, indices) if indices
            else getattr(data_lib.load(name), split)), None
  if indices:
    raise ValueError(
        f'indices are of the split of a data set, and {source} is none; give --data as '
        'fashion_mnist:train, or name examples of a file by --ids.')
  path = pathlib.Path(source)
  stored = checkpoints.read(path)
  if not {'x', 'y'} <= {*stored}:
    raise ValueError(f'{path} lacks x or y: write it with numpy.savez(path, x=..., y=...).')
  ids = stored.get('ids')
  return problem_lib.Examples(stored['x'], stored['y']), (
      None if ids is None else np.asarray(ids).tolist())
