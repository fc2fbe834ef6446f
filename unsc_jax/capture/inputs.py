"""The inputs of one layer, as features: what a probe of the network reads.

The features that matter most are the inputs of the head. They come from the
same trace that moments come from, so no network has to be taken apart.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

import jax

from unsc_jax.capture import layers
from unsc_jax.capture import trace
from unsc_jax.capture.sites import sites


@dataclasses.dataclass(frozen=True)
class layer_inputs:
  """Makes a function return the inputs of a dense layer instead of the output.

  Args:
    fn: any JAX function `fn(params, x)`.
    path: of the layer's parameter, such as `'params/fc2/kernel'`.

  Returns:
    A pure function `(params, x) -> [n, d]`; for a network that handles one vector
    per example, `n` is the number of examples.

  Raises:
    ValueError: when called: `path` is no dense layer that runs exactly once,
      outside of loops.

  Example:
    >>> import jax.numpy as jnp
    >>> fn = lambda params, x: jnp.tanh(x @ params['a']) @ params['b']
    >>> params = {'a': jnp.ones((3, 4)), 'b': jnp.ones((4, 2))}
    >>> layer_inputs(fn, 'b')(params, jnp.zeros((5, 3))).shape
    (5, 4)
  """
  fn: Callable
  path: str

  def __call__(self, params: Any, x: jax.Array) -> jax.Array:
    seen: list[jax.Array] = []

    def visit(site, inputs):
      if site.path == self.path and isinstance(inputs, layers.Dense):
        seen.append(inputs.x)
      return ()

    trace.trace(self.fn, visit, params, x)
    if len(seen) != 1 or len(seen[0]) != 1:
      raise ValueError(
          f'{self.path!r} is not a dense layer that runs exactly once; the layers are '
          'those that `unsc_jax.sites` lists with one use, outside of loops.')
    return seen[0][0]


def head_path(fn: Callable, params: Any, x: Any) -> str:
  """The path of the last dense layer that runs: a classifier's head.

  Args:
    fn: any JAX function `fn(params, x)`.
    params: pytree of arrays, or of their shapes.
    x: inputs, or their shape.

  Raises:
    ValueError: there is no dense layer.

  Example:
    >>> import jax.numpy as jnp
    >>> fn = lambda params, x: jnp.tanh(x @ params['a']) @ params['b']
    >>> params = {'a': jnp.ones((3, 4)), 'b': jnp.ones((4, 2))}
    >>> head_path(fn, params, jnp.zeros((5, 3)))
    'b'
  """
  dense = [site.path for site in sites(fn, params, x).uses
           if site.kind == 'dense']
  if not dense:
    raise ValueError(
        'the network has no dense layer to call its head; name the layer whose '
        'inputs are its features.')
  return dense[-1]
