"""What a reader asks first, answered in sentences of one method."""

from collections.abc import Mapping
import types
from typing import NamedTuple

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import numerals
from unsc_jax.report import phrases
from unsc_jax.report import results as results_lib
from unsc_jax.report import status as status_lib
from unsc_jax.report import telling
from unsc_jax.report import wording


class Answer(NamedTuple):
  """A question in a word or two, and what is to be said."""
  question: str
  text: str
  command: str = ''  # that is to be typed


def asked(results: results_lib.Results) -> Answer:
  """What was to be forgotten, and how much that is of the data."""
  sizes, name = results.dataset.sizes, results.dataset.name
  if not results.forget_classes:
    what = (f'Forget {numerals.plural(sizes.forget, "single example")}'
            if sizes.forget else 'Forget single examples')
    return Answer('Asked', f'{what} of the {sizes.train} that {name} was learnt from.')
  count = f': {sizes.forget} of {sizes.train} training examples' if sizes.forget else ''
  return Answer('Asked', f'Forget {wording.forgotten(results)} of {name}{count}.')


def forgotten(comparison: comparison_lib.Comparison, method: str) -> Answer:
  """Whether it was forgotten: against retraining, and beyond masking a logit."""
  return Answer('Forgotten?', f'{_forgotten(comparison, method)} {counts(comparison, method)}')


def _forgotten(comparison, method) -> str:
  evidence = telling.evidence(comparison, method)
  now = f' {_now(comparison, method)}'.rstrip()
  if not comparison.references:
    return f'There is no retrained model to tell by.{now}'
  found = status_lib.status(evidence._replace(harm=0))
  cells = comparison.judged(method)
  worst = lambda keys: phrases.still(keys[0], cells[keys[0]])
  if found is status_lib.UNKNOWN:
    return ('Nobody can tell: no measure tells even the untouched original from a '
            f'retrained model.{now}')
  if found is status_lib.NOT_FORGOTTEN:
    return f'No: {worst(telling.left(comparison, method, behind=False))}.'
  if found is status_lib.UNLIKE:
    return ('No knowledge is found, but it is not like a retrained model: '
            f'{worst(telling.unlike(comparison, method))}.{now}')
  if found is status_lib.FORGOTTEN:
    return f'Yes, like a retrained model.{now}'
  if left := telling.left(comparison, method, behind=True):
    beyond = f'Behind it no: {worst(left)}{_masked(comparison, left[0])}.'
  elif evidence.masked:
    beyond = 'Beyond that it is as near to masking a logit as to retraining.'
  else:
    beyond = 'Beyond that nothing here can tell it from masking a logit.'
  return f'At the output yes.{now} {beyond}'


def _now(comparison, method) -> str:
  """How often the forgotten is still called what it was."""
  for key in ('forget_test', 'forget_train'):
    cell = comparison.cells.get((method, key))
    if cell:
      before = comparison.cells.get((comparison_lib.ORIGINAL, key))
      show = metrics_lib.describe(key).show
      beside = [f'{show(before.mean)} before'] if before else []
      if cell.gap is not None:
        beside.append(f'{show(cell.reference)} retrained')
      return (f'{metrics_lib.describe(key).name} '
              f'{phrases.spread(metrics_lib.describe(key), cell)}'
              + (f' ({", ".join(beside)})' if beside else '') + '.')
  return ''


def _masked(comparison, key) -> str:
  control = comparison.cells.get((comparison_lib.CONTROL, key))
  return f' (masking alone: {metrics_lib.describe(key).show(control.mean)})' if control else ''


