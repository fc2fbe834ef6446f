"""The command that ran some results, with other options."""

import shlex
from typing import Any

from unsc_jax.report import results as results_lib


def again(results: results_lib.Results, **options: Any) -> str:
  """What runs it again with other options: a command line, or a call in Python.

  Args:
    results: whose command it is.
    **options: and their values.

  Returns:
    The command; nothing where it has no such option.
  """
  words = _words(results)
  if not words or not all(option in results.config for option in options):
    return ''
  if any(word.endswith('.py') for word in words[:2]):
    given = ''.join(f', {option}={value!r}' for option, value in options.items())
    return f'unsc_jax.evaluate(problem, methods, test{given})'
  for option, value in options.items():
    words = with_option(words, f'--{option.replace("_", "-")}', value)
  return shlex.join(words)


def retrained(results: results_lib.Results) -> str:
  """What measures the same beside a retrained network."""
  words = _words(results)
  if 'forget' in words[:4]:  # the verb of the command
    at = words.index('forget')
    return shlex.join([*words[:at], 'evaluate', *words[at + 1:]])
  return 'unsc_jax.evaluate(problem, methods, test, recipe=recipe)'


def _words(results: results_lib.Results) -> list[str]:
  """The command's words; none where no shell would take it."""
  try:
    return shlex.split(results.command)
  except ValueError:
    return []


def with_option(words: list[str], flag: str, value: Any) -> list[str]:
  """A command with one option set, in the place of what it was.

  Example:
    >>> with_option(['run', '--seeds', '0', '1', '--energy', '.9'], '--seeds', (0, 1, 2))
    ['run', '--energy', '.9', '--seeds', '0', '1', '2']
  """
  kept, dropping = [], False
  for word in words:
    if word.startswith('--'):
      dropping = word == flag or word.startswith(f'{flag}=')
    if not dropping:
      kept.append(word)
  values = value if isinstance(value, tuple) else (value,)
  return [*kept, flag, *map(str, values)]
