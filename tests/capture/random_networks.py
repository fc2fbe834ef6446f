"""Random small networks, each in JAX and in float64 numpy.

A network is a list of drawn steps. Run in JAX it is an ordinary function; run in
numpy it also tells what every layer sees.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st
from jax import lax
import jax.numpy as jnp
import numpy as np

from tests.capture import case
from tests.capture import oracle


class Stored(NamedTuple):
  """A matrix `[d, o]` as a network might keep it.

  `put` and `get` turn the matrix into the parameter and back; `see` turns the
  rows that meet the matrix into those that meet the parameter, in its order.
  """
  put: Callable
  get: Callable
  see: Callable


def _swap(a, b):
  """Fan-in kept as two axes, the inner one first."""
  return Stored(
      lambda w: w.reshape(a, b, -1).swapaxes(0, 1),
      lambda p: p.swapaxes(0, 1).reshape(a * b, -1),
      lambda x: x.reshape(-1, a, b).swapaxes(1, 2).reshape(-1, a * b))


def stored_ways(d: int) -> dict[str, Stored]:
  a = next(k for k in (3, 2, 1) if d % k == 0)
  same = lambda x: x
  pad = lambda x: np.pad(np.asarray(x), ((0, 0), (2, 0)))
  stack = lambda x: np.stack([0 * x, x])
  ways = {
      'as it is': Stored(same, same, same),
      'outputs first': Stored(lambda w: w.T, lambda p: p.T, same),
      'in reverse': Stored(lambda w: w[::-1], lambda p: p[::-1],
                           lambda x: x[:, ::-1]),
      'split': Stored(lambda w: w.reshape(a, d // a, -1),
                      lambda p: p.reshape(d, -1), same),
      'swapped': _swap(a, d // a),
      'second of a stack': Stored(lambda w: np.stack([w + 1, w]), lambda p: p[1],
                                  stack),
  }
  if d > 1:  # a single row is one of a stack
    ways['part of a larger one'] = Stored(
        lambda w: np.concatenate([np.ones_like(w[:2]), w]), lambda p: p[2:], pad)
  return ways


class Network(NamedTuple):
  """A drawn network: parameters, and how to run it on either array library."""
  params: dict[str, np.ndarray]
  run: Callable  # (params, x, library, taps: dict | None) -> out
  x: np.ndarray
  said: list[str]  # what it consists of, for failures


@st.composite
def networks(draw) -> Network:
  images = draw(st.booleans())
  x = case.random(draw(st.integers(1, 2)), *(
      [draw(st.integers(3, 5)), draw(st.integers(3, 5)), draw(
          st.sampled_from([2, 4]))]
      if images else [draw(st.integers(1, 3)), draw(st.integers(4, 9))]))
  params: dict[str, np.ndarray] = {}
  steps: list[Callable] = []
  said: list[str] = []
  probe = np.asarray(x, np.float64)
  for i in range(draw(st.integers(2, 4))):
    kinds = ['dense', 'residual', 'mix'] + ['conv'] * 3 * (probe.ndim == 4)
    kind = draw(st.sampled_from(kinds))
    step, new, words = _STEPS[kind](draw, f'layer{i}', probe.shape)
    params |= new
    steps.append(step)
    said.append(words)
    probe = step(params, probe, np, {})

  def run(params, x, library, taps=None):
    for step in steps:
      x = step(params, x, library, taps)
    return x

  return Network(params, run, x, said)


def _dense(draw, name, shape):
  d, o = shape[-1], draw(st.integers(2, 7))
  way, (put, get, see) = draw(st.sampled_from([*stored_ways(d).items()]))
  params = {name: put(case.weight(d, o, seed=len(name) + d))}

  def step(params, x, library, taps):
    if taps is not None and library is np:
      taps[name] = see(x.reshape(-1, d))
    return library.tanh(x @ get(params[name]))

  return step, params, f'dense {d} -> {o}, {way}'


def _residual(draw, name, shape):
  inner, params, words = _dense(draw, name, shape)
  back = case.weight(inner(params, np.ones(shape), np, {}).shape[-1], shape[-1])
  params[f'{name}_back'] = back

  def step(params, x, library, taps):
    h = inner(params, x, library, taps)
    if taps is not None and library is np:
      taps[f'{name}_back'] = h.reshape(-1, h.shape[-1])
    return x + h @ params[f'{name}_back']

  return step, params, f'residual of {words}'


def _mix(draw, name, shape):
  """A product along the second axis, as a Mixer's."""
  inner, params, words = _dense(draw, name, (shape[0], *shape[2:], shape[1]))

  def step(params, x, library, taps):
    return library.moveaxis(
        inner(params, library.moveaxis(x, 1, -1), library, taps), -1, 1)

  return step, params, f'{words} along positions'


def _conv(draw, name, shape):
  _, *space, channels = shape
  groups = draw(st.sampled_from([g for g in (1, 2, 4) if channels % g == 0]))
  width, o = channels // groups, groups * draw(st.integers(1, 3))
  window = [draw(st.integers(1, 3)) for _ in space]
  geometry = dict(
      strides=[draw(st.integers(1, 2)) for _ in space],
      kernel_dilation=[draw(st.integers(1, 2)) for _ in space],
      input_dilation=[draw(st.integers(1, 2)) for _ in space])
  # Wide enough for one position at least.
  padding = [(draw(st.integers(0, 2)), max(0, (w - 1) * k + 1 - n) + draw(
      st.integers(0, 1))) for w, k, n in zip(
          window, geometry['kernel_dilation'], space)]
  last = draw(st.booleans())  # are the outputs last?
  flipped = draw(st.booleans())
  kernel = case.weight(*window, width, o, seed=len(name) + width)

  def see(rows):  # [groups, n, window * width]
    rows = rows.reshape(*rows.shape[:2], *window, width)
    rows = np.flip(rows, (2, 3)) if flipped else rows
    rows = rows if last else np.moveaxis(rows, -1, 2)
    return rows.reshape(*rows.shape[:2], -1)

  put = lambda k: k if last else k.transpose(3, 2, 0, 1)
  flip = lambda k, library: library.flip(k, (0, 1)) if flipped else k
  back = lambda p: p if last else p.transpose(2, 3, 1, 0)

  def step(params, x, library, taps):
    k = flip(back(params[name]), library)
    if library is jnp:
      return jnp.tanh(lax.conv_general_dilated(
          x, k, geometry['strides'], padding, geometry['input_dilation'],
          geometry['kernel_dilation'], ('NHWC', 'HWIO', 'NHWC'), groups))
    rows = oracle.patches(x, window, padding=padding, groups=groups, **geometry)
    if taps is not None:
      taps[name] = see(rows)
    matrix = k.reshape(-1, groups, o // groups).swapaxes(0, 1)
    places = [
        ((n - 1) * a + 1 + sum(pad) - (w - 1) * e - 1) // s + 1
        for n, a, pad, w, e, s in zip(
            x.shape[1:], geometry['input_dilation'], padding, window,
            geometry['kernel_dilation'], geometry['strides'])]
    y = np.moveaxis(rows @ matrix, 0, 1)
    return np.tanh(y.reshape(len(x), *places, o))

  words = f'conv {window} {geometry} {padding} groups {groups}, {channels} -> {o}'
  return step, {name: put(np.flip(kernel, (0, 1)) if flipped else kernel)}, words


_STEPS: dict[str, Any] = {
    'dense': _dense, 'residual': _residual, 'mix': _mix, 'conv': _conv}
