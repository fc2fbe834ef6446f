"""Which data every step sees: a stream of forget and retain batches.

A schedule is `(forget, retain, key) -> Plan`. A batch holds either or both; the
training step is compiled for each of these once.
"""

from collections.abc import Callable, Iterator
import dataclasses
import itertools
from typing import Any, NamedTuple

import jax
import numpy as np

from unsc_jax import batching
from unsc_jax import programs
from unsc_jax.parts import lengths


class Batch(NamedTuple):
  """What one step sees; None where it does not see that set."""
  forget: Any = None  # Examples [B, ...]
  retain: Any = None


class Plan(NamedTuple):
  """Batches, and how many steps to make of them."""
  batches: Iterator[Batch]
  steps: int


Schedule = Callable[[Any, Any, jax.Array], Plan]


@dataclasses.dataclass(frozen=True)
class forget_only(lengths.Lasting):
  """Never touches the retained data; its epochs are over the forget set.

  Example:
    >>> from unsc_jax.problem import Examples
    >>> data = Examples(np.ones((4, 1)), np.zeros(4, int))
    >>> plan = forget_only(3, batch_size=2)(data, data, jax.random.key(0))
    >>> next(plan.batches).retain is None, plan.steps
    (True, 3)
  """

  def goes_by(self, forget: Any, retain: Any) -> tuple[int, int]:
    return batching.count(forget), self.batch_size

  def __call__(self, forget: Any, retain: Any, key: jax.Array) -> Plan:
    stream = batching.stream(forget, self.batch_size, batching.seed_of(key))
    return Plan((Batch(forget=b) for b in stream), self.length(forget, retain))


@dataclasses.dataclass(frozen=True)
class retain_only(lengths.Lasting):
  """Never touches the data to be forgotten; its epochs are over the retained."""

  def goes_by(self, forget: Any, retain: Any) -> tuple[int, int]:
    return batching.count(retain), self.batch_size

  def __call__(self, forget: Any, retain: Any, key: jax.Array) -> Plan:
    stream = batching.stream(retain, self.batch_size, batching.seed_of(key))
    return Plan((Batch(retain=b) for b in stream), self.length(forget, retain))


@dataclasses.dataclass(frozen=True)
class paired(lengths.Lasting):
  """A forget batch beside a retain batch in every step.

  The smaller set comes round more often; epochs are over the retained.

  Args:
    steps: updates to make.
    batch_size: forget examples a step.
    retain_batch_size: retain examples a step; by default as many.
    epochs: instead of steps.
  """
  retain_batch_size: int | None = None

  def goes_by(self, forget: Any, retain: Any) -> tuple[int, int]:
    return batching.count(retain), self.retain_batch_size or self.batch_size

  def __call__(self, forget: Any, retain: Any, key: jax.Array) -> Plan:
    streams = _streams(
        forget, retain, self.batch_size, self.retain_batch_size, key)
    return Plan(
        itertools.starmap(Batch, zip(*streams)), self.length(forget, retain))


@dataclasses.dataclass(frozen=True)
class beside_forget(paired):
  """The same, but its epochs are over the forget set, with retained batches beside it.

  Example:
    >>> from unsc_jax.problem import Examples
    >>> some = lambda n: Examples(np.ones((n, 1)), np.zeros(n, int))
    >>> beside_forget(epochs=2, batch_size=2)(some(4), some(20), jax.random.key(0)).steps
    4
  """

  def goes_by(self, forget: Any, retain: Any) -> tuple[int, int]:
    return batching.count(forget), self.batch_size


@dataclasses.dataclass(frozen=True)
class forget_first(paired):
  """Epochs over the retained, with forget batches beside the first of them.

  In every epoch each forget example is seen once, and what is left of it is of
  retained ones alone. Of a forget set that is larger the first batches are seen.

  Args:
    steps: updates to make.
    batch_size: forget examples a step.
    retain_batch_size: retain examples a step; by default as many.
    epochs: instead of steps.

  Example:
    >>> from unsc_jax.problem import Examples
    >>> some = lambda n: Examples(np.ones((n, 1)), np.zeros(n, int))
    >>> plan = forget_first(epochs=2, batch_size=2)(some(2), some(6), jax.random.key(0))
    >>> batches = itertools.islice(plan.batches, plan.steps)
    >>> ''.join('r' if b.forget is None else '+' for b in batches)
    '+rr+rr'

  Source: the `zip_longest` of Scissorhands' code, exact.
  """

  def in_epoch(self, forget: Any, retain: Any) -> tuple[int, int]:
    """How many steps of an epoch have forget batches, and how many it has."""
    steps = batching.steps_for(*self.goes_by(forget, retain), 1)
    return min(steps, batching.steps_for(
        batching.count(forget), self.batch_size, 1)), steps

  def __call__(self, forget: Any, retain: Any, key: jax.Array) -> Plan:
    f, r = _streams(forget, retain, self.batch_size, self.retain_batch_size, key)
    first, steps = self.in_epoch(forget, retain)
    batches = (Batch(next(f) if i % steps < first else None, b)
               for i, b in enumerate(r))
    return Plan(batches, self.length(forget, retain))


