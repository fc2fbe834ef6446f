"""How sure a status is: seeds, retrained models, and what so few examples can show."""

import collections

from unsc_jax.report import answers
from unsc_jax.report import chief
from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import numerals
from unsc_jax.report import phrases
from unsc_jax.report import results as results_lib
from unsc_jax.report import telling
from unsc_jax.report import wording

ENOUGH = 3  # retrained models that tell their noise


def sure(results: results_lib.Results, comparison: comparison_lib.Comparison, method: str
         ) -> answers.Answer:
  """How far one should trust what is said of a method."""
  parts = [_runs(results, comparison), _spread(results, method),
           within(results, comparison, method)]
  return answers.Answer('How sure?', ' '.join(filter(None, parts)))


def _runs(results, comparison) -> str:
  seeds = numerals.plural(len(results.seeds), 'seed')
  if not comparison.references:
    return f'{seeds}, and no retrained model.'
  runs = f'{seeds}, {numerals.plural(comparison.references, "retrained model")}'
  if comparison.references >= ENOUGH:
    return f'{runs}.'
  return f'{runs}: the noise between seeds is not known.'


def _spread(results, method) -> str:
  """Whether every seed by itself says the same, of several."""
  seeds = {seed: one for seed, one in comparison_lib.by_seed(results).items()
           if method in one.methods} if len(results.seeds) > 1 else {}
  if len(seeds) < 2:
    return ''
  words = collections.Counter(telling.status(one, method).word for one in seeds.values())
  passed = [len(telling.passed(one, method, telling.telling(one))) for one in seeds.values()]
  span = (f'{min(passed)}' if min(passed) == max(passed) else
          f'{min(passed)} to {max(passed)}')
  if len(words) == 1:
    return f'Every seed by itself says the same; like retrained on {span} that can tell.'
  by_word = wording.listing([f'{word.lower()} in {count}' for word, count in words.items()])
  return f'Seed by seed: {by_word}; like retrained on {span} that can tell.'


def within(results: results_lib.Results, comparison: comparison_lib.Comparison,
           method: str) -> str:
  """What so many examples can show, by the intervals that were measured."""
  known, blind = [], []
  for role in ('forget', 'behind', 'attack'):
    key = chief.measures(comparison).get(role)
    cell = comparison.cells.get((method, key or ''))
    if not key or not cell or not cell.interval or cell.limit is not None:
      continue
    metric, (low, high) = metrics_lib.describe(key), cell.interval
    half = max(high - cell.mean, cell.mean - low)
    known.append(f'{wording.low(metric.name)} ±\u00a0{phrases.width(metric, half)}')
    original = comparison.cells.get((comparison_lib.ORIGINAL, key))
    if metric.kind == 'forget' and original and original.place == 'like':
      blind.append(f'the {wording.low(metric.name)}')
  if not known:
    return ''
  count = results.dataset.sizes.forget
  text = (f'With {numerals.plural(count, "example")} to forget, ' if count else ''
          ) + f'{", ".join(known)} (95 %).'
  if blind:
    text += (f' By {wording.listing(blind)} even the untouched original passes for '
             'retrained.')
  return text[:1].upper() + text[1:]
