"""Salted hashes of identifiers and of examples: known again, but not read back.

With its salt, which stays in the store, a hash can be found by trying all
identifiers that there may be; without it, it cannot.
"""

from collections.abc import Iterable
import hashlib
import hmac
from typing import Any

import jax
import numpy as np

SIZE = 16  # bytes: no two of 2^48 examples would share a hash by chance


def of_ids(salt: bytes, ids: Iterable[Any]) -> list[bytes]:
  """A hash for every identifier; a number and its digits are the same one.

  Example:
    >>> of_ids(b'salt', [7]) == of_ids(b'salt', ['7'])
    True
  """
  return [of_text(salt, str(identifier)) for identifier in ids]


def of_text(salt: bytes, text: str) -> bytes:
  """A hash of a text."""
  return hmac.digest(salt, b'text ' + text.encode(), hashlib.sha256)[:SIZE]


def of_examples(salt: bytes, x: Any, labels: np.ndarray) -> list[bytes]:
  """A hash for every example: of its label, and of its inputs as the network has them.

  Args:
    salt: of the store.
    x: inputs, a pytree of arrays `[N, ...]`.
    labels: integers `[N]`.

  Example:
    >>> x = np.arange(6.).reshape(3, 2)
    >>> all_of_them = of_examples(b'salt', x, np.zeros(3, int))
    >>> of_examples(b'salt', x[1:2], np.zeros(1, int)) == all_of_them[1:2]
    True
  """
  leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(x)]
  about = ' '.join(f'{leaf.shape[1:]} {leaf.dtype}' for leaf in leaves).encode()
  return [
      hmac.digest(salt, b'example ' + about + b' %d ' % label + b''.join(
          leaf[i].tobytes() for leaf in leaves), hashlib.sha256)[:SIZE]
      for i, label in enumerate(labels.tolist())]


def together(hashes: Iterable[bytes]) -> str:
  """One hash of several, in whatever order they come."""
  return hashlib.sha256(b''.join(sorted(hashes))).hexdigest()
