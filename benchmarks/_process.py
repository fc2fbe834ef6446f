"""A measurement in a process of its own, so that its peak of memory is its own."""

import json
import os
import pathlib
import re
import resource
import subprocess
import sys
from typing import Any

ROOT = pathlib.Path(__file__).parents[1]


def call(module: str, *arguments: str, environment: dict[str, str] | None = None
         ) -> Any:
  """Runs `python -m benchmarks.<module> ...`, and reads its last line as JSON.

  Raises:
    RuntimeError: it failed; with what it said.
  """
  done = subprocess.run(
      [sys.executable, '-m', f'benchmarks.{module}', *arguments], cwd=ROOT,
      capture_output=True, text=True, env={**os.environ, **(environment or {})})
  if done.returncode:
    raise RuntimeError(f'{module} {" ".join(arguments)} failed:\n{done.stderr}')
  return json.loads(done.stdout.splitlines()[-1])


def peak_mib() -> float:
  """The largest resident memory of this process so far, in MiB.

  Where the system tells it, of the program alone: `getrusage` counts what the process
  was forked from as well.
  """
  status = pathlib.Path('/proc/self/status')
  if status.exists():
    return int(re.search(r'VmHWM:\s+(\d+) kB', status.read_text())[1]) / 2**10
  unit = 2**20 if sys.platform == 'darwin' else 2**10
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
