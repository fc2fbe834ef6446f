"""Tells what lies on the disk as it was written from what was damaged there."""

from collections.abc import Mapping
import hashlib
import json
from typing import Any

from unsc_jax.storage import identity


class Damaged(ValueError):
  """What is on the disk is not what was written."""


def closed(record: Mapping[str, Any]) -> dict[str, Any]:
  """A record as JSON has it, with a digest of all of it.

  Example:
    >>> opened(closed({'steps': (1, 2)}))
    {'steps': [1, 2]}
  """
  plain = json.loads(json.dumps(record))
  return {**plain, 'digest': digest(plain)}


def opened(stored: Any) -> dict[str, Any]:
  """The record that was closed.

  Raises:
    Damaged: it is another one than its digest is of.

  Example:
    >>> opened({**closed({'steps': 1}), 'steps': 2})
    Traceback (most recent call last):
    unsc_jax.storage.digests.Damaged: its digest does not fit
  """
  if not isinstance(stored, dict):
    raise Damaged('it is no record')
  record = {name: part for name, part in stored.items() if name != 'digest'}
  if stored.get('digest') != digest(record):
    raise Damaged('its digest does not fit')
  return record


def check(arrays: Any, fingerprint: str) -> None:
  """Raises `Damaged` unless a pytree of arrays has the fingerprint."""
  if identity.fingerprint(arrays) != fingerprint:
    raise Damaged('its values are not those that were saved')


def digest(record: Mapping[str, Any]) -> str:
  """SHA-256 of a record that JSON can hold, whatever the order of its parts."""
  return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
