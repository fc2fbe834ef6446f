"""Cross-entropy against labels, their probabilities, or several that count as one."""

import jax
import jax.numpy as jnp
import optax


def cross_entropies(logits: jax.Array, labels: jax.Array) -> jax.Array:
  """The cross-entropy of every example.

  Args:
    logits: `[N, C]`.
    labels: integers `[N]`, the probabilities of labels `[N, C]`, or booleans
      `[N, C]` where several labels are as good as one: what counts is how probable
      it is that the network says any of them.

  Returns:
    `[N]` float32.

  Raises:
    ValueError: labels are neither, or not one an example.

  Example:
    >>> print(cross_entropies(jnp.zeros((1, 2)), jnp.array([0])).round(3))
    [0.693]
    >>> print(cross_entropies(jnp.zeros((1, 4)), jnp.arange(4)[None] > 1).round(3))
    [0.693]
  """
  logits, labels = logits.astype(jnp.float32), jnp.asarray(labels)
  whole = jnp.issubdtype(labels.dtype, jnp.integer) and labels.ndim == 1
  if labels.shape != (logits.shape[:-1] if whole else logits.shape):
    raise ValueError(
        f'labels {labels.dtype} {[*labels.shape]} do not fit logits {[*logits.shape]}; '
        'give integers, one an example, or a row of probabilities each.')
  if whole:
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels)
  if labels.dtype == bool:
    of_these = jax.nn.logsumexp(logits, -1, where=labels)
    return jax.nn.logsumexp(logits, -1) - of_these
  return optax.softmax_cross_entropy(logits, labels)


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
  """The mean of `cross_entropies`."""
  return cross_entropies(logits, labels).mean()
