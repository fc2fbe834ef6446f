"""Two classes a round, four rounds: a store's requests beside LOFT, PGU and retraining.

The continual setting of LOFT (arXiv 2601.22456). What each method is given differs: a
store has the moments of what remains and this round's images; PGU reads what remains as
well; LOFT all images of all rounds, of which it solves anew from the original network.
"""

from collections.abc import Callable, Iterator
import dataclasses
import pathlib
import time
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments import so_far
from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax import requests
from unsc_jax.parts import head

ROUNDS = ((3, 8), (5, 1), (0, 7), (6, 9))


class Round(NamedTuple):
  """What a round asks for: the classes now, those before, and a key."""
  now: tuple[int, ...]
  before: tuple[int, ...]
  key: jax.Array

  @property
  def all(self) -> tuple[int, ...]:
    return self.before + self.now


def rounds(key: jax.Array) -> Iterator[Round]:
  """All of them, in their order."""
  before: tuple[int, ...] = ()
  for i, now in enumerate(ROUNDS):
    yield Round(now, before, jax.random.fold_in(key, i))
    before += now


@dataclasses.dataclass(frozen=True)
class Methods:
  """The methods, each `(round, params before it) -> params`.

  Attributes:
    original: what all of them begin with.
    network: how to evaluate it.
    train: all training examples.
    choices: of the store.
    folder: where the store is made.
    retrain: from what is retained to parameters.
  """
  original: Any
  network: problem_lib.Network
  train: problem_lib.Examples
  num_classes: int
  choices: requests.Choices
  folder: pathlib.Path
  retrain: Callable[[problem_lib.Examples, str], Any]

  def store(self, asked: Round, params: Any) -> Any:
    del params  # the store has them
    return requests.forget(
        self.folder, self.network, requests.Classes(asked.now), self._of(asked.now)).params

  def pgu(self, asked: Round, params: Any) -> Any:
    """From where the last round ended, by moments of what remains, taken anew."""
    return methods.pgu()(self._problem(params, asked.now, asked.before), asked.key).params

  def loft(self, asked: Round, params: Any) -> Any:
    """All rounds so far at once, of a fifth of the features, as published."""
    del params
    problem = self._problem(self.original, asked.all)
    rank = head.site(problem).folded[1] // 5
    return methods.loft(rank)(problem, asked.key).params

  def retrained(self, asked: Round, params: Any) -> Any:
    del params
    return self.retrain(self.train.without(asked.all), f'round-{len(asked.all)}')

  def _of(self, classes: tuple[int, ...]) -> problem_lib.Examples:
    return self.train.where(np.isin(self.train.y, classes))

  def _problem(self, params: Any, now: tuple[int, ...], before: tuple[int, ...] = ()
               ) -> problem_lib.Problem:
    return problem_lib.Problem(
        self.network, params, self.train.without(now + before), self._of(now),
        self.num_classes, now, forgotten=before)


def rows(given: Methods, dataset: Any, key: jax.Array) -> list[dict[str, Any]]:
  """A row for every method and round, measured on test images."""
  requests.enroll(given.folder, given.network, given.original, given.train,
                  choices=given.choices)
  found = []
  for name in ('store', 'pgu', 'loft', 'retrained'):
    params = given.original
    for i, asked in enumerate(rounds(key)):
      started = time.perf_counter()
      params = jax.block_until_ready(getattr(given, name)(asked, params))
      seconds = time.perf_counter() - started
      measured = so_far.SoFar(
          given.network, dataset, asked.all, np.zeros(len(given.train), bool))
      found.append({'method': name, 'round': i + 1, 'classes': asked.all,
                    'seconds': seconds, **measured.row(measured.logits(given.original), params)})
  return found
