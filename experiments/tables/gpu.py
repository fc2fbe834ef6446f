"""As many rows of the papers' tables as fit into ten minutes, on a machine with a GPU.

  python -m experiments.tables.gpu pack PACKED --data-dir ~/data
  python -m experiments.tables.gpu run PACKED OUT --minutes 8 --benchmarks projected_step

The first packs data, where they are at hand. The second needs JAX, Flax, Optax, Orbax,
scikit-learn and NumPy alone. When it ends, `OUT` has `rows.json`, what was measured, on
which device; a .json for every benchmark; and `kept.tar.gz`, from which `--kept` goes on,
here or there: unpacked, `python -m experiments.tables ROW --resume FOLDER` publishes a row
that is whole. A step that runs when the time is up is waited for, so that some time should
be left, and what there is is written every 20 s.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
import contextlib
import dataclasses
import json
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from typing import Any

import jax
import numpy as np

from experiments import contest as contest_lib
from experiments import tables
from unsc_jax import data as data_lib
from unsc_jax import progress as progress_lib
from unsc_jax import provenance
from unsc_jax.data import images
from unsc_jax.storage import atomic

# What a GPU does first: the rows that a CPU can hardly do, the mission's own before others.
FIRST = ('fashion_mnist/6', 'cifar10/3', 'fashion_mnist/0-6', 'cifar10/1-3', 'del_sets/two_classes')


def pack(names: Iterable[str], folder: pathlib.Path, data_dir: pathlib.Path | None = None
         ) -> None:
  """Writes data sets as one .npz of pixels each.

  Raises:
    ValueError: a data set does not come back to the bit.
  """
  folder.mkdir(parents=True, exist_ok=True)
  for name in names:
    dataset = data_lib.load(name, data_dir)
    published = {'train': (dataset.train, dataset.validation), 'test': (dataset.test,)}
    arrays = {}
    for split, parts in published.items():
      arrays[f'{split}_x'] = images.pixels(name, np.concatenate([part.x for part in parts]))
      arrays[f'{split}_y'] = np.concatenate([part.y for part in parts]).astype(np.uint8)
    np.savez_compressed(folder / f'{name}.npz', **arrays)
    again = unpack(name, folder)
    if not all(np.array_equal(getattr(getattr(dataset, split), part),
                              getattr(getattr(again, split), part))
               for split in data_lib.SPLITS for part in ('x', 'y')):
      raise ValueError(f'{name} does not come back to the bit; pack what `data.load` reads.')


def unpack(name: str, folder: pathlib.Path) -> data_lib.Dataset:
  """The data set that was packed."""
  with np.load(folder / f'{name}.npz') as stored:
    return images.dataset(name, *(images.examples(
        name, stored[f'{split}_x'], stored[f'{split}_y']) for split in ('train', 'test')))


def run(rows: Sequence[str], packed: pathlib.Path, out: pathlib.Path, *, minutes: float,
        kept: pathlib.Path | None = None, benchmarks: Sequence[str] = (), **changes: Any
        ) -> list[dict[str, Any]]:
  """Does rows of tables until the time is up; writes what there is in any case.

  Args:
    rows: of `tables.ROWS`; those whose data are not packed are left out, and told.
    packed: folder of data sets.
    out: folder for what was found.
    minutes: that it may take.
    kept: archive of an earlier run, to go on from.
    benchmarks: to run before, each in a process of its own.
    **changes: fields of every row's `Config` to be replaced.

  Returns:
    All rows of networks, those of earlier runs among them.
  """
  out.mkdir(parents=True, exist_ok=True)
  found: list[dict[str, Any]] = []
  with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    if kept:
      with tarfile.open(kept) as archive:
        archive.extractall(folder, filter='data')
    with _written(found, folder, out), _at_most(minutes):
      for name in benchmarks:
        _benchmark(name, out)
      for name in rows:
        config = dataclasses.replace(tables.ROWS[name], resume=folder, **changes)
        if not (packed / f'{config.dataset}.npz').exists():
          print(f'{name}: {config.dataset} is not packed.', file=sys.stderr)
          continue
        found += ({'row': name, **row}
                  for row in _of(name, config, unpack(config.dataset, packed)))
  return found


def _of(name: str, config: contest_lib.Config, dataset: data_lib.Dataset
        ) -> Iterator[dict[str, Any]]:
  """One row of a table: its networks, as they are measured."""
  contest = contest_lib.prepare(config, dataset)
  contest_lib.made(contest, lambda: {
      **provenance.run(), 'command': _command(name, config)})
  settings = contest_lib.choose(contest).settings
  for seed in config.seeds:
    yield from contest_lib.rows(contest, settings, seed)


def _command(name: str, config: contest_lib.Config) -> str:
  """What runs the row as it was asked for here."""
  usual = vars(tables.ROWS[name])
  words = ['python', '-m', 'experiments.tables', name]
  for field, value in vars(config).items():
    if value != usual[field] and field != 'resume':
      values = value if isinstance(value, tuple) else (value,)
      words += [f'--{field.replace("_", "-")}', *map(str, values)]
  return shlex.join(words)


@contextlib.contextmanager
def _written(found: Sequence[dict[str, Any]], folder: pathlib.Path, out: pathlib.Path,
             every: float = 20) -> Iterator[None]:
  """Writes what there is every so many seconds, and at the end, whatever the end."""
  made = provenance.run()
  write = lambda: _write({**made, 'rows': found}, folder, out)
  try:
    with progress_lib.repeating(every, write):
      yield
  finally:
    write()


def _write(rows: dict[str, Any], folder: pathlib.Path, out: pathlib.Path) -> None:
  """What was measured, and what a run goes on from; trained networks stay behind."""
  with atomic.written(out / 'rows.json') as draft:
    draft.write_text(json.dumps(rows, indent=1) + '\n')
  with (atomic.written(out / 'kept.tar.gz') as draft,
        tarfile.open(draft, 'w:gz') as archive):
    for part in sorted(folder.rglob('*.json')):
      if part.parent.name in ('rows', 'trials') or part.name.startswith('made-'):
        archive.add(part, part.relative_to(folder))


def _benchmark(name: str, out: pathlib.Path) -> None:
  """Runs one that claims something; a claim that is missed is told, and ends nothing."""
  subprocess.run([sys.executable, '-m', f'benchmarks.{name}'], check=False)
  for made in pathlib.Path('benchmarks/results').glob(f'{name}_{jax.default_backend()}.json'):
    shutil.copy(made, out)


class _TimeIsUp(BaseException):
  """No error of any row's: nothing catches it on its way."""


