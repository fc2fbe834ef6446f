"""Whether what should stay has stayed: the outputs on retained data.

`N` examples, `C` classes.
"""

from collections.abc import Sequence

import chex
import jax
import jax.numpy as jnp


def logit_drift(
    before: chex.Array, after: chex.Array, classes: Sequence[int]
) -> jax.Array:
  r"""How far logits have moved, relative to their size.

  .. math:: \|Z' - Z\|_F \,/\, \|Z\|_F

  over the columns of the retained classes. Zero is perfect preservation; a
  retrained network has no reason to come near it.

  Args:
    before: `[N, C]` logits of the original network on retained data.
    after: `[N, C]` logits of the unlearned one.
    classes: which columns count; a forgotten class's logit should move.

  Returns:
    A scalar.

  Example:
    >>> z = jnp.array([[3., 4., 9.]])
    >>> print(logit_drift(z, z + jnp.array([[0., 1., 5.]]), [0, 1]).round(3))
    0.2
  """
  columns = jnp.asarray(classes)
  z = jnp.asarray(before)[:, columns]
  change = jnp.asarray(after)[:, columns] - z
  return jnp.linalg.norm(change) / jnp.linalg.norm(z)


def flips(before: chex.Array, after: chex.Array) -> jax.Array:
  """The share of examples whose predicted class has changed.

  Args:
    before: `[N, C]` logits of the original network.
    after: `[N, C]` logits of the unlearned one.

  Returns:
    A scalar in [0, 1].

  Example:
    >>> print(flips(jnp.eye(4), jnp.eye(4)[::-1]))
    1.0
  """
  return jnp.mean(jnp.argmax(before, -1) != jnp.argmax(after, -1))
