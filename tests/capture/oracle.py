"""What capture is judged against: plain numpy in float64, nothing of the library.

`B` layers that share a parameter, `n` rows of inputs, `d` fan-in.
"""

import itertools
import math

import numpy as np


def second_moment(rows: np.ndarray) -> np.ndarray:
  """`Re(sum x x^H)` over rows `[n, d]` or `[B, n, d]`, real or complex."""
  rows = np.asarray(rows, np.complex128)
  return (rows.conj().mT @ rows).real


def patches(
    x: np.ndarray, window, *, strides=None, padding=None, input_dilation=None,
    kernel_dilation=None, groups: int = 1,
) -> np.ndarray:
  """Every patch that a convolution multiplies: `[groups, n, window * channels]`.

  One output position after the other, one entry of the window after the other.

  Args:
    x: `[N, *spatial, channels]`.
    window: the kernel's spatial sizes.
    strides: one for each spatial axis, by default 1.
    padding: `(low, high)` for each, zeros put around, by default none.
    input_dilation: one for each, `a - 1` zeros between pixels.
    kernel_dilation: one for each, the distance of a window's entries.
    groups: how many parts the channels fall into.
  """
  x = np.asarray(x, np.result_type(x, np.float64))
  space = x.shape[1:-1]
  ones = (1,) * len(space)
  strides, kernel_dilation = strides or ones, kernel_dilation or ones
  input_dilation, padding = input_dilation or ones, padding or ((0, 0),) * len(space)
  spread = [(n - 1) * a + 1 for n, a in zip(space, input_dilation)]
  padded = [lo + n + hi for n, (lo, hi) in zip(spread, padding)]
  reach = [(w - 1) * k + 1 for w, k in zip(window, kernel_dilation)]
  positions = [(n - r) // s + 1 for n, r, s in zip(padded, reach, strides)]
  width = x.shape[-1] // groups

  def pixel(image, where) -> np.ndarray:
    """A padded and dilated image's channels at a position."""
    at = []
    for p, (lo, _), n, a in zip(where, padding, spread, input_dilation):
      if not 0 <= p - lo < n or (p - lo) % a:
        return np.zeros(x.shape[-1])
      at.append((p - lo) // a)
    return image[tuple(at)]

  out = [[] for _ in range(groups)]
  for image in x:
    for position in itertools.product(*map(range, positions)):
      entries = [pixel(image, [p * s + o * k for p, s, o, k in zip(
          position, strides, offset, kernel_dilation)])
                 for offset in itertools.product(*map(range, window))]
      for g in range(groups):
        out[g].append(np.concatenate([e[g * width:][:width] for e in entries]))
  return np.array(out)


def same_padding(size: int, window: int, stride: int = 1) -> tuple[int, int]:
  """The zeros that `SAME` adds: as many outputs as `ceil(size / stride)`."""
  total = max(0, (math.ceil(size / stride) - 1) * stride + window - size)
  return total // 2, total - total // 2


def fold(site, w: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
  """A parameter as `[B, d, o]`, and the order of axes that this took."""
  axes = range(len(site.shape))
  rest = [i for i in axes if i not in (*site.batch_axis, *site.reduction_axis)]
  order = (*site.batch_axis, *site.reduction_axis, *rest)
  size = lambda which: math.prod(site.shape[i] for i in which)
  folded = np.asarray(w, np.float64).reshape(site.shape).transpose(order)
  return folded.reshape(size(site.batch_axis), size(site.reduction_axis),
                        size(rest)), order


def unfold(site, folded: np.ndarray, order, shape) -> np.ndarray:
  sizes = [site.shape[i] for i in order]
  return folded.reshape(sizes).transpose(np.argsort(order)).reshape(shape)


def into_null_space(
    site, second: np.ndarray, delta: np.ndarray, relative: float = 3e-7
) -> np.ndarray:
  """The part of a change of a parameter that meets no input of one site.

  Args:
    site: which axes of the parameter the inputs meet.
    second: `[B, d, d]` sums of `x x^T`, `[B, d]` counts of a lookup.
    delta: the change, shaped like the parameter.
    relative: directions with no more of the largest eigenvalue are null; what
      was summed in float32 cannot tell them from zero.
  """
  folded, order = fold(site, delta)
  second = np.asarray(second, np.float64)
  if site.kind == 'lookup':
    free = folded * (second == 0)[..., None]
  else:
    values, vectors = np.linalg.eigh(second)
    null = values <= relative * values[:, -1:]
    coordinates = vectors.mT @ folded
    free = vectors @ (coordinates * null[..., None])
  return unfold(site, free, order, delta.shape)
