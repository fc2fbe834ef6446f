"""What stored moments say of a change, before and without any data.

`B` layers that share a parameter, `d` fan-in, `o` fan-out.
"""

from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from unsc_jax import moments as moments_lib
from unsc_jax import paths


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
  output. It is 0 for all layers only if the network's outputs there stay.
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
      moments name.

  Example:
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> before, after = ({'w': jnp.array([[1.], [w]])} for w in (1., 9.))
    >>> _, M = fn(before, jnp.array([[1., 0.], [2., 0.]]))
    >>> drift(M, before, after)['w'].item()
    0.0

  Source: ours; the identity is exact.
  """
  old, new = paths.leaf_paths(before), paths.leaf_paths(after)
  for path in [*old, *new, *moments.by_path]:
    if path not in old or path not in new or old[path].shape != new[path].shape:
      raise ValueError(
          f'{path} is not in both the parameters before and after, in one shape; '
          'give those that the moments were taken with, and the same, changed.')
  out = {}
  for path, w in old.items():
    w = w.astype(jnp.float32)
    delta = new[path].astype(jnp.float32) - w
    found = moments.by_path.get(path)
    if found:
      moved, total = (jnp.maximum(inner(found, x, x), 0) for x in (delta, w))
    else:
      moved, total = jnp.sum(delta**2), jnp.zeros(())
    out[path] = jnp.sqrt(jnp.where(moved == 0, 0, moved / total))
  return out


def inner(
    uses: tuple[moments_lib.Moment, ...], a: jax.Array, b: jax.Array
) -> jax.Array:
  """The sum of `(x A) (x B)^T` over all inputs of every use of a parameter."""
  return sum((_inner(moment, a, b) for moment in uses), jnp.zeros(()))


def _inner(moment: moments_lib.Moment, a: jax.Array, b: jax.Array) -> jax.Array:
  left, right = (moment.site.fold(w).astype(jnp.float32) for w in (a, b))  # [B, d, o]
  if moment.site.kind == 'lookup':
    return jnp.sum(moment.second[..., None] * left * right)
  product = jnp.einsum('bij,bjo->bio', moment.second, right,
                       precision=lax.Precision.HIGHEST)
  return jnp.sum(product * left)
