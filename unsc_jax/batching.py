"""Streams of minibatches from examples in host memory, or mapped to it.

A stream is the same in every process of a run, and so is what is trained on it.
Which rows a process reads is another matter: only those of its own devices.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
import dataclasses
import itertools
import math
from typing import Any, NamedTuple

import jax
import numpy as np


def count(data: Any) -> int:
  """How many examples a pytree of arrays `[N, ...]` holds.

  Example:
    >>> count({'x': np.ones((4, 2)), 'y': np.ones(4)})
    4
  """
  return len(jax.tree.leaves(data)[0])


def evenly(n: int, count: int) -> np.ndarray:
  """Which of `n` rows to take for so many of them; all if there are no more.

  One out of each of as many stretches of equal length, so that rows sorted by class
  are of every class in its share; which one is drawn, by a seed that is always the same:
  rows at equal distances would be of one class where classes take turns.

  Example:
    >>> rows = evenly(10, 5)
    >>> (rows // 2).tolist(), evenly(2, 4).tolist()
    ([0, 1, 2, 3, 4], [0, 1])
  """
  count = min(n, count)
  edges = np.arange(count + 1) * n // max(count, 1)
  return np.random.default_rng(0).integers(edges[:-1], edges[1:])


def stream(data: Any, size: int | Sequence[int], seed: int) -> Iterator[Any]:
  """Shuffled batches, endless ones of equal size or as many as sizes are given.

  Permutations of the data follow one another without a gap: every epoch sees
  every example once, and a batch may close one epoch and open the next. So no
  example is dropped and no step is compiled for a smaller last batch.

  Args:
    data: pytree of arrays `[N, ...]`.
    size: examples a batch; or those of one batch after the other.
    seed: of the permutations.

  Yields:
    Pytrees of arrays `[size, ...]`; of `Rows` in a run of several processes.

  Example:
    >>> batches = stream(np.arange(4), 2, seed=0)
    >>> sorted([*next(batches), *next(batches)]) == [0, 1, 2, 3]
    True
  """
  rng = np.random.default_rng(seed)
  indices = itertools.chain.from_iterable(
      rng.permutation(count(data)) for _ in itertools.repeat(None))
  for n in size if isinstance(size, Sequence) else itertools.repeat(size):
    chosen = np.fromiter(itertools.islice(indices, n), int, n)
    yield jax.tree.map(lambda leaf, at=chosen: _rows(leaf, at), data)


@dataclasses.dataclass(frozen=True)
class Rows:
  """Some rows of an array that are read when they are asked for.

  `sharding.shard_batch` asks for those of a process's own devices, so that the
  others are not even read from the disk where `source` is memory-mapped.

  Example:
    >>> rows = Rows(np.arange(10) ** 2, np.array([7, 2, 5]))
    >>> rows.shape, rows[1:].tolist(), np.asarray(rows).tolist()
    ((3,), [4, 25], [49, 4, 25])
  """
  source: np.ndarray  # [N, ...]
  at: np.ndarray  # [B] which rows

  @property
  def shape(self) -> tuple[int, ...]:
    return (len(self.at), *self.source.shape[1:])

  def __len__(self) -> int:
    return len(self.at)

  def __getitem__(self, index: Any) -> np.ndarray:
    rows, *rest = index if isinstance(index, tuple) else (index,)
    return self.source[self.at[rows]][(slice(None), *rest)]

  def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    del copy  # what is read is a copy
    return np.asarray(self.source[self.at], dtype)


def _rows(leaf: np.ndarray, at: np.ndarray) -> Any:
  return Rows(leaf, at) if jax.process_count() > 1 else leaf[at]


def in_order(data: Any, size: int) -> Iterator[Any]:
  """The data once, in order; the last batch may be smaller.

  Example:
    >>> [len(batch) for batch in in_order(np.arange(5), 2)]
    [2, 2, 1]
  """
  n = count(data)
  for lo in range(0, n, size):
    yield jax.tree.map(lambda leaf, lo=lo: leaf[lo:lo + size], data)


def in_few_sizes(data: Any, size: int) -> Iterator[Any]:
  """The data once, in order, in batches of `size`, a quarter of it, and so on.

  For passes over sets of many different sizes, whose every last batch would
  otherwise be compiled for.

  Example:
    >>> [len(batch) for batch in in_few_sizes(np.arange(38), 16)]
    [16, 16, 4, 1, 1]
  """
  n = count(data)
  lo = 0
  while lo < n:
    while size > n - lo:
      size = max(1, size // 4)
    yield jax.tree.map(lambda leaf, lo=lo, size=size: leaf[lo:lo + size], data)
    lo += size


def peeked(
    batches: Iterable, read: Callable[[Any], Any] = lambda batch: batch
) -> tuple[Any, Iterator]:
  """The first batch, None if there is none, and all of them from the first on.

  Args:
    batches: one after the other.
    read: what to do with the first, once: what comes of it is in its place.

  Example:
    >>> first, batches = peeked(iter('abc'))
    >>> first, list(batches)
    ('a', ['a', 'b', 'c'])
  """
  batches = iter(batches)
  ahead = [read(batch) for batch in itertools.islice(batches, 1)]
  return next(iter(ahead), None), itertools.chain(ahead, batches)


class Filled(NamedTuple):
  """A batch of one size whatever there is to fill it, and which rows count."""
  data: Any  # pytree of arrays [size, ...]
  weights: np.ndarray  # [size] one, or zero where a row only fills up


def filled(data: Any, size: int) -> Iterator[Filled]:
  """The data once, in order, in batches of one size.

  The last is filled up with its own first row, which then does not count: a network
  has met it anyway, and no further program has to be compiled.

  Args:
    data: pytree of arrays `[N, ...]`.
    size: rows a batch.

  Yields:
    Batches.

  Example:
    >>> [(batch.data.tolist(), batch.weights.tolist()) for batch in filled(np.arange(3), 2)]
    [([0, 1], [1.0, 1.0]), ([2, 2], [1.0, 0.0])]
  """
  data = jax.tree.map(np.asarray, data)
  for batch in in_order(data, size):
    n = count(batch)
    fill = lambda leaf, more=size - n: np.concatenate([leaf, leaf[:1].repeat(more, 0)])
    yield Filled(batch if n == size else jax.tree.map(fill, batch),
                 (np.arange(size) < n).astype(np.float32))


def weighted(batch: Any) -> Filled:
  """A batch of which all rows count, unless it says which."""
  if isinstance(batch, Filled):
    return batch
  return Filled(batch, np.ones(count(batch), np.float32))


def power_of_two(n: int, most: int) -> int:
  """The size of batch for a set of `n`: so that sets of about one size share it.

  Example:
    >>> [power_of_two(n, most=500) for n in (1, 100, 120, 3000)]
    [1, 128, 128, 500]
  """
  return min(most, 1 << max(0, n - 1).bit_length())


def common(counts: Sequence[int], most: int) -> int:
  """The one size of batch that serves several sets with the least to fill up.

  Args:
    counts: of the sets' rows.
    most: the largest size; others are a half of it, a quarter, and so on.

  Returns:
    The size. A batch as such is taken to cost as much as 16 rows.

  Example:
    >>> common([700, 650, 720], 256), common([1000, 20, 3, 2], 256)
    (256, 64)
  """
  sizes = [max(1, most >> halvings) for halvings in range(most.bit_length())]
  return min(sizes, key=lambda size: sum(-(-n // size) for n in counts) * (size + 16))


def steps_for(n: int, size: int, epochs: float) -> int:
  """How many batches make so many epochs of `n` examples."""
  return max(1, math.ceil(epochs * n / size))


def seed_of(key: jax.Array) -> int:
  """A seed for NumPy from a JAX key."""
  return int(_bits(key))


_bits = jax.jit(jax.random.bits)
