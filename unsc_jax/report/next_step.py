"""What to do next, in one sentence and, where there is one, a command."""

from collections.abc import Callable, Mapping
import types
from typing import NamedTuple

from unsc_jax.report import answers
from unsc_jax.report import certainty
from unsc_jax.report import commands
from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import results as results_lib
from unsc_jax.report import status as status_lib
from unsc_jax.report import telling

_SHADOWS = 8


class Remedy(NamedTuple):
  """What helps against a status: in general, and by an option of UNSC's."""
  general: str
  of_unsc: str
  options: Mapping[str, Callable[[float], float]]  # the first that was set is changed


REMEDIES = types.MappingProxyType({
    status_lib.HARMED: Remedy(
        'Let it move less: fewer or smaller steps, or more protection of what remains.',
        'Protect more of what the remaining data use.',
        {'tau': lambda tau: tau / 3, 'energy': lambda energy: 1 - (1 - energy) / 3}),
    status_lib.AT_THE_OUTPUT: Remedy(
        'Let it change more than the last layer, or retrain where that matters.',
        'Leave more room, to reach what lies behind the answers; or retrain where that '
        'matters.',
        {'tau': lambda tau: 3 * tau, 'energy': lambda energy: 1 - 3 * (1 - energy)}),
    status_lib.NOT_FORGOTTEN: Remedy(
        'Let it go on for longer, or by larger steps.',
        'Let it take larger steps.', {'learning_rate': lambda rate: 2 * rate}),
    status_lib.UNLIKE: Remedy(
        'Let it take less away, by fewer or smaller steps, or aim at other answers.',
        'Let it take smaller steps, or aim at other answers.',
        {'learning_rate': lambda rate: rate / 2})})


def step(results: results_lib.Results, comparison: comparison_lib.Comparison,
         method: str | None) -> answers.Answer:
  """The step that would tell most or, where all is told, change most."""
  return answers.Answer('Next', *_step(results, comparison, method))


def _step(results, comparison, method) -> tuple[str, str]:
  config = results.config
  if not comparison.references:
    return ('Measure it beside a network retrained without what was to be forgotten.',
            commands.retrained(results))
  if method is None:
    return 'Run an unlearning method beside these references.', ''
  if comparison.maskable and comparison_lib.CONTROL not in comparison.methods:
    return 'Run the head-only control too, to tell forgetting from masking a logit.', ''
  found = telling.status(comparison, method)
  blind = found is status_lib.AT_THE_OUTPUT and not telling.telling(comparison)
  if found is status_lib.UNKNOWN or blind:
    if config.get('shadows'):
      return 'Ask for more examples to be forgotten: so few cannot tell more.', ''
    return ('Measure what can tell more: attacks by shadow models.',
            commands.again(results, shadows=_SHADOWS))
  if found in REMEDIES:
    remedy = REMEDIES[found]
    was_set = [option for option in remedy.options if config.get(option) is not None]
    if method != 'unsc' or not was_set:
      return remedy.general, ''
    value = remedy.options[was_set[0]](config[was_set[0]])
    return remedy.of_unsc, commands.again(results, **{was_set[0]: float(f'{value:.6g}')})
  if comparison.references < certainty.ENOUGH:
    return ('Retrain further networks, to know the noise that a seed makes.',
            commands.again(results, references=certainty.ENOUGH - comparison.references))
  if len(results.seeds) == 1 and not config.get('checkpoint'):
    return ('Forget again from another seed, to see whether it was luck.',
            commands.again(results, seed=config['seed'] + 1) if 'seed' in config else
            commands.again(results, seeds=(0, 1, 2)))
  return 'Nothing is left to do: keep results.json beside the weights.', ''
