"""What the numbers say, in sentences.

No measure is called better for being lower: each is judged by its gap to the
retrained models, and counts for nothing where masking a logit does as well.
"""

from collections.abc import Iterator
import math
from typing import Literal, NamedTuple

from unsc_jax.report import answers
from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import numerals
from unsc_jax.report import phrases
from unsc_jax.report import telling
from unsc_jax.report import wording

Tone = Literal['good', 'warning', 'note']
# What a reader should hear of first, if it is not like retrained.
_FIRST = ('probe', 'relearn_steps', 'alignment', 'lira_auc')


class Finding(NamedTuple):
  """One sentence or two of the verdict."""
  tone: Tone
  text: str


class Verdict(NamedTuple):
  """What is said of a method or, without a headline, of all of them."""
  headline: str
  findings: list[Finding]


def verdict(comparison: comparison_lib.Comparison) -> list[Verdict]:
  """The verdict on every method, and on how far it can be trusted.

  Args:
    comparison: of `comparison.compare`.

  Returns:
    A verdict on each method in their order, and then what limits all of them.
  """
  if not comparison.references:
    return [Verdict(
        'There is no verdict without a retrained model: forgetting is only '
        'defined against one. Run the experiment with retrain among its '
        'methods.', [])]
  verdicts = [Verdict(_headline(comparison, method), [
      *_agreements(comparison, method), *_gaps(comparison, method),
      *_preservation(comparison, method), *_checks(comparison, method)])
              for method in comparison.judged_methods]
  if not verdicts:
    verdicts.append(Verdict('No unlearning method was run: these are the references '
                            'alone.', []))
  limits = [*_original(comparison), *_limits(comparison)]
  return [*verdicts, *([Verdict('', limits)] if limits else [])]


def _headline(comparison, method) -> str:
  name, judged = wording.method(method), comparison.judged(method)
  if not judged:
    return (f'{name} could not be judged: there is no measure that both it and the '
            'retrained model have, with a noise band.')
  text = (f'{name}: {telling.status(comparison, method).word.lower()}. '
          f'{answers.counts(comparison, method)}')
  if gaps := _ordered(judged):
    text = f'{text.removesuffix(".")}; {phrases.still(gaps[0], judged[gaps[0]])}.'
  return text


def _ordered(judged) -> list[str]:
  """The measures outside the noise band, what matters most first."""
  def weight(key):
    cell = judged[key]
    size = abs(cell.gap) / cell.band if cell.band else math.inf
    return (_FIRST.index(key) if key in _FIRST else len(_FIRST), -size)
  return sorted((key for key in judged if judged[key].place != 'like'), key=weight)


def _agreements(comparison, method) -> Iterator[Finding]:
  """Where it is like the retrained model, told from a mere mask or not."""
  name = wording.method(method)
  like = {key: cell for key, cell in comparison.judged(method).items()
          if cell.place == 'like'}
  blind = telling.blind(comparison)
  able = [key for key, cell in like.items() if not cell.tie and key not in blind]
  ties = [key for key, cell in like.items() if cell.tie]
  if able:
    control = ('can be told from the head-only control'
               if all(like[key].tie is False for key in able) else
               'nothing is known of the head-only control')
    yield Finding('good', f'{phrases.names(able)}: {name} is within the '
                  f'noise of the retrained model, and {control}.')
  if ties:
    yield Finding(
        'note', f'{phrases.names(ties)}: {name} ties with the head-only control, '
        'the original model with its logit masked. Where that is enough to be '
        'like the retrained model, nothing tells unlearning from masking a '
        'logit.')


def _gaps(comparison, method) -> Iterator[Finding]:
  """One sentence for every measure outside the noise band."""
  judged = comparison.judged(method)
  for key in _ordered(judged):
    cell = judged[key]
    metric = metrics_lib.describe(key)
    control = comparison.cells.get((comparison_lib.CONTROL, key))
    text = (f'{metric.name}: {phrases.value(metric, cell)} against '
            f'{phrases.reference(metric, cell)} for the retrained model '
            f'(noise band ± {phrases.width(metric, cell.band)}): '
            f'{_meaning(comparison, metric, cell)}.')
    if cell.tie:
      text += (f' It ties with the head-only control ({metric.show(control.mean)}): '
               f'on this measure {wording.method(method)} cannot be told from '
               'masking a logit.')
    yield Finding('warning', text)
  for metric in comparison.measures:
    cell = comparison.cells.get((method, metric.key))
    if cell and cell.endless:
      yield Finding(
          'note', f'{metric.name}: not reached in {metric.show(cell.limit)} by either, '
          f'{wording.method(method)} or the retrained model. That does not make '
          'them alike: which of them would take longer is not known.')
    elif cell and cell.gap is not None and cell.place is None and (
        cell.limit or cell.reference_limit):
      yield Finding(
          'note', f'{metric.name}: {phrases.value(metric, cell)} against '
          f'{phrases.reference(metric, cell)} for the retrained model, counted no farther, '
          'so it is not known whether that is like retrained.')
    if cell and not math.isfinite(cell.mean):
      yield Finding(
          'warning', f'{metric.name}: {metric.show(cell.mean)} for '
          f'{wording.method(method)}; the run has probably diverged.')


