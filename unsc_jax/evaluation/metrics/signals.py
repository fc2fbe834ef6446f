"""What a model's logits say about one example: the raw material of attacks.

Every signal is a function `(logits [N, C], labels [N]) -> [N]` (or [N, k]), so
that an attack takes any of them as its feature. -inf logits (masked classes)
are allowed; logarithms are floored so that every signal is finite.
`p = softmax(logits)`, `y` the label.
"""

from collections.abc import Callable
import functools

import chex
import jax
import jax.numpy as jnp

from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import precision

LIMIT = 100.  # nats; beyond it softmax probabilities are below 1e-43
_LOG_FLOOR = -69.07755  # log(1e-30), the floor in Song & Mittal's code


Signal = Callable[[chex.Array, chex.Array], jax.Array]


def _checked(signal: Callable[[jax.Array, jax.Array], jax.Array]) -> Signal:
  """The signal, jitted, of logits and labels that fit each other."""
  jitted = jax.jit(signal)

  @functools.wraps(signal)
  def checked(logits, labels):
    logits = checks.logits(logits)
    return jitted(logits, checks.labels(labels, logits))
  return precision.precise(checked)


def _at(values: jax.Array, labels: jax.Array) -> jax.Array:
  return jnp.take_along_axis(values, labels[:, None], axis=1)[:, 0]


@precision.precise
def probabilities(logits: chex.Array,
                  labels: chex.Array | None = None) -> jax.Array:
  """Softmax probabilities p [N, C]; the labels are not used."""
  del labels
  return jax.nn.softmax(checks.logits(logits), axis=1)


@_checked
def correctness(logits: jax.Array, labels: jax.Array) -> jax.Array:
  """1 where argmax p is the label, else 0; [N]. High for members."""
  return (jnp.argmax(logits, axis=1) == labels).astype(logits.dtype)


@_checked
def confidence(logits: jax.Array, labels: jax.Array) -> jax.Array:
  """The true class's probability p_y, [N]. High for members.

  Example:
    >>> [round(float(p), 3) for p in confidence([[0., 0.]], jnp.array([1]))]
    [0.5]
  """
  return _at(jax.nn.softmax(logits, axis=1), labels)


@_checked
def loss(logits: jax.Array, labels: jax.Array) -> jax.Array:
  """Cross-entropy -log p_y in nats, at most 100, [N]. Low for members."""
  return jnp.minimum(-_at(jax.nn.log_softmax(logits, axis=1), labels), LIMIT)


@checks.jitted(logits=checks.logits)
def entropy(logits: jax.Array,
            labels: jax.Array | None = None) -> jax.Array:
  """-Σ p log p in nats, [N]; blind to the label. Low for members."""
  del labels
  log_p = jax.nn.log_softmax(logits, axis=1)
  p = jnp.exp(log_p)
  return -jnp.sum(jnp.where(p > 0, p * log_p, 0), axis=1)


@_checked
def modified_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
  """Song & Mittal's modified entropy in nats, [N]. Low for members.

  -(1 - p_y) log p_y - Σ_{i≠y} p_i log(1 - p_i): 0 when the model is sure and
  right, large when it is sure and wrong. (The widely copied version in SVC
  attacks takes log p for log(1 - p) and writes into whole columns; this is
  the correct one.)

  Args:
    logits: [N, C].
    labels: [N].

  Returns:
    [N], with logarithms floored at log 1e-30.

  Example:
    >>> sure = jnp.array([[9., 0.], [9., 0.]])
    >>> right, wrong = modified_entropy(sure, jnp.array([0, 1]))
    >>> bool(right < 1e-6), bool(wrong > 15)
    (True, True)

  Source: Song & Mittal, arXiv 2003.10595, eq. 9; exact.
  """
  log_p = jax.nn.log_softmax(logits, axis=1)
  p = jnp.exp(log_p)
  # 1 - p cancels only for p > 1/2, which the top class alone can have: there
  # the others' probabilities are summed instead.
  top = jax.nn.one_hot(jnp.argmax(logits, axis=1), logits.shape[1],
                       dtype=bool)
  others = jax.nn.logsumexp(jnp.where(top, -jnp.inf, log_p), axis=1,
                            keepdims=True)
  log_rest = jnp.where(top, others, jnp.log1p(-jnp.where(top, 0, p)))
  log_rest = jnp.maximum(log_rest, _LOG_FLOOR)
  log_p_y = jnp.maximum(_at(log_p, labels), _LOG_FLOOR)
  wrong = p * log_rest
  return (-jnp.exp(_at(log_rest, labels)) * log_p_y
          - jnp.sum(wrong, axis=1) + _at(wrong, labels))


@_checked
def margin(logits: jax.Array, labels: jax.Array) -> jax.Array:
  """The logit-scaled confidence log p_y/(1 - p_y), [N]. High for members.

  z_y - logsumexp_{i≠y} z_i, clipped to ±100: nearly normal over models, which
  is why LiRA, KLoM and the NeurIPS'23 score all use it.

  Args:
    logits: [N, C].
    labels: [N].

  Returns:
    [N].

  Example:
    >>> margin([[3., 1.]], jnp.array([0])).tolist()
    [2.0]

  Source: Carlini et al., arXiv 2112.03570, section VI; exact.
  """
  mine = jax.nn.one_hot(labels, logits.shape[1], dtype=bool)
  rest = jax.nn.logsumexp(jnp.where(mine, -jnp.inf, logits), axis=1)
  return jnp.clip(_at(logits, labels) - rest, -LIMIT, LIMIT)
