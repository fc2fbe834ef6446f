"""What the README shows: the demo's table, and what its code prints."""

import contextlib
import io
import re
import statistics

from unsc_jax import report
from unsc_jax.report import table

DEMO = 'docs/examples/digits-small_cnn/results.json'


def code(page: str) -> str:
  """The first block of Python on a page."""
  return re.search('```python\n(.*?)```', page, re.DOTALL)[1]


def printed(page: str) -> str:
  """What it prints, as a block."""
  said = io.StringIO()
  with contextlib.redirect_stdout(said):
    exec(code(page), {})
  return f'```\n{said.getvalue()}```'


def demo(results: report.Results) -> str:
  """What `make demo` shows: one class of the digits."""
  columns = {'forget_test': 'forgotten class %', 'retain_test': 'the rest %',
             'probe': 'probe %', 'relearn_steps': 'steps to relearn',
             'logit_drift': 'drift %'}
  rows = []
  for method, name in (('original', 'before'), ('head_only', 'its logit masked'),
                       ('unsc', 'after UNSC'), ('retrain', 'retrained without it')):
    of = [row for row in results.rows if row.method == method]
    mean = {metric: statistics.fmean(row.metrics[metric] for row in of)
            for metric in columns}
    seconds = [row.total_seconds for row in of if row.seconds]
    rows.append([name, *(f'{value if metric == "relearn_steps" else 100 * value:.1f}'
                         for metric, value in mean.items()),
                 f'{seconds[0] / _retraining_seconds(results):.2f}' if seconds else '-'])
  head = table.piped([['network', *columns.values(), 'time / retraining'], *rows])
  return f'''`make demo`, the digit {results.forget_classes[0]}: \
{sum(row.method == "retrain" for row in results.rows)} retrained networks, one of UNSC.

{head}

*Probe*: accuracy on the class of a new head on the features. *Steps to relearn*: training on twenty
of its images, among as many others, until it is back. *Drift*: how far the logits of all others
moved.'''


def _retraining_seconds(results: report.Results) -> float:
  return next(row.total_seconds for row in results.rows
              if row.method == 'retrain' and row.seconds)
