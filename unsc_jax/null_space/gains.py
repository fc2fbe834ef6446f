"""How much of an update passes, direction by direction: what a soft filter gives.

A basis lets a direction pass whole or not at all. A gain lets each pass by as much
as retained inputs leave it alone, so nothing is kept exactly and nothing is lost.

`B` layers that share a parameter, `d` fan-in, `o` fan-out.
"""

import dataclasses
import functools

import jax
from jax import lax
import jax.numpy as jnp

from unsc_jax import capture
from unsc_jax import paths
from unsc_jax.null_space import bases as bases_lib


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=('matrix',), meta_fields=('site',))
@dataclasses.dataclass(frozen=True)
class Gain:
  """What the updates of one site are multiplied by.

  Attributes:
    site: along which axes of which parameter.
    matrix: `[B, d, d]` symmetric, eigenvalues in [0, 1] but for rounding, see `soft`:
      1 passes, 0 is kept as it is. For a lookup `[B, d]`, its diagonal. NaN if it was
      made under `jax.jit` of what are no moments.
  """
  site: capture.Site
  matrix: jax.Array

  def project(self, update: jax.Array) -> jax.Array:
    """What passes of an update, shaped like the parameter."""
    return bases_lib.folded(self.site, self._passed, update)

  def _passed(self, update: jax.Array) -> jax.Array:
    """What passes of a folded parameter `[B, d, o]`."""
    matrix = self.matrix.astype(update.dtype)
    if self.site.kind == 'lookup':
      return matrix[..., None] * update
    return jnp.einsum('bij,bjo->bio', matrix, update, precision=lax.Precision.HIGHEST)

  @property
  def degrees_of_freedom(self) -> jax.Array:
    """`[B]` how many directions are free in effect: the trace of the matrix."""
    if self.site.kind == 'lookup':
      return self.matrix.sum(-1)
    return jnp.trace(self.matrix, axis1=-2, axis2=-1)


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=('left', 'right', 'passed'),
    meta_fields=('site',))
@dataclasses.dataclass(frozen=True)
class KroneckerGain:
  """A gain for each pair of a direction of inputs and one of outputs.

  Attributes:
    site: of the inputs.
    left: `[B, d, d]` directions of inputs, as columns.
    right: `[B, o, o]` directions of outputs, as columns.
    passed: `[B, d, o]` how much of each pair passes, in [0, 1].
  """
  site: capture.Site
  left: jax.Array
  right: jax.Array
  passed: jax.Array

  def project(self, update: jax.Array) -> jax.Array:
    """What passes of an update, shaped like the parameter."""
    return bases_lib.folded(self.site, self._passed, update)

  def _passed(self, update: jax.Array) -> jax.Array:
    """What passes of a folded parameter `[B, d, o]`."""
    mul = functools.partial(jnp.matmul, precision=lax.Precision.HIGHEST)
    left, right, passed = (
        of.astype(update.dtype) for of in (self.left, self.right, self.passed))
    return mul(left, mul(passed * mul(left.mT, mul(update, right)), right.mT))

  @property
  def degrees_of_freedom(self) -> jax.Array:
    """`[B]` how many directions of inputs are free in effect, on average."""
    return self.passed.mean(-1).sum(-1)


Item = bases_lib.Basis | Gain | KroneckerGain


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Gains(paths.ByPath[Item]):
  """The gains of a network's layers, by parameter path; a pytree of arrays.

  Where a parameter has several uses or sides, an update passes through all of them;
  one may be a basis, which is a gain of ones and zeros.
  """


Confinement = bases_lib.Bases | Gains


def check(bases: Confinement) -> None:
  """Raises TypeError for what an update cannot be confined to.

  Example:
    >>> check(.99)
    Traceback (most recent call last):
    TypeError: updates are confined to bases or gains, and this is a float; ...
  """
  if not isinstance(bases, Confinement):
    raise TypeError(
        f'updates are confined to bases or gains, and this is a {type(bases).__name__}; '
        'make bases of moments by `null_space_bases(moments)`, or call a filter on them, '
        'as in `soft(1e-3)(moments)`.')
