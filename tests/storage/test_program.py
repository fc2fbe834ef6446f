"""A function is told by what it computes, whoever asks and wherever arrays lie."""

import functools
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

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


WAYS = {
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


def test_shapes_and_dtypes_count():
  hashes = {storage.program(lambda x: 2 * x, value) for value in (X, X[:4], X.astype(int))}
  assert len(hashes) == 3


def test_devices_do_not_count():
  fn = lambda x: jnp.tanh(x).sum()
  split = sharding.shard_params(X, sharding.data_mesh(8), smallest=1)
  assert storage.program(fn, split) == storage.program(fn, X)


def test_another_process_finds_the_same():
  code = (f'import importlib.util as u; s = u.spec_from_file_location("t", {__file__!r}); '
          't = u.module_from_spec(s); s.loader.exec_module(t); '
          'print(*(t.storage.program(make(one), t.X.reshape(2, 4)) '
          'for make, one, _ in t.WAYS.values()))')
  told = subprocess.run(
      [sys.executable, '-c', code], capture_output=True, text=True, timeout=120,
      env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), 'PYTHONHASHSEED': '7'},
      check=True)
  assert told.stdout.split() == [
      storage.program(make(one), X.reshape(2, 4)) for make, one, _ in WAYS.values()]