@dataclasses.dataclass(frozen=True)
class mixed(lengths.Lasting):
  """Both sets together, by their sizes.

  As one shuffled set would have it but for the chance in the shares, which hold to
  less than an example at every step: to weigh every example alike, use an objective
  with `per_example`. Of a set that is small many batches have none; the first has one
  of the forget set. Epochs are over both.

  Args:
    steps: updates to make.
    batch_size: examples of both sets a step.
    epochs: instead of steps.

  Example:
    >>> from unsc_jax.problem import Examples
    >>> some = lambda n: Examples(np.ones((n, 1)), np.zeros(n, int))
    >>> plan = mixed(3, batch_size=8)(some(10), some(30), jax.random.key(0))
    >>> batch = next(plan.batches)
    >>> len(batch.forget), len(batch.retain)
    (2, 6)
  """

  def goes_by(self, forget: Any, retain: Any) -> tuple[int, int]:
    return batching.count(forget) + batching.count(retain), self.batch_size

  def __call__(self, forget: Any, retain: Any, key: jax.Array) -> Plan:
    n_forget, n_retain = map(batching.count, (forget, retain))
    # How many have fallen to the forget set by each step, rounded up: the first at once.
    due = lambda step: -(-step * self.batch_size * n_forget // (n_forget + n_retain))
    steps = self.length(forget, retain)
    sizes = [due(step + 1) - due(step) for step in range(steps)]
    streams = _streams(forget, retain, sizes, [self.batch_size - n for n in sizes], key)
    return Plan((Batch(*(b if batching.count(b) else None for b in both))
                 for both in zip(*streams)), steps)


@dataclasses.dataclass(frozen=True)
class alternating:
  """Rounds of forget steps, then retain steps: epochs of both, by default.

  Args:
    rounds: how many.
    forget_rounds: only so many rounds, the first ones, have forget steps.
    forget_steps: in a round; by default one epoch.
    retain_steps: in a round; by default one epoch.
    batch_size: forget examples a step.
    retain_batch_size: retain examples a step; by default as many.

  Example:
    >>> from unsc_jax.problem import Examples
    >>> data = Examples(np.ones((4, 1)), np.zeros(4, int))
    >>> schedule = alternating(2, forget_rounds=1, retain_steps=1, batch_size=2)
    >>> plan = schedule(data, data, jax.random.key(0))
    >>> ['r' if b.forget is None else 'f' for b in plan.batches], plan.steps
    (['f', 'f', 'r', 'r'], 4)
  """
  rounds: int
  _: dataclasses.KW_ONLY
  forget_rounds: int | None = None
  forget_steps: int | None = None
  retain_steps: int | None = None
  batch_size: int = 128
  retain_batch_size: int | None = None

  def __post_init__(self):
    lengths.check_batches(self)

  def in_round(self, forget: Any, retain: Any) -> tuple[int, int]:
    """How many forget and retain steps a round has."""
    def steps(given, data, size):
      return batching.steps_for(batching.count(data), size, 1) if given is None else given
    size = self.retain_batch_size or self.batch_size
    return (steps(self.forget_steps, forget, self.batch_size),
            steps(self.retain_steps, retain, size))

  def __call__(self, forget: Any, retain: Any, key: jax.Array) -> Plan:
    f, r = _streams(forget, retain, self.batch_size, self.retain_batch_size, key)
    f_steps, r_steps = self.in_round(forget, retain)
    turns = [f_steps if self.forget_rounds is None or i < self.forget_rounds else 0
             for i in range(self.rounds)]

    def batches():
      for turn in turns:
        yield from (Batch(forget=b) for b in itertools.islice(f, turn))
        yield from (Batch(retain=b) for b in itertools.islice(r, r_steps))

    return Plan(batches(), sum(turns) + self.rounds * r_steps)


@dataclasses.dataclass(frozen=True)
class drawing_labels:
  """Draws the labels of every forget batch anew, evenly from some classes.

  Args:
    schedule: that brings the batches.
    classes: to draw from; as published the true one is among them.

  Example:
    >>> from unsc_jax.problem import Examples
    >>> data = Examples(np.ones((9, 1)), np.full(9, 5))
    >>> plan = drawing_labels(forget_only(3, 9), (0, 1))(data, data, jax.random.key(0))
    >>> set(next(plan.batches).forget.y.tolist())
    {0, 1}

  Source: `RL` in SalUn's code, exact: the labels of an epoch are not those of the
  one before. `targets.random_labels` is the correct form.
  """
  schedule: Schedule
  classes: tuple[int, ...]

  def __call__(self, forget: Any, retain: Any, key: jax.Array) -> Plan:
    plan = self.schedule(forget, retain, key)
    rng = np.random.default_rng(batching.seed_of(jax.random.fold_in(key, 1)))

    def relabelled(batch):
      if batch.forget is None:
        return batch
      drawn = rng.integers(len(self.classes), size=len(batch.forget), dtype=np.int32)
      y = np.array(self.classes, np.int32)[drawn]
      return batch._replace(forget=batch.forget.replace(y=y))
    return plan._replace(batches=map(relabelled, plan.batches))


@dataclasses.dataclass(frozen=True)
class of_part:
  """Uses a part of the retain set alone, drawn at random once.

  Args:
    schedule: that brings the batches.
    share: of the retain set, in (0, 1]; one example at least.
  """
  schedule: Schedule
  share: float

  def __call__(self, forget: Any, retain: Any, key: jax.Array) -> Plan:
    count = max(1, round(self.share * len(retain)))
    return self.schedule(forget, retain.drawn(count, key), key)


def _streams(forget, retain, size, retain_size, key):
  """Batches of either set: endless ones of a size, or one of each of several sizes."""
  f_key, r_key = programs.split(key)
  return (batching.stream(forget, size, batching.seed_of(f_key)),
          batching.stream(retain, retain_size or size, batching.seed_of(r_key)))
