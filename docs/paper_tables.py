"""The papers' tables as a page: what each row asks, and what those came to that were run."""

from collections.abc import Callable
import pathlib

from experiments import contest
from experiments import tables
from unsc_jax import report
from unsc_jax.report import table

RESULTS = pathlib.Path(__file__).parent / 'results' / 'tables'


def path(row: str) -> pathlib.Path:
  """Where the results of a row are, if it was run."""
  return RESULTS / f'{row.replace("/", "-")}.json'


def of(made: Callable[[report.Results], str]) -> str:
  """Every group: its own words, its rows, and their results.

  Args:
    made: which command made some results, and on what.
  """
  return '\n\n'.join(_group(name, made) for name in tables.GROUPS)


def _group(name: str, made: Callable[[report.Results], str]) -> str:
  first, _, rest = tables.GROUPS[name].__doc__.strip().partition('\n')
  rows = {row: config for row, config in tables.ROWS.items() if row.startswith(f'{name}/')}
  asked = table.piped([['row', 'asks', 'methods', 'run'], *(
      [f'`{row}`', _asks(config), ', '.join(f'`{one}`' for one in config.only),
       'below' if path(row).exists() else '–'] for row, config in rows.items())])
  results = [_result(row, made) for row in rows if path(row).exists()]
  text = rest.strip().rpartition('\n\n')[0]  # less the command, which is told once
  return '\n\n'.join([f'### {first.rstrip(".")}', text, asked, *results])


def _asks(config: contest.Config) -> str:
  what = (f'{config.share:.0%}' + (f' of classes {_few(config.share_of)}'
                                   if config.share_of else '') if config.share
          else f'{"classes" if len(config.forget) > 1 else "class"} {_few(config.forget)}')
  return f'{what}, {config.model}'


def _few(classes: tuple[int, ...]) -> str:
  return (', '.join(map(str, classes)) if len(classes) <= 10
          else f'{classes[0]} to {classes[-1]}' if classes == tuple(range(len(classes)))
          else f'{len(classes)} of them')


def _result(row: str, made: Callable[[report.Results], str]) -> str:
  results = report.read(path(row))
  return f'''<details markdown="1"><summary>{row}</summary>

{table.piped(table.cells(results))}

</details>

{made(results)}'''
