"""Every metric on arrays that lie on eight devices is that of one device."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax import evaluation

N, C, D, M = 64, 5, 8, 8


def _draw():
  rng = np.random.default_rng(0)
  normal = lambda *shape: rng.normal(0, 2, shape).astype(np.float32)
  labels = (np.arange(N) % C).astype(np.int32)
  fractions = lambda *shape: rng.uniform(.05, .95, shape).astype(np.float32)
  return {
      'logits': normal(N, C), 'others': normal(N, C), 'labels': labels,
      'features': normal(N, D), 'more': normal(N, D),
      'margins': normal(M, N), 'margins_out': normal(M, N),
      'sure': fractions(N), 'sure_out': fractions(M, N),
      'unseen': fractions(N), 'unseen_out': fractions(M, N)}


METRICS = {
    'overall_accuracy': (evaluation.overall_accuracy, 'logits labels'),
    'per_class_accuracy': (evaluation.per_class_accuracy, 'logits labels'),
    'macro_accuracy': (evaluation.macro_accuracy, 'logits labels'),
    'prediction_agreement': (evaluation.prediction_agreement, 'logits others'),
    'js_divergence': (evaluation.js_divergence, 'logits others'),
    'activation_distance': (evaluation.activation_distance, 'logits others'),
    'zero_retrain_forgetting': (evaluation.zero_retrain_forgetting, 'logits others'),
    'linear_cka': (evaluation.linear_cka, 'features more'),
    'dimensional_alignment': (evaluation.dimensional_alignment, 'features more'),
    'kl_of_margins': (evaluation.kl_of_margins, 'margins margins_out'),
    'attack_epsilons': (evaluation.attack_epsilons, 'margins margins_out'),
    'ulira': (evaluation.ulira, 'margins margins_out'),
    'rmia_scores': (evaluation.rmia_scores, 'sure sure_out unseen unseen_out'),
    'auc': (evaluation.auc, 'sure unseen'),
    'threshold_attacks': (evaluation.threshold_attacks, 'logits labels others labels'),
    'logit_drift': (lambda *z: evaluation.logit_drift(*z, [0, 2]), 'logits others'),
    'drift_estimate': (
        lambda *z: evaluation.drift_estimate(*z, [0, 2]), 'logits others'),
    'flips_estimate': (evaluation.flips_estimate, 'logits others'),
}


@pytest.mark.parametrize('name', METRICS)
def test_split_over_eight_devices_is_the_same(name):
  metric, names = METRICS[name]
  drawn = _draw()
  mesh = jax.make_mesh((8,), ('data',), (jax.sharding.AxisType.Auto,))
  def spread(key):
    # Examples are the last axis of what many models say of each.
    axes = (None, 'data') if key in ('margins', 'margins_out', 'sure_out',
                                     'unseen_out') else ('data',)
    return jax.device_put(drawn[key], jax.NamedSharding(mesh, jax.P(*axes)))
  split = [spread(key) for key in names.split()]
  assert all(len(a.sharding.device_set) == 8 for a in split)
  whole = [jnp.asarray(drawn[key]) for key in names.split()]
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
               metric(*split), metric(*whole))
