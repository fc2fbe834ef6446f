"""Every metric is the same under `jit`, and on arrays that lie on eight devices."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax.evaluation import metrics

N, C, D, M = 64, 5, 8, 8

METRICS = {
    'overall_accuracy': (metrics.overall_accuracy, 'logits labels'),
    'per_class_accuracy': (metrics.per_class_accuracy, 'logits labels'),
    'macro_accuracy': (metrics.macro_accuracy, 'logits labels'),
    'macro_accuracy of some': (
        lambda z, y: metrics.macro_accuracy(z, y, (0, 2)), 'logits labels'),
    'prediction_agreement': (metrics.prediction_agreement, 'logits others'),
    'js_divergence': (metrics.js_divergence, 'logits others'),
    'activation_distance': (metrics.activation_distance, 'logits others'),
    'zero_retrain_forgetting': (metrics.zero_retrain_forgetting, 'logits others'),
    'linear_cka': (metrics.linear_cka, 'features more'),
    'dimensional_alignment': (metrics.dimensional_alignment, 'features more'),
    'kl_of_margins': (metrics.kl_of_margins, 'margins margins_out'),
    'attack_epsilons': (metrics.attack_epsilons, 'margins margins_out'),
    'ulira': (metrics.ulira, 'margins margins_out'),
    'ulira_scores': (lambda u, o: metrics.ulira_scores(u[0], u[1:], o),
                     'margins margins_out'),
    'rmia_scores': (metrics.rmia_scores, 'sure sure_out unseen unseen_out'),
    'auc': (metrics.auc, 'sure unseen'),
    'balanced_accuracy': (metrics.balanced_accuracy, 'sure unseen'),
    'tpr_at_fpr': (lambda p, n: metrics.tpr_at_fpr(p, n, .1), 'sure unseen'),
    'threshold_attacks': (metrics.threshold_attacks, 'logits labels others labels'),
    'confidence': (metrics.confidence, 'logits labels'),
    'modified_entropy': (metrics.modified_entropy, 'logits labels'),
    'margin': (metrics.margin, 'logits labels'),
    'logit_drift': (lambda *z: metrics.logit_drift(*z, [0, 2]), 'logits others'),
    'flips': (metrics.flips, 'logits others'),
}
# The order of sums: a rank near another's, and differences of near-equal numbers.
LOOSE = {'rmia_scores': {'atol': .006}, 'ulira': {'rtol': 1e-3, 'atol': 1e-3},
         'ulira_scores': {'rtol': 1e-3, 'atol': 1e-3}, 'linear_cka': {'rtol': 1e-4},
         'dimensional_alignment': {'rtol': 1e-4}}


@pytest.fixture(name='drawn', scope='module')
def _drawn():
  rng = np.random.default_rng(0)
  normal = lambda *shape: rng.normal(0, 2, shape).astype(np.float32)
  labels = (np.arange(N) % C).astype(np.int32)
  fractions = lambda *shape: rng.uniform(.05, .95, shape).astype(np.float32)
  return jax.tree.map(jnp.asarray, {
      'logits': normal(N, C), 'others': normal(N, C), 'labels': labels,
      'features': normal(N, D), 'more': normal(N, D),
      'margins': normal(M, N), 'margins_out': normal(M, N),
      'sure': fractions(N), 'sure_out': fractions(M, N),
      'unseen': fractions(N), 'unseen_out': fractions(M, N)})


@pytest.mark.parametrize('name', METRICS)
def test_under_jit_it_is_the_same(name, drawn):
  metric, names = METRICS[name]
  given = [drawn[key] for key in names.split()]
  chex.assert_trees_all_close(
      jax.jit(metric)(*given), metric(*given), **LOOSE.get(name, {'rtol': 1e-5}))


@pytest.mark.parametrize('name', METRICS)
def test_split_over_eight_devices_it_is_the_same(name, drawn):
  metric, names = METRICS[name]
  mesh = jax.make_mesh((8,), ('data',), (jax.sharding.AxisType.Auto,))

  def spread(key):
    # Examples are the last axis of what many models say of each.
    axes = (None, 'data') if key in ('margins', 'margins_out', 'sure_out',
                                     'unseen_out') else ('data',)
    return jax.device_put(drawn[key], jax.NamedSharding(mesh, jax.P(*axes)))

  split = [spread(key) for key in names.split()]
  assert all(len(a.sharding.device_set) == 8 for a in split)
  chex.assert_trees_all_close(
      metric(*split), metric(*(drawn[key] for key in names.split())),
      rtol=1e-4, atol=1e-5)