def _meaning(comparison, metric, cell) -> str:
  original = comparison.cells.get((comparison_lib.ORIGINAL, metric.key))
  if metric.kind == 'retain':
    if cell.place == 'above':
      return ('more than retraining keeps, which is no harm, but not what a '
              'retrained model does either')
    if original and cell.mean >= original.mean:
      return ('less than retraining gives the remaining classes, though no less '
              f'than the original had ({metric.show(original.mean)})')
    if original and cell.mean >= original.mean - (cell.band or 0.):
      return ('less than retraining gives the remaining classes, and hardly less than '
              f'the original had ({metric.show(original.mean)})')
    return 'the remaining classes were harmed'
  if metric.kind == 'likeness':
    return 'farther from a retrained model than another seed takes one'
  if cell.place != metric.left:
    return ('over-unlearning, since a model that never saw it does not go so far; '
            'the lack itself gives away what was forgotten')
  left = 'knowledge of what was to be forgotten is left'
  if original and original.place == metric.left:
    share = numerals.small_percent(cell.gap / original.gap)
    left += f', {share} of the gap that the untouched original has'
  return left


def _preservation(comparison, method) -> list[Finding]:
  """How far the answers moved that were to stay."""
  parts, retrained = [], []
  for key, phrase in (('logit_drift', 'the logits of the remaining classes by {}'),
                      ('flips', 'the predicted class of {} of their images')):
    show = metrics_lib.describe(key).show
    cell = comparison.cells.get((method, key))
    reference = comparison.cells.get((comparison_lib.REFERENCE, key))
    if cell and math.isfinite(cell.mean):
      parts.append(phrase.format(show(cell.mean)))
      if reference:
        retrained.append(show(reference.mean))
  if not parts:
    return []
  text = f'{wording.method(method)} moved {wording.listing(parts)}'
  if retrained:
    text += f' (the retrained model: {wording.listing(retrained)})'
  return [Finding('note', f'{text}. By itself that is no merit: doing nothing '
                  'moves them by 0.')]


def _checks(comparison, method) -> list[Finding]:
  cell = comparison.cells.get((method, 'leak'))
  if not cell or max(cell.values) <= metrics_lib.LEAK_BOUND:
    return []
  show = numerals.scientific
  return [Finding(
      'warning', f'The weights left the null space: leak {show(max(cell.values))}, '
      f'where rounding explains {show(metrics_lib.LEAK_BOUND)}. What protects the '
      'remaining classes does not hold; use project_updates.')]


def _original(comparison) -> Iterator[Finding]:
  """Whether the measures can see anything at all."""
  judged = comparison.judged(comparison_lib.ORIGINAL)
  forget = [key for key in judged if metrics_lib.describe(key).kind == 'forget']
  if not forget:
    return
  blind = telling.blind(comparison)
  seeing = [key for key in forget if key not in blind]
  if seeing:
    yield Finding(
        'good', 'The untouched original is flagged, as it should be: '
        f'{wording.low(phrases.names(seeing))} tell it from a retrained model.')
  if blind:
    yield Finding(
        'warning', f'{phrases.names(blind)}: even the untouched original, which has '
        'forgotten nothing, is within the noise of the retrained model. On these '
        'data this measure cannot show forgetting.')


def _limits(comparison) -> Iterator[Finding]:
  references = comparison.references
  if references < 3:
    only = ('is only one retrained model' if references == 1 else
            'are only two retrained models')
    yield Finding(
        'note', f'There {only}, so the noise between seeds is unknown. The noise '
        'bands are the sampling error of the images, which is less than all '
        'noise there is; run three seeds or more, or retrain further networks '
        '(--references 2), where it matters.')
  if not any(method == comparison_lib.CONTROL for method, _ in comparison.cells):
    yield Finding(
        'warning', 'The head-only control was not run, so nothing here tells '
        'unlearning from masking a logit.')
