"""What stored moments say of a change, before and without any data.

`B` layers that share a parameter, `d` fan-in, `o` fan-out.
"""

from collections.abc import Sequence
from typing import Any

import jax
from jax import core
from jax import lax
import jax.numpy as jnp
import numpy as np

from unsc_jax import capture
from unsc_jax import moments as moments_lib
from unsc_jax import paths
from unsc_jax import sharding
from unsc_jax.null_space import bases as bases_lib
from unsc_jax.null_space import precision


def drift(
    moments: moments_lib.Moments, before: Any, after: Any
) -> dict[str, jax.Array]:
  r"""How far a change of the weights moves each layer's own outputs.

  .. math::
    \sqrt{\frac{E \|x\, \Delta W\|^2}{E \|x\, W\|^2}}
    = \sqrt{\frac{\mathrm{tr}(\Delta W^\top M\, \Delta W)}
                 {\mathrm{tr}(W^\top M\, W)}}

  This is exact for the data that the moments were taken of, layer by layer,
  with each layer's original inputs: a measurement, not a bound on the network's
  output. It is 0 for all layers only if the network's outputs there stay. Layers that
  share a parameter, stacked ones or groups, are taken together.
  Float32 moments resolve it to about 3e-4 of the change of the weights.

  Args:
    moments: of the inputs to be retained.
    before: pytree of the original parameters.
    after: the same, changed.

  Returns:
    Parameter path to the relative change of its layer's output. A parameter
    without moments that moved is given as infinite: nothing is known of it. So
    is a layer that was silent and is not any more.

  Raises:
    ValueError: the two do not have the same parameters, or lack one that the
      moments name; or the moments are none, as after subtracting what was never in
      them, or of inputs whose squares float32 cannot hold. Under `jax.jit` that is NaN.

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> before, after = ({'w': jnp.array([[1.], [w]])} for w in (1., 9.))
    >>> _, M = fn(before, jnp.array([[1., 0.], [2., 0.]]))
    >>> drift(M, before, after)['w'].item()
    0.0

  Source: ours; the identity is exact.
  """
  if not isinstance(moments, moments_lib.Moments) or moments.by_path:
    bases_lib.check(moments)
  old, new = paths.leaf_paths(before), paths.leaf_paths(after)
  for path in (*paths.apart(before, after), *(p for p in moments.by_path if p not in old)):
    raise ValueError(
        f'{path} is not in both the parameters before and after, in one shape; '
        'give those that the moments were taken with, and the same, changed.')
  out = {path: _relative(moments.by_path[path], w, new[path])
         if path in moments.by_path else _unknown(w, new[path])
         for path, w in old.items()}
  for path in moments.by_path:
    _check(path, out[path], old[path], new[path])
  return out


def _check(path: str, value: jax.Array, *weights: jax.Array) -> None:
  """Raises if it is the moments' fault that a value is no number."""
  if not isinstance(value, core.Tracer) and np.isnan(value) and all(
      jnp.isfinite(w).all() for w in weights):
    raise ValueError(
        f'the moments of {path} give its outputs a negative energy or NaN, so they are '
        'no moments; subtract only those of data that are among the others.')


@jax.jit
def _relative(uses: Sequence[moments_lib.Moment], before: jax.Array,
              after: jax.Array) -> jax.Array:
  """By how much a layer's outputs change, as a share of what they were."""
  dtype = jnp.float64 if before.dtype == jnp.float64 else jnp.float32
  w = before.astype(dtype)
  scale = _size(jnp.stack([_size(moment.second) for moment in uses])).astype(dtype)

  def energy(w):  # of weights of about 1, lest squares leave the range of float32
    return sum(_energy(moment, w, scale) for moment in uses)

  delta = after.astype(dtype) - w
  far, size = _size(delta), _size(w)
  moved, total = energy(delta / far), energy(w / size)
  return jnp.where(moved == 0, 0, jnp.sqrt(moved / total) * (far / size))


def _energy(moment: moments_lib.Moment, w: jax.Array, scale: jax.Array) -> jax.Array:
  """The sum of `|x W|^2` over all inputs, in units of `scale`; NaN if it cannot be."""
  second, gross = (x.astype(w.dtype) / scale for x in (moment.second, moment.gross))
  folded = moment.site.fold(w)
  energy = jnp.sum(inner(moment.site, second, folded, folded))
  rounding = precision.IMPOSSIBLE * jnp.sum(gross.sum(-1) * jnp.sum(folded**2, (1, 2)))
  return jnp.where(energy < -rounding, jnp.nan, jnp.maximum(energy, 0))


def inner(site: capture.Site, second: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
  """The sum of `(x A) (x B)^T` over all inputs of every layer, `[B]`, of folded weights."""
  if site.kind == 'lookup':
    return jnp.sum(second[..., None] * a * b, (1, 2))
  product = jnp.einsum('bij,bjo->bio', second, b, precision=lax.Precision.HIGHEST)
  return jnp.sum(product * a, (1, 2))


def _size(x: jax.Array) -> jax.Array:
  """The largest absolute entry, or one if all are zero."""
  return or_one(jnp.abs(x).max())


def or_one(size: jax.Array) -> jax.Array:
  """What to divide by in the place of sizes, some of which are zero."""
  return jnp.where(size == 0, jnp.ones_like(size), size)


@jax.jit
def _unknown(a: jax.Array, b: jax.Array) -> jax.Array:
  """Infinite if two arrays of any type, random keys among them, are not the same."""
  if sharding.is_key(a):
    a, b = jax.random.key_data(a), jax.random.key_data(b)
  with jax.numpy_dtype_promotion('standard'):  # of any type, also where JAX is strict
    return jnp.where(jnp.any(a != b), jnp.inf, 0.)
