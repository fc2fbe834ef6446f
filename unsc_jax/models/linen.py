"""A Flax linen module as the few pure functions that methods work with."""

from collections.abc import Sequence

from flax import linen as nn
import jax.numpy as jnp

from unsc_jax import problem
from unsc_jax.models import batch_stats


def from_linen(
    module: nn.Module, input_shape: Sequence[int], *, finish_on: int = 20_000
) -> problem.Network:
  """Wraps a module that is called as `module.apply(variables, x, train=...)`.

  All variables travel as one pytree; only `params` are trainable.

  Args:
    module: of linen; rng 'dropout', collection 'batch_stats' where it has them.
    input_shape: of one example.
    finish_on: how many training inputs to estimate BatchNorm statistics from.

  Returns:
    The network.

  Example:
    >>> import jax
    >>> from unsc_jax import models
    >>> network = from_linen(models.MLP(), (8, 8, 1))
    >>> params = network.init(jax.random.key(0))
    >>> network.fn(params, jnp.zeros((5, 8, 8, 1))).shape
    (5, 10)
  """
  def fn(variables, x):
    return jnp.asarray(module.apply(variables, x, train=False))

  def init(key):
    return module.init(key, jnp.zeros((1, *input_shape)), train=False)

  def train_fn(variables, x, key):
    logits, rewritten = module.apply(
        variables, x, train=True, rngs={'dropout': key},
        mutable=['batch_stats'])
    return logits, {name: rewritten.get(name, kept)
                    for name, kept in variables.items()}

  def finish(variables, x):
    return batch_stats.reestimate(module, variables, x[:finish_on])

  return problem.Network(
      fn, init, train_fn, lambda path: path.startswith('params/'), finish)
