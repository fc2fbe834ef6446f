"""`python -m unsc_jax report RUN...` and `python -m unsc_jax compare RUN RUN...`."""

import argparse
from collections.abc import Sequence
import os
import pathlib
import sys

import jax

from unsc_jax.storage import atomic


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs a command; 2 where that is not possible, with one sentence of why."""
  given = _parser().parse_args(arguments)
  try:
    return given.command(given)
  except ImportError as error:
    if error.name not in ('matplotlib', 'msgspec'):
      raise
    return _fail(str(error))
  except ValueError as error:
    return _fail(str(error))
  except BrokenPipeError:  # who reads along, `head` say, has seen enough
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
  except OSError as error:
    return _fail(f'{error.filename}: {error.strerror}.' if error.filename
                 else str(error))


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
      prog='python -m unsc_jax', description='Pages and tables of results.')
  commands = parser.add_subparsers(required=True, metavar='COMMAND')
  report = commands.add_parser(
      'report', help='write a page about each run',
      description='Writes a self-contained HTML page about each run, by default '
                  'report.html beside its results.json.')
  report.set_defaults(command=_report)
  compare = commands.add_parser(
      'compare', help='set runs side by side',
      description='Prints the measures of several runs side by side.')
  compare.set_defaults(command=_compare)
  for command in (report, compare):
    command.add_argument(
        'runs', nargs='+', type=pathlib.Path, metavar='RUN',
        help='a results.json, the folder of a run, or a folder of runs')
    command.add_argument('-o', '--output', type=pathlib.Path, metavar='PAGE.html')
  return parser


def _report(given: argparse.Namespace) -> int:
  from unsc_jax import report
  paths = [path for run in given.runs for path in report.find(run)]
  if given.output and len(paths) > 1:
    raise ValueError(f'-o names one page, but there are {len(paths)} runs: leave it '
                     'out, and each page is written beside its results.')
  for path in paths:
    page = given.output or path.with_name('report.html')
    _write(page, report.render(report.read(path)))
    print(page)
  return 0


def _compare(given: argparse.Namespace) -> int:
  from unsc_jax import report
  from unsc_jax.report import side_by_side
  paths = [path for run in given.runs for path in report.find(run)]
  if len(paths) < 2:
    raise ValueError('one run cannot be compared: give two or more, or use '
                     '`python -m unsc_jax report`.')
  runs = [side_by_side.Run(name, report.read(path))
          for path, name in zip(paths, names(paths))]
  if given.output:
    _write(given.output, side_by_side.render(runs))
  print(side_by_side.tables(runs))
  if given.output:
    print(f'\n{given.output}')
  return 0


def names(paths: Sequence[pathlib.Path]) -> list[str]:
  """Short names that tell runs apart: the last parts of their paths that do.

  Example:
    >>> names([pathlib.Path('a/x/results.json'), pathlib.Path('b/x/results.json')])
    ['a/x', 'b/x']
  """
  parts = [(path.parent if path.name == 'results.json' and path.parent.name
            else path.with_suffix('')).parts for path in paths]
  for count in range(1, max(map(len, parts)) + 1):
    short = ['/'.join(part[-count:]) for part in parts]
    if len(set(short)) == len(short):
      return short
  return [f'{i}: {"/".join(part)}' for i, part in enumerate(parts, 1)]


def _write(page: pathlib.Path, text: str) -> None:
  with atomic.written(page) as draft:
    draft.write_text(text, encoding='utf-8')


def _fail(sentence: str) -> int:
  print(f'error: {sentence}', file=sys.stderr)
  return 2


if __name__ == '__main__':
  # A page is a matter of a few means: it should not take hold of a GPU.
  jax.config.update('jax_platforms', 'cpu')
  sys.exit(main())
