"""Brings results of older schemas to the one that `results` describes.

Files on the disk stay as they are: they are migrated whenever they are read.
"""

from collections.abc import Callable
from typing import Any


def migrate(raw: dict[str, Any]) -> dict[str, Any]:
  """Takes results through one step for every version since theirs.

  Args:
    raw: a results.json as JSON has it, of schema 1 or a later one.

  Returns:
    The same results in the newest schema; what was given is not changed.

  Raises:
    ValueError: they are of a newer or unknown schema, or are damaged.

  Example:
    >>> migrate({'schema': 1, 'layers': [{'path': 'w', 'certificate': .1}]})['layers']
    [{'path': 'w', 'layer_drift': 0.1}]
  """
  version = raw['schema']
  if type(version) is not int or not 1 <= version <= NEWEST:
    raise ValueError(
        f'the results are of schema {version!r}, and this version of unsc_jax reads '
        f'schemas 1 to {NEWEST}; make the page with the version that made the results, '
        'or run the experiment again.')
  for step in _STEPS[version - 1:]:
    try:
      raw = step(raw)
    except (AttributeError, KeyError, TypeError) as error:
      raise ValueError(
          f'the results are damaged: they are no results of schema {version} '
          f'({error!r}); run the experiment again.') from error
  return {**raw, 'schema': NEWEST}


def _rename_certificate(raw: dict[str, Any]) -> dict[str, Any]:
  """1 to 2: `certificate` is `layer_drift`; parts are nested as the types are."""
  raw = _renamed(raw, 'certificate', 'layer_drift')
  pictures = dict(raw.get('pictures') or {})
  pictures.pop('relearn', None)  # rows have it, unrounded
  pictures['confusion'] = pictures.get('confusion') or {}
  if contours := pictures.get('contours'):
    pictures['contours'] = {'along': contours['along'], **contours['losses']}
  curve = [{'energy': point['energy'],
            'metrics': {key: value for key, value in point.items() if key != 'energy'}}
           for point in raw.get('curve') or ()]
  return {**raw, 'curve': curve, 'pictures': pictures}


def _give_reasons(raw: dict[str, Any]) -> dict[str, Any]:
  """2 to 3: rows say why a metric is null; those before do not know."""
  return raw


def _renamed(value: Any, old: str, new: str) -> Any:
  """A value of JSON, a key of objects renamed wherever it stands."""
  if isinstance(value, dict):
    return {new if key == old else key: _renamed(part, old, new)
            for key, part in value.items()}
  return [_renamed(part, old, new) for part in value] if isinstance(value, list) else value


_STEPS: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (
    _rename_certificate, _give_reasons)
NEWEST = 1 + len(_STEPS)
