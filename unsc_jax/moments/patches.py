"""The patches that a convolution sees, a bounded number at a time.

`N` images, `B` groups, `d` entries of a patch (window by channels of a group).
"""

from collections.abc import Callable
import itertools
import math
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from unsc_jax.capture import layers
from unsc_jax.capture import varying


def pad(conv: layers.Conv) -> layers.Conv:
  """The same convolution with its zeros spelt out: no padding is left to do."""
  x = lax.pad(
      conv.x, jnp.zeros((), conv.x.dtype),
      [(0, 0, 0),
       *((lo, hi, dilation - 1) for (lo, hi), dilation in zip(
           conv.padding, conv.input_dilation, strict=True)),
       (0, 0, 0)])
  none = (0,) * len(conv.window)
  return conv._replace(x=x, padding=tuple(zip(none, none)),
                       input_dilation=(1,) * len(conv.window))


def positions(padded: layers.Conv) -> list[int]:
  """At how many places the window stands, along every spatial axis."""
  return [max(0, (size - reach) // stride + 1) for size, reach, stride in zip(
      padded.x.shape[1:-1], _reach(padded), padded.strides, strict=True)]


def _reach(conv: layers.Conv) -> list[int]:
  """How many pixels the window spans, along every spatial axis."""
  return [(size - 1) * dilation + 1
          for size, dilation in zip(conv.window, conv.kernel_dilation)]


