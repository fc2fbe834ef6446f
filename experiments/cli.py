"""What every script shares: options, processes, progress bars, and how it fails.

All processes run the same script on the same arguments, and share every batch;
the first alone prints and writes.
"""

from collections.abc import Callable, Iterable
import contextlib
import dataclasses
import os
import pathlib
import shlex
import sys
from typing import Annotated, Any

import jax
import tyro

from experiments import defaults
from experiments import settings as settings_lib
from unsc_jax import progress as progress_lib
from unsc_jax import sharding
from unsc_jax import storage


@dataclasses.dataclass(frozen=True)
class Options:
  """Data, network, request, and where things are kept."""
  dataset: str = 'digits'
  """digits, or a tfds name: fashion_mnist, cifar10, cifar100, svhn_cropped, mnist."""
  model: Annotated[str | None, defaults.tuned(
      lambda settings: settings.network)] = None
  """alexnet, allcnn, mlp, resnet18, small_cnn, tiny_cnn, vgg11; else the paper's."""
  forget: Annotated[tuple[int, ...], defaults.tuned(
      lambda settings: settings.forget)] = ()
  """Classes to forget; by default the paper's."""
  seeds: tuple[int, ...] = (0,)
  """One original and one retrained network for each."""
  epochs: Annotated[float | None, defaults.tuned(
      lambda settings: settings.recipe.epochs)] = None
  """Training epochs of the original and the retrained network."""
  probe_epochs: float = 20
  """Training epochs of the linear probe."""
  data_dir: pathlib.Path | None = None
  """Where tfds keeps its data; by default TFDS_DATA_DIR, as tfds has it."""
  name: str | None = None
  """Of the folder in `out`; by default made from what was asked for."""
  out: pathlib.Path = pathlib.Path('runs')
  """Where results go."""
  resume: pathlib.Path | None = None
  """Folder for the state of a run: one that was killed goes on from it."""
  distributed: bool = False
  """Whether this is one of several processes, see docs/distributed.md."""


# Where things are and how many processes run: nothing that a result depends on.
_PLACES = ('data_dir', 'name', 'out', 'resume', 'distributed')


def asked(options: Options, settings: settings_lib.Settings, **more: Any
          ) -> dict[str, Any]:
  """What a run was asked for, defaults spelt out; not where it is kept."""
  given = {name: str(value) if isinstance(value, pathlib.Path) else value
           for name, value in vars(options).items() if name not in _PLACES}
  return storage.describe({
      **given, 'model': settings.network, 'forget': settings.forget,
      'epochs': settings.recipe.epochs, 'training': settings.recipe, **more})


def main(run: Callable[[Any], Any], config: type, description: str | None) -> None:
  """Runs a script as the command line has it; one sentence where it cannot.

  Args:
    run: takes a `config`.
    config: the dataclass of its options.
    description: of the script, for `--help`.

  Raises:
    SystemExit: what was asked for cannot be done, or was interrupted: code 130.
  """
  given = tyro.cli(config, description=description)
  try:
    start(getattr(given, 'distributed', False))
    with _LINES.beating() if _logs() else contextlib.nullcontext():
      run(given)
  except KeyboardInterrupt:
    print(f'\ninterrupted; {_way_on(given)}', file=sys.stderr)
    raise SystemExit(130) from None
  except OSError as error:
    said = f'{error.filename}: {error.strerror}.' if error.filename else error
    raise SystemExit(f'error: {said}') from error
  except (ValueError, ImportError, FloatingPointError) as error:
    raise SystemExit(f'error: {error}') from error


def _way_on(given: Any) -> str:
  """How a run that was interrupted can go on."""
  command = ['python', *_script(), *sys.argv[1:]]
  if getattr(given, 'resume', None) is None:
    more = ('' if not hasattr(given, 'resume') else
            ', and with --resume FOLDER in it the next one can go on from there')
    return f'nothing was kept. Begin anew with: {shlex.join(command)}{more}'
  return f'go on with: {shlex.join(command)}'


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
