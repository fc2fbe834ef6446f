"""How a command or a script runs: its processes, its bars, and how it fails.

All processes run the same program on the same arguments, and share every batch;
the first alone prints and writes.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
import contextlib
import os
import shlex
import sys
from typing import Any

import jax

from unsc_jax import progress as progress_lib
from unsc_jax import sharding


def main(run: Callable[[Any], Any], config: type, description: str | None) -> None:
  """Runs a script as the command line has it; one sentence where it cannot.

  Args:
    run: takes a `config`.
    config: the dataclass of its options.
    description: of the script, for `--help`.

  Raises:
    SystemExit: what was asked for cannot be done, or was interrupted: code 130.
  """
  import tyro  # of a command line alone

  given = tyro.cli(config, description=description)
  again = ['python', *_script(), *sys.argv[1:]]
  with told(again, given, beating=False):  # who beats asks JAX which process this is
    start(getattr(given, 'distributed', False))
  with told(again, given):
    run(given)


@contextlib.contextmanager
def told(again: Sequence[str], given: Any, *, beating: bool = True) -> Generator[None]:
  """Says in a log what runs, and in one sentence why it ended where it should not.

  Args:
    again: the command that would run the same once more.
    given: its options; with one called `resume` a run can go on.
    beating: whether a log is told every few seconds; not of what takes no time.

  Raises:
    SystemExit: with the sentence; of code 130 where it was interrupted.
  """
  try:
    with _LINES.beating() if beating and _logs() else contextlib.nullcontext():
      yield
  except KeyboardInterrupt:
    print(f'\ninterrupted; {_way_on(again, given)}', file=sys.stderr)
    raise SystemExit(130) from None
  except BrokenPipeError:  # who reads along, `head` say, has seen enough
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
  except OSError as error:
    said = f'{error.filename}: {error.strerror}.' if error.filename else error
    raise SystemExit(f'error: {said}') from error
  except (ValueError, ImportError, FloatingPointError) as error:
    raise SystemExit(f'error: {error}') from error


def _way_on(again: Sequence[str], given: Any) -> str:
  """How a run that was interrupted can go on."""
  if getattr(given, 'resume', None) is None:
    more = ('' if not hasattr(given, 'resume') else
            ', and with --resume FOLDER in it the next one can go on from there')
    return f'nothing was kept. Begin anew with: {shlex.join(again)}{more}'
  return f'go on with: {shlex.join(again)}'


def _script() -> list[str]:
  """What runs this script again, after `python`."""
  spec = getattr(sys.modules['__main__'], '__spec__', None)
  return ['-m', spec.name] if spec else [sys.argv[0]]


def start(distributed: bool) -> None:
  """Joins the other processes of this run; call it before any use of JAX.

  SLURM, Open MPI, Kubernetes and TPU pods tell a process what it has to know;
  elsewhere JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID do.

  Args:
    distributed: whether there are others.

  Raises:
    ValueError: nothing tells where they are.
  """
  if not distributed:
    return
  number = lambda name: int(os.environ[name]) if name in os.environ else None
  try:
    jax.distributed.initialize(
        num_processes=number('JAX_NUM_PROCESSES'),
        process_id=number('JAX_PROCESS_ID'))
  except ValueError as e:
    raise ValueError(
        f'the other processes are not known ({e}); start under SLURM, Open MPI '
        'or on a TPU pod, or set JAX_COORDINATOR_ADDRESS=HOST:PORT, '
        'JAX_NUM_PROCESSES and JAX_PROCESS_ID.') from e
  if not is_first():
    sys.stdout = open(os.devnull, 'w')  # noqa: SIM115


def is_first() -> bool:
  """Whether this process speaks for all."""
  return jax.process_index() == 0


def mesh() -> jax.sharding.Mesh | None:
  """All devices of all processes; None if there is but one."""
  return sharding.data_mesh() if jax.device_count() > 1 else None


def progress(steps: Iterable, label: str, total: int) -> Iterable:
  """A bar on a terminal, lines in a log; of the first process alone."""
  if not is_first():
    return steps
  return (_LINES if _logs() else progress_lib.bar)(steps, label, total)


def _logs() -> bool:
  return is_first() and not sys.stderr.isatty()


_LINES = progress_lib.to_log()