def extract(conv: layers.Conv, blocks: int = 1) -> list[jax.Array]:
  """Cuts out every patch: `[B, N * positions, d]`, ordered (window, channels).

  These are the rows of the matrix product that the convolution is: zero-padded,
  strided and dilated as it does itself. The channels of a pixel stay together.

  Args:
    conv: a convolution's inputs.
    blocks: into how many blocks to cut the columns, at most one for every entry
      of the window.

  Returns:
    The blocks.
  """
  conv = pad(conv)
  entries = math.prod(conv.window)
  edges = [i * entries // blocks for i in range(blocks + 1)]
  parts = [slice(*edge) for edge in itertools.pairwise(edges)]
  if not len(conv.x) * math.prod(positions(conv)):
    return [jnp.zeros((conv.groups, 0, (part.stop - part.start) * _width(conv)), conv.x.dtype)
            for part in parts]
  return lax.platform_dependent(
      conv.x, cpu=lambda x: by_index(conv._replace(x=x), parts),
      default=lambda x: by_slices(conv._replace(x=x), parts))


def by_slices(padded: layers.Conv, parts: list[slice]) -> list[jax.Array]:
  """One shifted slice of the images for every entry of the window."""
  x, places = padded.x, positions(padded)
  n, *_, channels = x.shape

  def shifted(offset):
    lo = [o * k for o, k in zip(offset, padded.kernel_dilation)]
    hi = [a + (p - 1) * s + 1 for a, p, s in zip(lo, places, padded.strides)]
    found = lax.slice(x, (0, *lo, 0), (n, *hi, channels), (1, *padded.strides, 1))
    return found.reshape(-1, padded.groups, _width(padded))

  offsets = [*itertools.product(*map(range, padded.window))]
  return [_as_rows([*map(shifted, offsets[part])]) for part in parts]


def by_index(padded: layers.Conv, parts: list[slice]) -> list[jax.Array]:
  """One axis after the other: a CPU compiles that in a third of the time, and is as quick."""
  x, dims = padded.x, range(1, 2 * len(padded.window) + 1, 2)
  for axis, *of in zip(dims, positions(padded), padded.window, padded.strides,
                       padded.kernel_dilation):
    x = jnp.take(x, _index(*of), axis, mode='clip')  # of places, then of the window
  x = x.transpose(0, *dims, *(axis + 1 for axis in dims), x.ndim - 1)
  x = x.reshape(-1, math.prod(padded.window), padded.groups, _width(padded))
  rows = x.transpose(2, 0, 1, 3)
  return [rows[:, :, part].reshape(*rows.shape[:2], -1) for part in parts]


def _index(places: int, window: int, stride: int, dilation: int) -> np.ndarray:
  """`[places, window]`: what the window sees, wherever it stands."""
  return stride * np.arange(places)[:, None] + dilation * np.arange(window)


def _width(conv: layers.Conv) -> int:
  """How many channels a group has."""
  return conv.x.shape[-1] // conv.groups


def extract_at(conv: layers.Conv, index: jax.Array) -> jax.Array:
  """The patches at some positions, as `extract` has them.

  Args:
    conv: a convolution's inputs.
    index: `[m]` which positions, counted along the last axis first.

  Returns:
    `[B, N * m, d]`.
  """
  conv = pad(conv)
  x = conv.x
  at = jnp.unravel_index(index, positions(conv))

  def shifted(offset):
    pixels = (i * s + o * k for i, s, o, k in zip(
        at, conv.strides, offset, conv.kernel_dilation))
    return x[:, *pixels].reshape(-1, conv.groups, _width(conv))

  return _as_rows([*map(shifted, itertools.product(*map(range, conv.window)))])


def count(conv: layers.Conv) -> int:
  """How many patches there are of each group."""
  return len(conv.x) * math.prod(positions(pad(conv)))


def total(conv: layers.Conv, dtype: Any = jnp.float32) -> jax.Array:
  """The sum of all patches `[B, d]`, without cutting them out.

  An entry of the window sees some places along every axis, whatever the others are:
  one product along each with a matrix of ones and zeros is enough.
  """
  conv = pad(conv)
  x = conv.x.sum(0, dtype=dtype)
  for window, dilation, stride, n in zip(
      conv.window, conv.kernel_dilation, conv.strides, positions(conv)):
    entry = np.arange(window)[:, None]
    seen = np.zeros((window, len(x)), dtype)
    seen[entry, entry * dilation + np.arange(n) * stride] = 1
    x = jnp.einsum('p...c,wp->...wc', x, seen, precision=lax.Precision.HIGHEST)
  return x.reshape(-1, conv.groups, x.shape[-1] // conv.groups).swapaxes(0, 1).reshape(
      conv.groups, -1)


def _as_rows(entries: list[jax.Array]) -> jax.Array:
  """Joins entries of the window, each `[n, B, width]`, to rows `[B, n, d]`."""
  return jnp.concatenate(entries, -1).transpose(1, 0, 2)


def sum_over_patches(
    statistic: Callable[[layers.Conv], Any], conv: layers.Conv, max_bytes: int
) -> Any:
  """Sums a statistic of the patches over parts of the images that fit in memory.

  Every part holds all images at some positions of the window: rows of the
  output, or parts of a row. The axis of the images is left alone, so that a
  batch stays on its devices however it is sharded; and one position of all
  images is less than the images themselves.

  Args:
    statistic: maps a convolution's inputs to a pytree of arrays, additive in
      its patches.
    conv: a convolution's inputs.
    max_bytes: how much memory the patches of one part may take in float32; one
      position of all images is the least.

  Returns:
    The pytree for all patches.
  """
  conv = pad(conv)
  places, reach = positions(conv), _reach(conv)
  size = _part(places, at_once(conv, max_bytes))
  if size == places:
    return statistic(conv)

  def part(start, size):
    x = conv.x
    for axis, (lo, n) in enumerate(zip(start, size)):
      stride = conv.strides[axis]
      if n < places[axis]:
        x = lax.dynamic_slice_in_dim(
            x, lo * stride, (n - 1) * stride + reach[axis], axis + 1)
    return statistic(conv._replace(x=x))

  def add(total, index):
    start = [i * n for i, n in zip(jnp.unravel_index(index, counts), size)]
    return jax.tree.map(jnp.add, total, part(start, size)), None

  # One loop, not one inside another: XLA takes the sum over devices out of one.
  counts = [whole // n for whole, n in zip(places, size)]
  zeros = varying.zeros(jax.eval_shape(lambda: part([0] * len(size), size)))
  total, _ = lax.scan(add, zeros, jnp.arange(math.prod(counts)))
  if rest := places[0] % size[0]:  # only the first axis has one
    last = part([places[0] - rest] + [0] * len(size[1:]), [rest, *size[1:]])
    total = jax.tree.map(jnp.add, total, last)
  return total


def at_once(conv: layers.Conv, max_bytes: int) -> int:
  """At how many positions the patches of all images fit; one at least."""
  one = 4 * len(conv.x) * math.prod(conv.window) * conv.x.shape[-1]  # in float32
  return max(1, max_bytes // max(1, one))


def divisor(n: int, most: int) -> int:
  """The largest divisor of `n` that is at most `most`.

  Example:
    >>> divisor(12, most=5)
    4
  """
  return next(k for k in range(min(n, most), 0, -1) if n % k == 0)


def _part(places: list[int], room: int) -> list[int]:
  """How long a part is along every axis, for at most `room` positions.

  Whole rows if they fit, or else a part of a row that divides it evenly.
  """
  inner = lambda axis: math.prod(places[axis + 1:])
  if inner(-1) <= room:
    return places
  axis = next(i for i in range(len(places)) if inner(i) <= room)
  n, fit = places[axis], room // inner(axis)
  if axis == 0:
    length = -(-n // -(-n // fit))
  else:
    length = divisor(n, fit)
  return [1] * axis + [length] + places[axis + 1:]
