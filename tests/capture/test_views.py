"""Views against numpy: the same operations on an array of entry numbers."""

import math

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest

from unsc_jax.capture import views

SIZES = st.sampled_from([1, 2, 3, 4, 6])
NAMES = ('transpose', 'reshape', 'slice', 'rev', 'index', 'broadcast', 'tile',
         'squeeze', 'split', 'chunk')


def entries(view: views.View) -> np.ndarray:
  """Which entry of the flat parameter each place of a view holds."""
  shape = [views.size(dim) for dim in view.dims]
  at = [np.full(shape, start) for start in view.start]
  for i, dim in enumerate(view.dims):
    place = np.arange(shape[i]).reshape([-1 if j == i else 1 for j in
                                         range(len(shape))])
    for atom in reversed(dim):
      if atom.axis is not None:
        at[atom.axis] = at[atom.axis] + atom.step * (place % atom.size)
      place = place // atom.size
  return np.ravel_multi_index(at, view.shape) if view.shape else np.zeros(shape, int)


def divisors(n):
  return [k for k in range(1, n + 1) if n % k == 0]


def step(draw, name, view, array):
  """One drawn operation, on both."""
  axis = draw(st.integers(0, array.ndim - 1)) if array.ndim else None
  if name == 'transpose':
    order = draw(st.permutations(range(array.ndim)))
    return views.transpose(view, order), array.transpose(order)
  if name == 'reshape':
    shape, left = [], array.size
    for _ in range(draw(st.integers(1, 3))):
      shape.append(draw(st.sampled_from(divisors(left))))
      left //= shape[-1]
    shape.append(left)
    return views.reshape(view, shape), array.reshape(shape)
  if name == 'broadcast':
    at = draw(st.integers(0, array.ndim))
    shape = [*array.shape[:at], 2, *array.shape[at:]]
    places = [i for i in range(len(shape)) if i != at]
    return (views.broadcast_in_dim(view, shape, places),
            np.broadcast_to(np.expand_dims(array, at), shape))
  if axis is None:
    return view, array
  n = array.shape[axis]
  if name == 'slice':
    lo = draw(st.integers(0, n - 1))
    hi, stride = draw(st.integers(lo + 1, n)), draw(st.integers(1, 3))
    lows, highs, strides = [0] * array.ndim, list(array.shape), [1] * array.ndim
    lows[axis], highs[axis], strides[axis] = lo, hi, stride
    return (views.slice_(view, lows, highs, strides),
            array[(slice(None),) * axis + (slice(lo, hi, stride),)])
  if name == 'rev':
    return views.rev(view, [axis]), np.flip(array, axis)
  if name == 'index':
    i = draw(st.integers(0, n - 1))
    return (views.squeeze(views.index(view, axis, i), (axis,)),
            array.take(i, axis))
  if name == 'tile':
    reps = [draw(st.integers(1, 2)) for _ in array.shape]
    return views.tile(view, reps), np.tile(array, reps)
  if name == 'squeeze':
    ones = [i for i, n in enumerate(array.shape) if n == 1]
    return views.squeeze(view, ones), array.squeeze(tuple(ones))
  if name == 'split':
    cut = draw(st.integers(1, n))
    part = views.split(view, [cut, n - cut], axis)[0]
    return part, np.split(array, [cut], axis)[0]
  count = draw(st.sampled_from(divisors(n)))
  i = draw(st.integers(0, count - 1))
  return (views.chunk(view, axis, count, i), np.split(array, count, axis)[i])


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_views_hold_the_entries_that_numpy_finds(data):
  shape = data.draw(st.lists(SIZES, min_size=1, max_size=3))
  view = views.whole('w', shape)
  array = np.arange(math.prod(shape)).reshape(shape)
  for name in data.draw(st.lists(st.sampled_from(NAMES), max_size=6)):
    view, array = step(data.draw, name, view, array)
    if view is None or array.size > 500:
      return  # a refusal is always right
    assert tuple(map(views.size, view.dims)) == array.shape
    np.testing.assert_array_equal(entries(view), array)


@pytest.mark.parametrize(('shape', 'sizes'), [
    ((6, 4), (2, 3, 4)), ((6, 4), (24,)), ((2, 3, 4), (6, 4)),
    ((6, 4), (3, 8)), ((1, 6), (6, 1)), ((4, 6), (2, 2, 3, 2))])
def test_reshapes_that_strides_can_describe_are_not_refused(shape, sizes):
  view = views.reshape(views.whole('w', shape), sizes)
  assert view is not None
  np.testing.assert_array_equal(
      entries(view), np.arange(math.prod(shape)).reshape(sizes))


@pytest.mark.parametrize(('shape', 'sizes'), [((6, 4), (8, 3)), ((9, 2), (6, 3))])
def test_reshapes_that_tear_rows_apart_are_refused(shape, sizes):
  assert views.reshape(views.whole('w', shape), sizes) is None


def test_views_cost_nothing_however_large_the_parameter():
  view = views.whole('w', (10**9, 10**9))
  view = views.rev(views.reshape(view, (10**3, 10**6, 10**9)), (1,))
  assert view.start == (10**6 - 1, 0)
