"""What `capacity` tells before a run, and when it warns."""

import contextlib
import warnings

import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
import unsc_jax


def _bases(*free: int):
  """Bases of layers of fan-in 30, 31 ... with so many free directions, and of a table."""
  def fn(params, xs):
    read = [x @ params[f'layer{i}'] for i, x in enumerate(xs)]
    return read, params['table'][jnp.arange(3)]

  xs = [np.zeros((40, 30 + i), np.float32) for i in range(len(free))]
  for i, (x, room) in enumerate(zip(xs, free)):
    x[:, room:] = toys.normal(i, 40, x.shape[1] - room)
  params = {f'layer{i}': jnp.ones((x.shape[1], 3)) for i, x in enumerate(xs)}
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # of layers without any
    return unsc_jax.null_space_bases(
        toys.moments_of(fn, {**params, 'table': jnp.ones((9, 2))}, xs),
        unsc_jax.threshold_rank())


@pytest.mark.parametrize(('free', 'warning'), [
    *((free, f'of {len(free)} layers.*happen in .*layer{len(free) - 1};') for free in (
        (0, 20), (0, 2, 20), (0, 0, 2, 20), (1, 1, 20), (0, 0, 8, 20))),
    ((0, 2), 'only 0 of 2 layers.*happen nowhere'),
    *((free, None) for free in ((20,), (10, 20), (0, 5, 20), (4, 5, 6, 20)))])
def test_free_directions_are_counted_and_few_are_warned_of(free, warning):
  """Of forgetting in the head, mostly; rows of a table that are not read are no room."""
  bases = _bases(*free)
  told = pytest.warns(UserWarning, match=warning) if warning else contextlib.nullcontext()
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    with told:
      found = unsc_jax.capacity(bases)
  assert str(found).splitlines() == [
      *(f'layer{i}: {room} of {30 + i} directions free' for i, room in enumerate(free)),
      'table: 6 of 9 rows free']
