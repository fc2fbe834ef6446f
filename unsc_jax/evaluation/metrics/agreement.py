"""How alike two models' outputs are on the same examples.

Retrained models do not agree with each other either: read each figure beside
the same figure between two retrained models. `N` examples, `C` classes,
`p = softmax(logits)`.
"""

import math

import chex
import jax
import jax.numpy as jnp

from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import precision


def _both(a: chex.Array, b: chex.Array):
  a, b = checks.logits(a, 'The first logits'), checks.logits(b, 'The second logits')
  checks.same_shape(a, b, 'The two logits')
  return a, b


@precision.precise
def prediction_agreement(logits: chex.Array,
                         reference: chex.Array) -> estimate_lib.Estimate:
  """The share of examples for which both models predict the same class.

  Good is what two retrained models reach with each other, which is below 1.

  Args:
    logits: [N, C] of the method.
    reference: [N, C] of the retrained model.

  Returns:
    Estimate of scalars, Wilson interval.

  Example:
    >>> a = jnp.array([[2., 1.], [0., 3.]])
    >>> float(prediction_agreement(a, -a).value)
    0.0

  Source: definition; exact.
  """
  a, b = _both(logits, reference)
  same = jnp.argmax(a, axis=1) == jnp.argmax(b, axis=1)
  return estimate_lib.wilson(jnp.sum(same), len(a))


@jax.jit
def _js(a: jax.Array, b: jax.Array) -> jax.Array:
  """Jensen-Shannon divergence of each row, [N] nats."""
  log_p, log_q = jax.nn.log_softmax(a, axis=1), jax.nn.log_softmax(b, axis=1)
  log_m = jnp.logaddexp(log_p, log_q) - math.log(2)
  def kl(log_a):
    some = log_a > -jnp.inf  # masked classes: 0 log 0 is 0
    log_ratio = jnp.where(some, log_a - log_m, 0)
    return jnp.sum(jnp.exp(log_a) * log_ratio, axis=1)
  # Rounding leaves a little noise of either sign around zero.
  return jnp.clip((kl(log_p) + kl(log_q)) / 2, 0, math.log(2))


@precision.precise
def js_divergence(logits: chex.Array,
                  reference: chex.Array) -> estimate_lib.Estimate:
  """Mean Jensen-Shannon divergence of the predictions, in nats.

  JS(p, q) = KL(p ‖ m)/2 + KL(q ‖ m)/2 with m = (p + q)/2, between 0 (the same)
  and ln 2 = .693 (disjoint); divide by ln 2 for bits. Good is what two
  retrained models have between them, not 0. Over-unlearning raises it as
  residual knowledge does.

  Args:
    logits: [N, C] of the method.
    reference: [N, C] of the retrained model.

  Returns:
    Estimate of scalars, normal interval.

  Example:
    >>> a = jnp.array([[50., 0.], [0., 50.]])
    >>> round(float(js_divergence(a, -a).value), 3)
    0.693

  Source: J. Lin, IEEE Trans. Inf. Theory 37, 1991; exact.
  """
  return estimate_lib.normal(_js(*_both(logits, reference)))


@precision.precise
def activation_distance(logits: chex.Array,
                        reference: chex.Array) -> estimate_lib.Estimate:
  """Mean Euclidean distance of the predictions, E‖p - q‖₂ in 0..√2.

  Good is what two retrained models have between them, not 0.

  Args:
    logits: [N, C] of the method.
    reference: [N, C] of the retrained model.

  Returns:
    Estimate of scalars, normal interval.

  Example:
    >>> a = jnp.array([[50., 0.], [0., 50.]])
    >>> round(float(activation_distance(a, -a).value), 3)
    1.414

  Source: Golatkar et al., arXiv 2012.13431; exact.
  """
  a, b = _both(logits, reference)
  difference = jax.nn.softmax(a, axis=1) - jax.nn.softmax(b, axis=1)
  return estimate_lib.normal(jnp.linalg.norm(difference, axis=1))


@precision.precise
def zero_retrain_forgetting(logits: chex.Array,
                            random: chex.Array) -> estimate_lib.Estimate:
  """ZRF = 1 - mean JS(p, p_random)/ln 2 on the forget set, in 0..1.

  How close the unlearned model is to an untrained one. Good is the *retrained
  model's own* ZRF, which is well below 1, since it assigns forget examples to
  similar classes. 1 is over-unlearning: outputs as if nothing were known. (The
  published code averages over classes too, whereby all scores come near 1;
  this is the corrected form: summed over classes, in bits.)

  Args:
    logits: [N, C] of the method, on the forget set.
    random: [N, C] of a randomly initialised network of the same architecture.

  Returns:
    Estimate of scalars, normal interval.

  Example:
    >>> blind = jnp.zeros((4, 3))
    >>> float(zero_retrain_forgetting(blind, blind).value)
    1.0

  Source: Chundawat et al., arXiv 2205.08096, with the normalisation corrected.
  """
  return estimate_lib.normal(1 - _js(*_both(logits, random)) / math.log(2))
