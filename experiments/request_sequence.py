"""Requests in a row: whole classes now and then, single examples in between."""

from collections.abc import Iterator
import dataclasses
from typing import NamedTuple

import numpy as np

from unsc_jax import requests


@dataclasses.dataclass(frozen=True)
class Kinds:
  """How many requests of which kind.

  Attributes:
    classes: to forget, one every `count / len(classes)` requests.
    count: requests in all.
    examples: single ones in each of the others.
    seed: of which examples are named.
  """
  classes: tuple[int, ...]
  count: int
  examples: int
  seed: int


def whats(kinds: Kinds, labels: np.ndarray) -> Iterator[requests.Classes | requests.Ids]:
  """The requests, in their order."""
  rng = np.random.default_rng(kinds.seed)
  every, left = kinds.count // len(kinds.classes), np.ones(len(labels), bool)
  for i in range(kinds.count):
    if i % every == 0:
      c = kinds.classes[i // every]
      yield requests.Classes((c,))
      left &= labels != c
    else:
      drawn = rng.choice(np.flatnonzero(left), kinds.examples, replace=False)
      yield requests.Ids(tuple(drawn.tolist()))
      left[drawn] = False


class Step(NamedTuple):
  """A request, and what was asked for with it and before it, masks of training examples."""
  what: requests.Asked
  now: np.ndarray  # that this request is the first to take
  gone: np.ndarray  # that this one or an earlier one took
  single: np.ndarray  # of these, those that were named one by one
  classes: tuple[int, ...]  # that are gone as a whole


def steps(kinds: Kinds, labels: np.ndarray) -> Iterator[Step]:
  """All requests with what they are about."""
  gone, single = np.zeros((2, len(labels)), bool)
  classes: tuple[int, ...] = ()
  for what in whats(kinds, labels):
    taken = (np.isin(np.arange(len(labels)), [int(name) for name in what.ids])
             if isinstance(what, requests.Ids) else np.isin(labels, what.whole))
    now = taken & ~gone
    gone, single = gone | now, single if what.whole else single | now
    classes += what.whole
    yield Step(what, now, gone, single, classes)