@contextlib.contextmanager
def _at_most(minutes: float) -> Iterator[None]:
  """Ends the block when the time is up, between two steps of Python."""
  def stop(*_):
    raise _TimeIsUp

  before = signal.signal(signal.SIGALRM, stop)
  signal.setitimer(signal.ITIMER_REAL, 60 * minutes)
  try:
    yield
  except _TimeIsUp:
    print(f'{minutes:g} minutes are over; the rest is for the next call.', file=sys.stderr)
  finally:
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  verbs = parser.add_subparsers(dest='verb', required=True)
  one = verbs.add_parser('pack', help='write data sets as .npz files')
  one.add_argument('packed', type=pathlib.Path)
  one.add_argument('--datasets', nargs='+', default=['fashion_mnist', 'cifar10'])
  one.add_argument('--data-dir', type=pathlib.Path)
  two = verbs.add_parser('run', help='do rows until the time is up')
  two.add_argument('packed', type=pathlib.Path)
  two.add_argument('out', type=pathlib.Path)
  two.add_argument('--minutes', type=float, default=8.)
  two.add_argument('--rows', nargs='+', default=list(FIRST), choices=list(tables.ROWS))
  two.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
  two.add_argument('--kept', type=pathlib.Path, help='kept.tar.gz of an earlier run')
  two.add_argument('--benchmarks', nargs='+', default=[])
  return parser


if __name__ == '__main__':
  asked = _parser().parse_args()
  if asked.verb == 'pack':
    pack(asked.datasets, asked.packed, asked.data_dir)
  else:
    run(asked.rows, asked.packed, asked.out, minutes=asked.minutes, kept=asked.kept,
        benchmarks=asked.benchmarks, seeds=tuple(asked.seeds))
