"""Results: how they were made, whole on the disk, and as a table for the terminal."""

from collections.abc import Callable
import datetime
import hashlib
import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
from typing import Any

import flax
import jax
import msgspec
import numpy as np
import optax

from experiments import cli
import unsc_jax
from unsc_jax import data as data_lib
from unsc_jax import report
from unsc_jax import storage
from unsc_jax import text
from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import missing
from unsc_jax.storage import atomic

_COLUMNS = {
    'forget_test': 'forget test %', 'retain_test': 'retain test %',
    'forget_train': 'forget train %', 'retain_train': 'retain train %',
    'mia_confidence': 'attack AUC %', 'probe': 'probe %', 'logit_drift': 'drift %',
    'layer_drift': 'layer drift %',
}


def publish(results: report.Results, path: pathlib.Path) -> None:
  """Prints the table of results, and writes a folder of them and their page.

  Args:
    results: all of them.
    path: of the folder; an older one of this name is replaced at the end.

  Raises:
    OSError: it cannot be written; the results are in another folder then, which is
      said.
  """
  try:
    print(render(results), flush=True)
  finally:  # also where nobody reads along any more
    try:
      _write(results, path)
    except Exception as error:
      raise OSError(
          f'{path} could not be written ({error}); the results are in '
          f'{_rescue(results, path.name)}: make a page of them with '
          '`python -m unsc_jax report`.') from error
  seconds = results.wall_seconds
  print(f'\n{path / "report.html"}' + ('' if seconds is None else f' ({seconds:.0f} s)'))


def _write(results: report.Results, path: pathlib.Path) -> None:
  if cli.is_first():
    path.parent.mkdir(parents=True, exist_ok=True)
  with atomic.written(path, here=cli.is_first()) as draft:
    draft.mkdir()
    report.write(draft / 'results.json', results)
    (draft / 'report.html').write_text(report.render(results), encoding='utf-8')


def _rescue(results: report.Results, name: str) -> pathlib.Path:
  """Writes the results where it is possible: a new folder, here or for temporary files."""
  for parent in (None, pathlib.Path.cwd()):
    try:
      path = pathlib.Path(tempfile.mkdtemp(prefix=f'{name}-', dir=parent)) / 'results.json'
      report.write(path, results)
      return path
    except OSError:
      continue
  raise OSError(
      'no other folder could be written to either: the table above is all that is left.')


def kept(folder: pathlib.Path | None, name: str, run: dict[str, Any], kind: Any,
         make: Callable[[], Any]) -> Any:
  """A part of a run, of some type, made once: see `storage.kept`."""
  return msgspec.convert(storage.kept(
      folder, name, run, lambda: msgspec.to_builtins(make())), kind)


def describe_run() -> dict[str, Any]:
  """When, how and on what a result was made."""
  device = jax.devices()[0]
  packages = {module.__name__: module.__version__
              for module in (jax, flax, optax, np, unsc_jax)}
  return {
      'created': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
      'command': ' '.join(['python', _module(), *_arguments()]),
      'environment': {
          'python': platform.python_version(), **packages,
          **{name: importlib.metadata.version(name)
             for name in ('scipy', 'scikit-learn')},
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
    git = subprocess.run(command, cwd=pathlib.Path(__file__).parent,
                         capture_output=True, text=True, timeout=20, check=False)
  except (OSError, subprocess.TimeoutExpired):
    return {}
  return {'commit': git.stdout.strip()} if git.returncode == 0 else {}


def _module() -> str:
  spec = getattr(sys.modules['__main__'], '__spec__', None)
  return f'-m {spec.name}' if spec else pathlib.Path(sys.argv[0]).name


def _arguments() -> list[str]:
  """What the command was given, but for where a run keeps its state."""
  kept, given = [], iter(sys.argv[1:])
  for argument in given:
    if argument == '--resume':
      next(given, None)  # its folder
    elif not argument.startswith('--resume='):
      kept.append(argument)
  return kept


def describe_data(dataset: data_lib.Dataset) -> report.Dataset:
  """What data a result was made with, with a hash to tell."""
  digest = hashlib.sha256()
  splits = {name: getattr(dataset, name) for name in ('train', 'validation', 'test')}
  for split in splits.values():
    digest.update(np.ascontiguousarray(split.x).tobytes())
    digest.update(np.ascontiguousarray(split.y).tobytes())
  counts = {name: tuple(np.bincount(split.y, minlength=dataset.num_classes).tolist())
            for name, split in splits.items()}
  return report.Dataset(
      name=dataset.name, num_classes=dataset.num_classes,
      class_names=tuple(dataset.class_names),
      sizes=report.Sizes(**{name: len(split) for name, split in splits.items()}),
      class_counts=report.ClassCounts(**counts), sha256=digest.hexdigest())


def render(results: report.Results) -> str:
  """The table of `cells`, and lines that say how to read it."""
  return '\n'.join([
      text.table(cells(results)),
      'In brackets: the gap to the network retrained without what was to be forgotten.',
      *ties(results),
      *missing.sentences(comparison_lib.compare(results), _COLUMNS)])


def ties(results: report.Results) -> list[str]:
  """What a reader of the table should not take for unlearning, one line a method.

  Returns:
    For every method the columns in which it ties with the head-only control.
  """
  comparison = comparison_lib.compare(results)
  lines = []
  for method in comparison.judged_methods:
    tied = [title.removesuffix(' %') for key, title in _COLUMNS.items()
            if (cell := comparison.cells.get((method, key))) and cell.tie]
    if tied:
      lines.append(f'{method} ties with head_only, which only masks a logit, on: '
                   f'{", ".join(tied)}.')
  return lines


def cells(results: report.Results) -> list[tuple[str, ...]]:
  """Methods by metrics: mean ± spread over seeds, and the gap to retraining.

  What no row has is no column.

  Returns:
    The table's rows, the head first.
  """
  comparison = comparison_lib.compare(results)
  measured = {metric.key for metric in comparison.measures}
  columns = {key: title for key, title in _COLUMNS.items() if key in measured}
  table = [('method', *columns.values(), 'time / retrain')]
  for method in comparison.methods:
    of = lambda key, method=method: _cell(*(
        comparison.cells.get((name, key)) for name in (method, comparison_lib.REFERENCE)))
    table.append((method, *map(of, columns), _time(results, method)))
  return table


def _cell(cell: comparison_lib.Cell | None, reference: comparison_lib.Cell | None
          ) -> str:
  if cell is None:
    return '-'
  spread = '' if cell.std is None else f' ± {100 * cell.std:.1f}'
  gap = f' ({100 * (cell.mean - reference.mean):+.1f})' if reference else ''
  return f'{100 * cell.mean:.1f}{spread}{gap}'


def _time(results: report.Results, method: str) -> str:
  """Wall time as a share of retraining's: absolute times tell of the machine."""
  seconds, whole = (comparison_lib.total_seconds(results, name)
                    for name in (method, comparison_lib.REFERENCE))
  return f'{(seconds or 0) / whole:.2f}' if whole else '-'
