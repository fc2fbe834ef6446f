"""Whether what a command line asks for makes sense, before anything runs.

A rule has the option's name and holds in every command that has the option; a value of
None is the data set's own, and no rule's matter.
"""

from collections.abc import Callable, Sequence
import dataclasses
import math
import pathlib
import tempfile
from typing import Any, NamedTuple


class Rule(NamedTuple):
  """What an option has to be."""
  holds: Callable[[Any], bool]
  wanted: str  # after 'give'


def _each(rule: Rule, wanted: str) -> Rule:
  """Of several values, each by a rule and none twice."""
  return Rule(lambda values: (all(map(rule.holds, values))
                              and len(set(values)) == len(values)), wanted)


_COUNT = Rule(lambda n: n >= 1, 'a whole number from 1 on')
_NATURAL = Rule(lambda n: n >= 0, 'a whole number from 0 on')
_POSITIVE = Rule(lambda x: 0 < x < math.inf, 'a number above 0')
_SHARE = Rule(lambda x: 0 < x <= 1, 'a share above 0, of 1 at most')
_PART = Rule(lambda x: 0 < x < 1, 'a share between 0 and 1')
_STOP = Rule(lambda x: x < 1, 'a probability below 1, negative for no stop')
_SEEDS = Rule(lambda seeds: len(seeds) > 0 and _each(
    Rule(lambda s: 0 <= s < 2**32, ''), '').holds(seeds),
    'one seed or more, different whole numbers from 0 on')

RULES = {
    'adam': _each(_POSITIVE, 'different numbers above 0'),
    'batch_size': _COUNT,
    'batch_sizes': _each(_COUNT, 'different whole numbers from 1 on'),
    'curve': _each(_SHARE, 'different shares above 0, of 1 at most'),
    'energies': _each(_SHARE, 'different shares above 0, of 1 at most'),
    'energy': _SHARE,
    'epochs': _POSITIVE,
    'examples': _COUNT,
    'learning_rate': _POSITIVE,
    'momentum': _each(_POSITIVE, 'different numbers above 0'),
    'per_class': _COUNT,
    'probe_epochs': _POSITIVE,
    'references': _NATURAL,
    'seed': Rule(lambda s: 0 <= s < 2**32, 'a whole number from 0 on'),
    'seeds': _SEEDS,
    'share': _PART,
    'shadows': _NATURAL,
    'steps': _COUNT,
    'tau': _POSITIVE,
    'taus': _each(_POSITIVE, 'different numbers above 0'),
    'stop_below': _STOP,
    'stops': _each(_STOP, 'different probabilities below 1'),
    'training_batch_size': _COUNT,
    'training_rate': _POSITIVE,
    'trials': _COUNT,
    'indices': _each(_NATURAL, 'places by their numbers, from 0 on, each once'),
    **dict.fromkeys(('forget', 'share_of', 'surrogate', 'surrogates'), Rule(
        lambda given: (given >= 0 if isinstance(given, int) else
                       _each(_NATURAL, '').holds(given)),
        'classes by their numbers, from 0 on, each once')),
}


def check(config: Any) -> None:
  """Raises for the first option that has no meaning.

  Args:
    config: the dataclass of a command's options.

  Raises:
    FileNotFoundError: weights to start from are not there.
    ValueError: an option has no meaning; one sentence says which, and what has.

  Example:
    >>> Config = dataclasses.make_dataclass('Config', ['steps'])
    >>> check(Config(steps=-5))
    Traceback (most recent call last):
    ValueError: --steps is -5: give a whole number from 1 on.
  """
  for field in dataclasses.fields(config):
    value, rule = getattr(config, field.name), RULES.get(field.name)
    if rule and value is not None and not rule.holds(value):
      raise ValueError(f'{_option(field.name)} is {_shown(value)}: give {rule.wanted}.')
  for name in ('checkpoint', 'reference', 'params', 'retrained'):
    path = getattr(config, name, None)
    if path is not None and not pathlib.Path(path).exists():
      raise FileNotFoundError(
          f'{_option(name)} is {path}, and nothing is there: give a .npz file or an '
          'Orbax folder.')


def folder(out: pathlib.Path, name: str, resume: pathlib.Path | None = None
           ) -> pathlib.Path:
  """The folder of results, once it is sure that it can be written.

  Args:
    out: where folders of results are.
    name: of this one.
    resume: where the run keeps its state, if it does.

  Returns:
    Its path.

  Raises:
    ValueError: it cannot be written, or holds something else; one sentence says why.

  Example:
    >>> folder(pathlib.Path('runs'), '../here')
    Traceback (most recent call last):
    ValueError: --name is '../here': give the plain name of a folder, without slashes.
  """
  if name in ('.', '..') or pathlib.PurePath(name).name != name:
    raise ValueError(
        f'--name is {name!r}: give the plain name of a folder, without slashes.')
  path = pathlib.Path(out) / name
  writable(out, '--out')
  if path.exists() and not path.is_dir():
    raise ValueError(f'{path} is a file: choose another --out or --name.')
  if path.is_dir() and any(path.iterdir()) and not (path / 'results.json').exists():
    raise ValueError(
        f'{path} holds something else than results, and would be replaced: choose '
        'another --out or --name.')
  if resume is not None:
    writable(resume, '--resume')
    if path.resolve() in (resume.resolve(), *resume.resolve().parents):
      raise ValueError(
          f'--resume is in {path}, which the results replace: choose another folder '
          'for the state.')
  return path


def writable(path: pathlib.Path, option: str) -> None:
  """Raises unless a folder can be made or written to; makes nothing."""
  path = pathlib.Path(path)
  there = next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
  if not there.is_dir():
    raise ValueError(f'{option} is {path}, but {there} is a file: choose a folder.')
  try:
    with tempfile.TemporaryFile(dir=there):
      pass
  except OSError as error:
    raise ValueError(
        f'{option} is {path}, but {there} cannot be written to '
        f'({error.strerror}): choose another folder.') from error


def file(path: pathlib.Path, option: str) -> None:
  """Raises unless a file can be written there."""
  if pathlib.Path(path).is_dir():
    raise ValueError(f'{option} is {path}, which is a folder: give the name of a file.')
  writable(pathlib.Path(path).absolute().parent, option)


def _option(name: str) -> str:
  return '--' + name.replace('_', '-')


def _shown(value: Any) -> str:
  if isinstance(value, Sequence) and not isinstance(value, str):
    return ' '.join(map(_shown, value)) or 'empty'
  return f'{value:g}' if isinstance(value, float) else str(value)
