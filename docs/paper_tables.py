"""The papers' tables as a page: what each row asks, and what those came to that were run."""

from collections.abc import Callable, Iterable, Iterator
import pathlib
import statistics

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

{_held(results)}

{made(results)}'''


# Of ours, in the order in which they are put in words; an ablation speaks for itself.
_CHIEF = ('unsc', 'unsc_momentum', 'unsc_last_four', 'unsc_hard',
          'unsc_hard_sgd', 'unsc_hard_last_four', 'null_space_alignment')


def _held(results: report.Results) -> str:
  """What ours come to beside the others, in words."""
  said = _of_classes if results.forget_classes else _of_examples
  return '\n'.join(f'- {line}' for line in said(results))


def _of_classes(results: report.Results) -> Iterator[str]:
  """Forgotten as far as may be, and of the rest no less than retraining keeps."""
  of = _means(results, 'forget_test', 'retain_test')
  for name in (name for name in _CHIEF if name in of):
    forget, retain = of[name]
    rivals = _rivals(of)
    ahead = [other for other in rivals if forget <= of[other][0] and retain >= of[other][1]]
    behind = [other for other in rivals if forget >= of[other][0] and retain < of[other][1]]
    yield (
        f'`{name}` leaves {100 * forget:.1f} % of what was to go and keeps {100 * retain:.1f} % '
        f'of the rest, {100 * (retain - of["original"][1]):+.1f} points to the original and '
        f'{100 * (retain - of["retrain"][1]):+.1f} to the retrained network'
        + (f'; no worse in either than {", ".join(ahead)}' if ahead else '')
        + (f'; no better in either than {", ".join(behind)}' if behind else '') + '.')


def _of_examples(results: report.Results) -> Iterator[str]:
  """As near as may be to what a network says that has not seen them."""
  of = _means(results, 'forget_train', 'retain_test', 'logit_drift')
  others = [of[other][2] for other in _rivals(of)]
  for name in (name for name in _CHIEF if name in of):
    forget, retain, drift = of[name]
    yield (
        f'`{name}` answers {100 * forget:.1f} % of what was to go as it was labelled, '
        f'{100 * (forget - of["retrain"][0]):+.1f} points to the retrained network, and keeps '
        f'{100 * retain:.1f} %, {100 * (retain - of["retrain"][1]):+.1f} points; answers to what '
        f'stays move by {100 * drift:.1f} %, by others\' methods by {100 * min(others):.1f} to '
        f'{100 * max(others):.1f} %.')


def _means(results: report.Results, *measures: str) -> dict[str, list[float]]:
  """Of every method, over its networks."""
  return {method: [statistics.fmean(row.metrics[name] for row in results.rows_of(method))
                   for name in measures] for method in results.methods}


def _rivals(of: Iterable[str]) -> list[str]:
  """The methods that others have published."""
  return [other for other in of
          if other not in ('original', 'retrain', 'head_only') and not _ours(other)]


def _ours(method: str) -> bool:
  return method.startswith(('unsc', 'null_space'))
