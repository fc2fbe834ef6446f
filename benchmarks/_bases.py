"""Bases of the largest size there is, without any data."""

import jax
import jax.numpy as jnp

import unsc_jax
from unsc_jax import null_space


def half(fn, params, x, key: jax.Array) -> null_space.Bases:
  """For every layer of `fn` a random half of its directions.

  Of the kept and the free directions the fewer are stored, so this is as much as
  a projection can ever cost.
  """
  moments = jax.eval_shape(
      lambda params, x: unsc_jax.input_moments(fn)(params, x)[1], params, x)
  out = {}
  for path, found in moments.by_path.items():
    keys = jax.random.split(key, len(found) + 1)
    out[path] = tuple(map(_half, found, keys[1:]))
    key = keys[0]
  return null_space.Bases(out)


def _half(moment, key: jax.Array) -> null_space.Basis:
  layers, d, _ = moment.second.shape
  columns = jax.random.normal(key, (layers, d, -(-d // 2)))
  return null_space.Basis(
      moment.site, True, jnp.linalg.qr(columns)[0], jnp.ones((layers, d)),
      jnp.full(layers, d // 2))
