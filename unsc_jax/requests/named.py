"""What a command line names: a network of a module, examples of a file or a data set."""

from collections.abc import Sequence
import importlib
import os
import pathlib
import sys
from typing import Any

import numpy as np

from unsc_jax import data as data_lib
from unsc_jax import problem as problem_lib
from unsc_jax.storage import checkpoints


def attribute(name: str, *default: Any) -> Any:
  """What a module calls so: 'module:name', from the folder of the command too.

  Args:
    name: of the module, and in it.
    *default: as of `getattr`, where the module has nothing of that name.

  Raises:
    ValueError: there is no such module, or nothing of that name in it and no default.

  Example:
    >>> attribute('unsc_jax.models:MLP').__name__
    'MLP'
  """
  module, colon, attributes = name.partition(':')
  if not (module and colon and attributes):
    raise ValueError(f'{name!r} names nothing: give module:name, such as my_module:network.')
  if os.getcwd() not in sys.path:
    sys.path.insert(0, os.getcwd())  # as `python -m` has it
  try:
    found: Any = importlib.import_module(module)
  except ModuleNotFoundError as error:
    raise ValueError(f'{name} cannot be imported ({error}): give module:name of a module '
                     'that Python finds here.') from error
  for part in attributes.split('.'):
    if not hasattr(found, part):
      if default:
        return default[0]
      raise ValueError(f'{module} has no {attributes}; check the name after the colon.')
    found = getattr(found, part)
  return found


def network(name: str) -> problem_lib.Network:
  """The network that 'module:name' names; `network` where a module alone is named."""
  found = attribute(name if ':' in name else f'{name}:network', None)
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
