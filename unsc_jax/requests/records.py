"""What records have in common, and what can be read from all of them together."""

from collections.abc import Sequence
import datetime
import importlib.metadata
import platform
from typing import Any

import jax

Record = dict[str, Any]  # of what JSON can hold
FORMAT = 1


def opening(number: int, kind: str, previous: str) -> Record:
  """What every record begins with: its place, when and by what it was made."""
  return {
      'format': FORMAT, 'number': number, 'kind': kind, 'previous': previous,
      'created': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
      'versions': {
          'python': platform.python_version(),
          **{name: importlib.metadata.version(name)
             for name in ('unsc_jax', 'jax', 'jaxlib', 'numpy', 'optax')}},
      'device': f'{jax.device_count()} x {jax.devices()[0].device_kind}'}


def enrolment(records: Sequence[Record]) -> Record:
  """The record that moments, drift and counts go back to."""
  return [record for record in records if record['kind'] == 'enrolled'][-1]


def remaining(records: Sequence[Record]) -> dict[int, int]:
  """How many examples of every label are retained.

  Example:
    >>> remaining([{'number': 0, 'kind': 'enrolled', 'enrolled': {'labels': {'0': 2, '1': 1}}},
    ...            {'number': 1, 'kind': 'forgot', 'forgotten': {'labels': {'1': 1}}}])
    {0: 2}
  """
  first = enrolment(records)
  counts = {int(c): n for c, n in first['enrolled']['labels'].items()}
  for record in records[records.index(first):]:
    for c, n in record.get('forgotten', {}).get('labels', {}).items():
      counts[int(c)] -= n
  return {c: n for c, n in counts.items() if n}


def forgotten_classes(records: Sequence[Record]) -> tuple[int, ...]:
  """The classes that were forgotten as a whole."""
  return tuple(sorted({
      c for record in records if record['kind'] == 'forgot'
      for c in record['asked'].get('classes', ())}))


def labels_of(rows: Sequence[Any]) -> dict[str, int]:
  """How many examples of every label there are, as JSON has it."""
  labels = sorted(row.label for row in rows)
  return {str(c): labels.count(c) for c in sorted({*labels})}
