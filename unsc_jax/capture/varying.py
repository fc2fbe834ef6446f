"""Totals of one type: that of what will be added to them.

A loop's carry must have one type from the first step on. Inside `jax.shard_map` the
mesh axes over which a value differs are part of it.
"""

from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np


def axes(x: Any) -> frozenset[str]:
  """The manual mesh axes over which an array, or its shape, differs."""
  kind = x if isinstance(x, jax.ShapeDtypeStruct) else jax.typeof(x)
  manual = getattr(kind, 'manual_axis_type', None)
  return manual.varying if manual is not None else frozenset()


def entry(x: jax.Array) -> jax.Array:
  """Any one entry along the first axis, if only for its type."""
  if len(x):
    return lax.index_in_dim(x, 0, keepdims=False)
  return over(jnp.zeros(x.shape[1:], x.dtype), axes(x))


def add(a: jax.Array, b: jax.Array) -> jax.Array:
  """The sum of two arrays, in a type that holds both: of real and complex inputs."""
  dtype = np.promote_types(a.dtype, b.dtype)  # JAX's refuses where promotion is strict
  return a.astype(dtype) + b.astype(dtype)


def over(x: jax.Array, names: frozenset[str]) -> jax.Array:
  """The same array, of a type that may differ over these mesh axes."""
  missing = tuple(sorted(names - axes(x)))
  return lax.pcast(x, missing, to='varying') if missing else x


def zeros(shapes: Any) -> Any:
  """Zeros of given shapes and types, such as `jax.eval_shape` returns."""
  return jax.tree.map(lambda s: over(jnp.zeros(s.shape, s.dtype), axes(s)), shapes)


def zeros_unless(totals: dict, shapes: dict) -> dict:
  """The totals so far, or zeros; of the types that they will have."""
  like = lambda leaf, s: over(leaf.astype(s.dtype), axes(s))
  return {key: jax.tree.map(like, totals[key], shape) if key in totals
          else zeros(shape) for key, shape in shapes.items()}
