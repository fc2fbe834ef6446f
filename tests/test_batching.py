"""Streams: every example as often as every other."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
import numpy as np

from unsc_jax import batching


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 5))
def test_a_stream_is_permutations_end_to_end(n, size, seed):
  batches = itertools.islice(batching.stream(np.arange(n), size, seed), 6)
  seen = np.concatenate(list(batches))
  assert len(seen) == 6 * size
  for lo in range(0, len(seen) - n + 1, n):
    np.testing.assert_array_equal(np.sort(seen[lo:lo + n]), np.arange(n))


def test_a_stream_depends_on_its_seed_alone():
  first = lambda seed: next(batching.stream(np.arange(100), 20, seed)).tolist()
  assert first(1) == first(1)
  assert first(1) != first(2)


def test_leaves_stay_together():
  batch = next(batching.stream((np.arange(9), -np.arange(9)), 4, 0))
  np.testing.assert_array_equal(batch[0], -batch[1])


@given(st.integers(0, 300), st.integers(1, 70))
def test_few_sizes_cover_the_data_once_in_few_shapes(n, size):
  batches = list(batching.in_few_sizes(np.arange(n), size))
  np.testing.assert_array_equal(
      np.concatenate([np.zeros(0, int), *batches]), np.arange(n))
  assert len({len(batch) for batch in batches}) <= 5


def test_steps_for_rounds_up():
  assert batching.steps_for(100, 32, 1) == 4
  assert batching.steps_for(1, 32, 1) == 1
