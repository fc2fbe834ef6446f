"""Starts real processes on this machine."""

import os
import pathlib
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]

# The collectives' C++ reports its connections on standard output, in pieces that two
# threads can mix: they go to standard error, so that only Python's lines are heard.
HEARD = '''
import os, runpy, sys
sys.stdout = os.fdopen(os.dup(1), 'w')
os.dup2(2, 1)
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)
'''


def python(args, **variables) -> subprocess.Popen:
  """A Python process at the checkout's root, with two devices."""
  return subprocess.Popen(
      [sys.executable, *map(str, args)], cwd=ROOT, text=True,
      stdout=subprocess.PIPE, stderr=subprocess.PIPE,
      env={**os.environ, 'PYTHONPATH': str(ROOT), 'JAX_PLATFORMS': 'cpu',
           'XLA_FLAGS': os.environ['XLA_FLAGS'].replace('count=8', 'count=2'),
           **variables})


def two_processes(module: str, *args, seconds: float = 300) -> list[list[str]]:
  """Runs one module as two processes that know of each other; what each printed."""
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    port = free.getsockname()[1]
  both = [python(['-c', HEARD, module, *args],
                 JAX_COORDINATOR_ADDRESS=f'127.0.0.1:{port}',
                 JAX_NUM_PROCESSES='2', JAX_PROCESS_ID=str(i)) for i in range(2)]
  try:
    deadline = time.monotonic() + seconds
    said = [p.communicate(timeout=deadline - time.monotonic()) for p in both]
  finally:
    for process in both:
      process.kill()
  for process, (_, errors) in zip(both, said):
    assert process.returncode == 0, errors[-3000:]
  return [out.splitlines() for out, _ in said]
