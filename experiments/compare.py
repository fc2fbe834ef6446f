"""All methods on one request, each with settings chosen on other requests.

  python -m experiments.compare --dataset digits --seeds 0 1 2
  python -m experiments.compare --dataset digits --share .1
  python -m experiments.compare --dataset digits --share .5 --share-of 2 5

Settings are scored on training and validation data by their gap to networks retrained
without surrogate requests; see `experiments.contest`.
Writes `runs/<name>/results.json` and `report.html`, and prints the table.
"""

import dataclasses
import time

import msgspec

from experiments import cli
from experiments import contest as contest_lib
from experiments import results as results_lib
from unsc_jax import provenance
from unsc_jax import report
from unsc_jax.command import checks
from unsc_jax.command import publish
from unsc_jax.command import running
from unsc_jax.evaluation.shadows import compilation

Config = contest_lib.Config


@compilation.shared()  # most of a trial is compilation, of programs that recur
def run(config: Config) -> report.Results:
  """Searches, runs, writes the folder; returns the results."""
  start = time.perf_counter()
  checks.check(config)
  folder = checks.folder(config.out, contest_lib.name(config), config.resume)
  contest = contest_lib.prepare(config)
  made = contest_lib.made(contest, provenance.run)
  request, task = contest.request, contest.task
  _, forget = request.split(task.dataset.train)
  choices = contest_lib.choose(contest)
  rows = [msgspec.convert(row, report.Row) for seed in config.seeds
          for row in contest_lib.rows(contest, choices.settings, seed)]
  results = report.Results(
      experiment='compare', **made,
      config=cli.asked(config, task.settings, forget=request.classes),
      dataset=results_lib.describe_data(task.dataset, len(forget)),
      forget_classes=request.classes,
      methods=tuple(dict.fromkeys(row.method for row in rows)), rows=tuple(rows),
      surrogates=tuple(map(dataclasses.asdict, choices.surrogates)),
      search={name: tuple(report.Trial(**trial._asdict()) for trial in trials)
              for name, trials in choices.trials.items()},
      wall_seconds=time.perf_counter() - start)
  publish.publish(results, folder)
  return results


if __name__ == '__main__':
  running.main(run, Config, __doc__)
