"""Where results come from: when, by which command, of which code and on what."""

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
