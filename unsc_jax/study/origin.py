"""Where results come from: when, by which command and on what, and of which data."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import shlex
import subprocess
import sys
from typing import Any

import jax
import numpy as np

from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax import storage

_PACKAGES = ('jax', 'flax', 'optax', 'numpy', 'unsc_jax', 'scipy', 'scikit-learn')


def run() -> dict[str, Any]:
  """When, how and on what a result is made, as `report.Results` has it."""
  device = jax.devices()[0]
  return {
      'created': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
      'command': ' '.join([*_program(), *_arguments()]),
      'environment': {
          'python': platform.python_version(), **_versions(), **_commit(),
          'device_kind': device.device_kind,
          'devices': jax.device_count(),
          'processes': jax.process_count(),
          'platform': f'{platform.system()} {platform.machine()}',
          'cpu_count': os.cpu_count(),
      },
  }


def _versions() -> dict[str, str]:
  """Of what is installed; the library may run from a folder that is not."""
  found = {}
  for name in _PACKAGES:
    try:
      found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      continue
  return found


def _commit() -> dict[str, str]:
  """Which commit of the code this is; nothing where that cannot be told."""
  here = pathlib.Path(__file__)
  git = lambda *command: subprocess.run(
      ['git', *command], cwd=here.parent, capture_output=True, text=True, timeout=20,
      check=True).stdout.strip()
  try:
    git('ls-files', '--error-unmatch', here.name)  # not another's, that it is installed in
    return {'commit': git('describe', '--always', '--dirty', '--exclude=*', '--abbrev=12')}
  except (OSError, subprocess.SubprocessError):
    return {}


def _program() -> list[str]:
  """What runs this program again, before its arguments."""
  spec = getattr(sys.modules['__main__'], '__spec__', None)
  if spec:
    return ['python', '-m', spec.name.removesuffix('.__main__')]
  name = pathlib.Path(sys.argv[0]).name
  return ['python', name] if name.endswith('.py') else [name]


def _arguments() -> list[str]:
  """What the command was given, but for where a run keeps its state."""
  kept, given = [], iter(sys.argv[1:])
  for argument in given:
    if argument == '--resume':
      next(given, None)  # its folder
    elif not argument.startswith('--resume='):
      kept.append(shlex.quote(argument))
  return kept


def data(problem: problem_lib.Problem, test: problem_lib.Examples, *,
         name: str = 'data', class_names: tuple[str, ...] = ()) -> report.Dataset:
  """What a problem's data are, with a hash to know them again.

  Args:
    problem: what was asked for.
    test: all test examples.
    name: of the data.
    class_names: one for each class; by default their numbers.

  Returns:
    The description; validation data are the held out examples.
  """
  train = np.concatenate([problem.retain.labels, problem.forget.labels])
  held_out = problem.held_out.labels if problem.held_out else train[:0]
  splits = {'train': train, 'validation': held_out, 'test': test.labels}
  count = lambda labels: tuple(np.bincount(labels, minlength=problem.num_classes).tolist())
  return report.Dataset(
      name=name, num_classes=problem.num_classes,
      class_names=class_names or tuple(map(str, range(problem.num_classes))),
      sizes=report.Sizes(**{split: len(labels) for split, labels in splits.items()}),
      class_counts=report.ClassCounts(**{
          split: count(labels) for split, labels in splits.items()}),
      sha256=storage.fingerprint([
          (part.x, part.y) for part in (problem.retain, problem.forget, problem.held_out, test)
          if part is not None]))
