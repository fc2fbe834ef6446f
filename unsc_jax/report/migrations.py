"""Brings results of older schemas to the one that `results` describes.

Files on the disk stay as they are: they are migrated whenever they are read.
"""

from collections.abc import Callable
from typing import Any

OLDEST = 2


def migrate(raw: dict[str, Any]) -> dict[str, Any]:
  """Takes results through one step for every version since theirs.

  Args:
    raw: a results.json as JSON has it, of schema 2 or a later one.

  Returns:
    The same results in the newest schema; what was given is not changed.

  Raises:
    ValueError: they are of a newer or unknown schema.

  Example:
    >>> migrate({'schema': 2, 'note': 'mine'})
    {'schema': 4, 'note': 'mine'}
  """
  version = raw['schema']
  if type(version) is not int or not OLDEST <= version <= NEWEST:
    raise ValueError(
        f'the results are of schema {version!r}, and this version of unsc_jax reads '
        f'schemas {OLDEST} to {NEWEST}; make the page with the version that made the '
        'results, or run the experiment again.')
  for step in _STEPS[version - OLDEST:]:
    raw = step(raw)
  return {**raw, 'schema': NEWEST}


def _give_reasons(raw: dict[str, Any]) -> dict[str, Any]:
  """2 to 3: rows say why a metric is null; those before do not know."""
  return raw


def _count_forgotten(raw: dict[str, Any]) -> dict[str, Any]:
  """3 to 4: sizes say how many examples were forgotten; of classes that is known."""
  try:
    counts = raw['dataset']['class_counts']['train']
    forget = sum(counts[c] for c in raw['forget_classes'])
    sizes = {**raw['dataset']['sizes'], 'forget': forget}
  except (KeyError, TypeError, IndexError):  # what is wrong is said by who reads them
    return raw
  return {**raw, 'dataset': {**raw['dataset'], 'sizes': sizes}} if forget else raw


_STEPS: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (
    _give_reasons, _count_forgotten)
NEWEST = OLDEST + len(_STEPS)
