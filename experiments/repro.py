"""Makes results once more by their own command, and says what came out otherwise.

  python -m experiments.repro docs/results/compare-digits-mlp.json --tol .02

Every measure of every network is held against the one that is in the results. What a
rerun cannot be held to, times, versions and hardware, is shown beside. Ends with code
1 where something lies farther off than was allowed.
"""

from collections.abc import Iterator
import dataclasses
import importlib
import pathlib
import shlex
from types import ModuleType
from typing import Any, NamedTuple

import tyro

from unsc_jax import report
from unsc_jax.command import running
from unsc_jax.report import table


@dataclasses.dataclass(frozen=True)
class Config:
  """What to make again, and how near it has to come."""
  results: tyro.conf.Positional[pathlib.Path]
  """A results.json that a script of `experiments` has written."""
  tol: float = .02
  """How far a share may lie from what is expected; above 1, that part of it."""
  steps: float = 2
  """How many steps of learning again may be more or fewer."""
  data_dir: pathlib.Path | None = None
  """Where tfds keeps its data."""
  out: pathlib.Path = pathlib.Path('runs/repro')
  """Where the new results go."""
  resume: pathlib.Path | None = None
  """Keep the state of the rerun there, and go on from it."""


class Difference(NamedTuple):
  """A measure of one network that a rerun finds otherwise; None is no value."""
  method: str
  seed: int
  measure: str
  expected: float | None
  observed: float | None


def run(config: Config) -> report.Results:
  """Runs the command again, prints what differs; returns the new results.

  Raises:
    SystemExit: something lies farther off than was allowed: code 1.
  """
  expected = report.read(config.results)
  module, asked = command(expected)
  observed = module.run(dataclasses.replace(
      asked, out=config.out, name=config.results.parent.name + '-' + config.results.stem,
      data_dir=config.data_dir, resume=config.resume))
  found = list(differences(expected, observed, config.tol, config.steps))
  print(told(expected, observed, found))
  if found:
    raise SystemExit(1)
  return observed


def command(results: report.Results) -> tuple[ModuleType, Any]:
  """The script that wrote some results, and its options as they were given.

  Raises:
    ValueError: no script of `experiments` that returns results wrote them.
  """
  words = shlex.split(results.command)
  name = words[words.index('-m') + 1] if '-m' in words[:-1] else ''
  if not name.startswith('experiments.'):
    raise ValueError(
        f'these results were made by "{results.command}", which is no script of '
        'experiments; run it yourself, and compare.')
  module = importlib.import_module(name)
  if hasattr(module, '__path__'):  # what runs of a package is a module of it
    module = importlib.import_module(f'{name}.__main__')
  return module, tyro.cli(module.Config, args=words[words.index(name) + 1:])


def differences(expected: report.Results, observed: report.Results, tol: float,
                steps: float) -> Iterator[Difference]:
  """What lies farther off than was allowed, and what is there in one of them alone.

  Args:
    expected: what was published.
    observed: the rerun.
    tol: how far shares may lie apart; of what is above 1, that part.
    steps: how far steps of learning again may.
  """
  before, now = ({(row.method, row.seed): row.metrics for row in results.rows}
                 for results in (expected, observed))
  for method, seed in dict.fromkeys((*before, *now)):
    old, new = (of.get((method, seed), {}) for of in (before, now))
    for measure in dict.fromkeys((*old, *new)):
      a, b = old.get(measure), new.get(measure)
      allowed = steps if measure == 'relearn_steps' else tol * max(1, abs(a or 0))
      if (a is None) != (b is None) or (a is not None and not abs(a - b) <= allowed):
        yield Difference(method, seed, measure, a, b)


def told(expected: report.Results, observed: report.Results,
         found: list[Difference]) -> str:
  """All of it in words: how many agree, which do not, and on what it was made."""
  count = sum(len(row.metrics) for row in expected.rows)
  show = lambda value: '–' if value is None else f'{value:.4g}'
  lines = [f'{count - len(found)} of {count} measures came out within what is allowed.']
  if found:
    lines += ['', table.piped([['method', 'seed', 'measure', 'expected', 'observed'], *(
        [one.method, str(one.seed), one.measure, show(one.expected), show(one.observed)]
        for one in found)])]
  for what in dict.fromkeys((*expected.environment, *observed.environment)):
    then, here = (of.environment.get(what) for of in (expected, observed))
    if then != here:
      lines.append(f'{what}: {then} then, {here} now')
  if expected.dataset.sha256 != observed.dataset.sha256:
    lines.append('The data are not the same: their hashes differ.')
  times = {method: (_seconds(expected, method), _seconds(observed, method))
           for method in expected.methods}
  lines.append('Seconds then and now: ' + ', '.join(
      f'{method} {then:.1f} and {now:.1f}' for method, (then, now) in times.items() if then))
  return '\n'.join(lines)


def _seconds(results: report.Results, method: str) -> float:
  return sum(row.total_seconds for row in results.rows if row.method == method)


if __name__ == '__main__':
  running.main(run, Config, __doc__)
