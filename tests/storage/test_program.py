"""A function is told by what it computes, whoever asks and wherever arrays lie."""

import dataclasses
import functools

import jax
from jax.experimental import io_callback
import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
from unsc_jax import sharding
from unsc_jax import storage

X = np.arange(8, dtype=np.float32)
TABLE = np.arange(5000.)  # so long that it would be printed with dots
OTHER = TABLE + (np.arange(5000) == 2500)


def _scanned(weight):
  return lambda x: jax.lax.scan(lambda c, a: (c + weight * a, c), x[0], x)[0]


def _called(weight):
  return jax.jit(lambda x: weight * x)


def _clipped(low):
  @jax.custom_jvp
  def clip(x):
    return jnp.maximum(x, low)
  clip.defjvp(lambda x, t: (clip(*x), t[0]))
  return clip


@dataclasses.dataclass(frozen=True)
class Scaled:
  factor: float

  def on_host(self, v):
    return np.float32(self.factor) * v


def _on_host(call, make):
  """A network of which the host computes a part; what it is is in no jaxpr."""
  return lambda k: lambda x: call(make(k), jax.ShapeDtypeStruct(x.shape, x.dtype), x)


def _scaling(k):
  return lambda v: np.float32(k) * v


def _noted(k):
  def called(v):
    return np.float32(called.factor) * v
  called.factor = k
  return called


def _of_kept(k):
  """As those that solve a problem once: the numbers are in what is wrapped."""
  return functools.lru_cache(_scaling(k))


WAYS = {
    'on the host': (_on_host(jax.pure_callback, _scaling), 2., 3.),
    'on the host in order': (_on_host(io_callback, _scaling), 2., 3.),
    'on the host in a jit': (
        lambda k: jax.jit(_on_host(jax.pure_callback, _scaling)(k)), 2., 3.),
    'on the host by an array': (_on_host(jax.pure_callback, _scaling), X[:4], X[4:]),
    'on the host by a method': (
        _on_host(jax.pure_callback, lambda k: Scaled(k).on_host), 2., 3.),
    'on the host by a partial': (
        _on_host(jax.pure_callback, lambda k: functools.partial(np.multiply, k)),
        np.float32(2), np.float32(3)),
    'on the host by a note': (_on_host(jax.pure_callback, _noted), 2., 3.),
    'on the host by a wrapper': (_on_host(jax.pure_callback, _of_kept), 2., 3.),
    'constant': (lambda c: lambda x: c * x, 1., 2.),
    'large constant': (lambda c: lambda x: x + jnp.asarray(c).sum(), TABLE, OTHER),
    'constant in a scan': (_scanned, 1., 2.),
    'constant in a jit': (_called, 1., 2.),
    'array in a jit': (_called, X[:4], X[4:]),
    'setting': (lambda axis: functools.partial(jnp.flip, axis=axis), 0, None),
    'order': (lambda sign: lambda x: sign * (x - x[::-1]), 1, -1),
    'key': (lambda seed: lambda x: x + jax.random.normal(jax.random.key(seed), x.shape), 0, 1),
    'custom derivative': (_clipped, 0., 1.),
}


@pytest.mark.parametrize('way', WAYS)
def test_what_computes_otherwise_is_told_apart(way):
  make, one, other = WAYS[way]
  value = X.reshape(2, 4)
  assert storage.program(make(one), value) == storage.program(make(one), value + 1)
  assert storage.program(make(one), value) != storage.program(make(other), value)


@pytest.mark.parametrize('call', [jax.pure_callback, io_callback])
def test_a_host_function_that_cannot_be_seen_into_is_refused(call):
  drawn = np.random.default_rng(0).normal
  with pytest.raises(TypeError, match='cannot be told from others like it when'):
    storage.program(_on_host(call, lambda _: lambda v: v + drawn())(0), X)


def test_what_is_only_printed_does_not_count():
  def printing(fmt):
    def fn(x):
      jax.debug.callback(lambda v: print(fmt, next(iter([v]))), x)
      return 2 * x
    return fn
  assert storage.program(printing('a'), X) == storage.program(printing('b'), X)


def test_shapes_and_dtypes_count():
  hashes = {storage.program(lambda x: 2 * x, value) for value in (X, X[:4], X.astype(int))}
  assert len(hashes) == 3


def test_devices_do_not_count():
  fn = lambda x: jnp.tanh(x).sum()
  split = sharding.shard_params(X, sharding.data_mesh(8), smallest=1)
  assert storage.program(fn, split) == storage.program(fn, X)


def test_another_process_finds_the_same():
  code = ('import importlib.util as u; '
          f's = u.spec_from_file_location({__name__!r}, {__file__!r}); '
          't = u.module_from_spec(s); s.loader.exec_module(t); '
          'print(*(t.storage.program(make(one), t.X.reshape(2, 4)) '
          'for make, one, _ in t.WAYS.values()))')
  assert toys.said_elsewhere(code).split() == [
      storage.program(make(one), X.reshape(2, 4)) for make, one, _ in WAYS.values()]
