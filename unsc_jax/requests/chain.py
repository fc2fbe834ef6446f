"""Records that each carry the hash of the one before: nothing is changed unseen.

Whoever may write to a store may also write a chain anew, all of it. To be sure
against that, keep the newest hash somewhere else.
"""

from collections.abc import Iterable, Mapping
import hashlib
import json
from typing import Any

FIRST = '0' * 64  # what the first record has for the hash of the one before


def canonical(body: Mapping[str, Any]) -> str:
  """A record as text, of which there is one only.

  Example:
    >>> canonical({'b': 1, 'a': [.5, None]})
    '{"a":[0.5,null],"b":1}'
  """
  return json.dumps(body, sort_keys=True, separators=(',', ':'), allow_nan=False)


def hash_of(text: str) -> str:
  """SHA-256 of a record's text, which holds the hash before."""
  return hashlib.sha256(text.encode()).hexdigest()


def faults(links: Iterable[tuple[str, str]]) -> list[str]:
  """What is wrong with a chain, a sentence each; nothing if it holds.

  Args:
    links: text and hash of every record, in order.

  Example:
    >>> first = canonical({'number': 0, 'previous': FIRST})
    >>> faults([(first, hash_of(first))])
    []
    >>> faults([(first.replace('0,', '1,'), hash_of(first))])[0]
    'record 0 is not what was written: its text does not have its hash.'
  """
  found, before = [], FIRST
  for i, (text, own) in enumerate(links):
    if hash_of(text) != own:
      found.append(
          f'record {i} is not what was written: its text does not have its hash.')
    else:
      body = json.loads(text)
      if body['number'] != i or body['previous'] != before:
        found.append(
            f'record {i} does not follow the one before: some are missing, or were '
            'exchanged.')
    before = own
  return found


def body(text: str) -> dict[str, Any]:
  """A record that a text holds."""
  return json.loads(text)