def counts(comparison: comparison_lib.Comparison, method: str) -> str:
  """On how many measures it is like retrained: of those that can tell, and of all."""
  judged = comparison.judged(method)
  if not judged:
    return 'No measure of it can be judged.'
  able = [key for key in telling.telling(comparison) if key in judged]
  rivals = {name: one for name, one in (
      ('head-only', comparison_lib.CONTROL), ('original', comparison_lib.ORIGINAL))
            if comparison.judged(one)}
  of_rivals = lambda keys: ', '.join(f'{name} {telling.like(comparison, one, keys)}'
                                     for name, one in rivals.items())
  beside = lambda keys: f' ({of_rivals(keys)})' if rivals else ''
  of_all = (f'{telling.like(comparison, method, judged)} of all {len(judged)}'
            f'{beside(judged)}')
  if not able:
    return f'No measure of it can tell; it is like retrained on {of_all}.'
  passed = len(telling.passed(comparison, method, able))
  told = (f'{passed} of {numerals.plural(len(able), "measure")} that can tell'
          f'{beside(able)}')
  return f'Like retrained on {told}; on {of_all}.'


def harmed(comparison: comparison_lib.Comparison, method: str) -> Answer:
  """Whether what was to stay is as good as it was."""
  key = next((key for key in ('retain_test', 'retain_train')
              if (method, key) in comparison.cells), None)
  if key is None:
    return Answer('Harmed?', 'Not known: no accuracy on what remains was measured.')
  cell, metric = comparison.cells[method, key], metrics_lib.describe(key)
  before = comparison.cells.get((comparison_lib.ORIGINAL, key))
  beside = [f'before {metric.show(before.mean)}'] if before else []
  if cell.gap is not None:
    beside.append(f'retrained {metric.show(cell.reference)}')
  values = (f'accuracy on what remains {phrases.spread(metric, cell)}'
            + (f' ({", ".join(beside)})' if beside else ''))
  if cell.place is None:
    word = 'Not judged'
  elif telling.harm(comparison, method):
    word = 'Yes'
  elif cell.place == 'below':
    word = ('Hardly' if before and cell.mean < before.mean else
            'No, though retraining gives more')
  else:
    word = 'No'
  return Answer('Harmed?', f'{word}: {values}.{_moved(comparison, method)}')


def _moved(comparison, method) -> str:
  """How far the answers moved that were to stay."""
  for key in ('logit_drift', 'layer_drift'):
    cell, reference = (comparison.cells.get((one, key))
                       for one in (method, comparison_lib.REFERENCE))
    if cell:
      show, name = metrics_lib.describe(key).show, metrics_lib.describe(key).name
      beside = f' (retrained {show(reference.mean)})' if reference else ''
      return f' {name} {show(cell.mean)}{beside}.'
  return ''


def cost(results: results_lib.Results, method: str) -> Answer:
  """How long it took beside retraining."""
  mine, whole = (comparison_lib.total_seconds(results, one)
                 for one in (method, comparison_lib.REFERENCE))
  if mine is None:
    return Answer('Cost', 'Nothing was timed.')
  if not whole:
    return Answer('Cost', f'{numerals.seconds(mine)}; retraining was not timed here.')
  times = lambda x: f'{x:.0f}' if x >= 10 else f'{x:.1f}'
  beside = (f'{times(whole / mine)} times as fast as' if 0 < mine <= whole else
            f'{times(mine / whole)} times the time of')
  return Answer('Cost', f'{numerals.seconds(mine)}, {beside} retraining '
                f'({numerals.seconds(whole)}).')


def first(comparison: comparison_lib.Comparison) -> str | None:
  """The method that the page opens with; None where there are only references."""
  methods = comparison.judged_methods
  return 'unsc' if 'unsc' in methods else next(iter(methods), None)


def by_status(comparison: comparison_lib.Comparison, but: str | None = None
              ) -> Mapping[status_lib.Status, list[str]]:
  """The methods of every status, the best first."""
  found: dict[status_lib.Status, list[str]] = {one: [] for one in _BEST_FIRST}
  for method in comparison.judged_methods:
    if method != but:
      found[telling.status(comparison, method)].append(method)
  return types.MappingProxyType({one: of for one, of in found.items() if of})


_BEST_FIRST = (status_lib.FORGOTTEN, status_lib.UNLIKE, status_lib.AT_THE_OUTPUT,
               status_lib.NOT_FORGOTTEN, status_lib.HARMED, status_lib.UNKNOWN)
