"""Results on the disk: whole or not at all."""

from collections.abc import Callable, Iterator
import contextlib
import dataclasses
import datetime
import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
import sys
from typing import Any

import flax
import jax
import numpy as np
import optax

from experiments import processes
import unsc_jax
from unsc_jax import data as data_lib
from unsc_jax.storage import atomic


@contextlib.contextmanager
def folder(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
  """A new folder that appears under its name only if all goes well.

  Of several processes the first writes; what the others write is thrown away.

  Args:
    path: of the folder; an older one of this name is replaced at the end.

  Yields:
    A temporary folder beside it to write to. Removed if the block raises.
  """
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  with atomic.written(path, here=processes.is_first()) as draft:
    draft.mkdir()
    yield draft


def write_json(path: pathlib.Path, results: dict[str, Any]) -> None:
  """Writes strict JSON: what is not a number is null."""
  def clean(value):
    if isinstance(value, dict):
      return {k: clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
      return [clean(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
      return None
    return value
  with atomic.written(path) as draft:
    draft.write_text(json.dumps(clean(results), indent=1, allow_nan=False) + '\n')


def kept(folder: pathlib.Path | None, name: str, config: dict[str, Any],
         make: Callable[[], Any]) -> Any:
  """A part of a run, made once: a run that was killed finds it when it goes on.

  Args:
    folder: where parts are kept; None keeps none, as do several processes.
    name: of the part.
    config: what the run was asked for.
    make: makes the part, of what JSON can hold.

  Returns:
    The part.

  Raises:
    ValueError: the folder has that of a run that was asked for something else.
  """
  if folder is None or jax.process_count() > 1:
    return make()
  path = pathlib.Path(folder) / f'{name}.json'
  config = json.loads(json.dumps(config))  # as it is read again
  if not path.exists():
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {'config': config, 'made': make()})
  found = json.loads(path.read_text())
  if found['config'] != config:
    raise ValueError(
        f'{path} is of a run that was asked for something else; take another '
        'folder to --resume from, or none.')
  return found['made']


def describe_run() -> dict[str, Any]:
  """When, how and on what a result was made."""
  device = jax.devices()[0]
  return {
      'created': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
      'command': ' '.join(['python', _module(), *_arguments()]),
      'environment': {
          'python': platform.python_version(),
          'jax': jax.__version__,
          'flax': flax.__version__,
          'optax': optax.__version__,
          'numpy': np.__version__,
          **{name: importlib.metadata.version(name)
             for name in ('scipy', 'scikit-learn')},
          'unsc_jax': unsc_jax.__version__,
          **_commit(),
          'device_kind': device.device_kind,
          'devices': jax.device_count(),
          'processes': jax.process_count(),
          'platform': f'{platform.system()} {platform.machine()}',
          'cpu_count': os.cpu_count(),
      },
  }


def _commit() -> dict[str, str]:
  """Which commit of the code this is; nothing where that cannot be told."""
  command = ['git', 'describe', '--always', '--dirty', '--exclude=*', '--abbrev=12']
  try:
    found = subprocess.run(command, cwd=pathlib.Path(__file__).parent,
                           capture_output=True, text=True, timeout=20, check=False)
  except (OSError, subprocess.TimeoutExpired):
    return {}
  return {'commit': found.stdout.strip()} if found.returncode == 0 else {}


def describe_recipe(recipe: Any) -> dict[str, Any]:
  """Settings by their fields, the optimiser by name."""
  fields = (dataclasses.asdict(recipe) if dataclasses.is_dataclass(recipe)
            else recipe._asdict())
  return {**fields, 'optimizer': recipe.optimizer.__name__.lstrip('_')}


def _module() -> str:
  spec = getattr(sys.modules['__main__'], '__spec__', None)
  return f'-m {spec.name}' if spec else pathlib.Path(sys.argv[0]).name


def _arguments() -> list[str]:
  """What the command was given, but for where a run keeps its state."""
  found, given = [], iter(sys.argv[1:])
  for argument in given:
    if argument == '--resume':
      next(given, None)  # its folder
    elif not argument.startswith('--resume='):
      found.append(argument)
  return found


def describe_data(dataset: data_lib.Dataset) -> dict[str, Any]:
  """What data a result was made with, with a hash to tell."""
  digest = hashlib.sha256()
  for split in (dataset.train, dataset.validation, dataset.test):
    digest.update(np.ascontiguousarray(split.x).tobytes())
    digest.update(np.ascontiguousarray(split.y).tobytes())
  return {
      'name': dataset.name,
      'num_classes': dataset.num_classes,
      'class_names': list(dataset.class_names),
      'class_counts': {
          name: np.bincount(getattr(dataset, name).y,
                            minlength=dataset.num_classes).tolist()
          for name in ('train', 'validation', 'test')},
      'sizes': {name: len(getattr(dataset, name))
                for name in ('train', 'validation', 'test')},
      'sha256': digest.hexdigest(),
  }
