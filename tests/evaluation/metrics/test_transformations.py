"""Every metric is the same under `jit`, and on arrays that lie on eight devices."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax.evaluation import metrics

N, C, D, M = 64, 5, 8, 8


def _ulira_scores(unlearned, out):
  return metrics.ulira_scores(unlearned[0], unlearned[1:], out)


# By the names of what they are given.
METRICS = {
    'logits labels': [
        metrics.overall_accuracy, metrics.per_class_accuracy, metrics.macro_accuracy,
        lambda z, y: metrics.macro_accuracy(z, y, (0, 2)), metrics.confidence,
        metrics.modified_entropy, metrics.margin],
    'logits others': [
        metrics.prediction_agreement, metrics.js_divergence, metrics.activation_distance,
        metrics.zero_retrain_forgetting, metrics.flips,
        lambda *z: metrics.logit_drift(*z, [0, 2])],
    'logits labels others labels': [metrics.threshold_attacks],
    'features more': [metrics.linear_cka, metrics.dimensional_alignment],
    'margins margins_out': [
        metrics.kl_of_margins, metrics.attack_epsilons, metrics.ulira, _ulira_scores],
    'sure unseen': [metrics.auc, metrics.balanced_accuracy,
                    lambda p, n: metrics.tpr_at_fpr(p, n, .1)],
    'sure sure_out unseen unseen_out': [metrics.rmia_scores],
}
EACH = [(metric, given.split()) for given, some in METRICS.items() for metric in some]
# The order of sums: a rank near another's, and differences of near-equal numbers.
LOOSE = {metrics.rmia_scores: {'atol': .006}, metrics.ulira: {'rtol': 1e-3, 'atol': 1e-3},
         _ulira_scores: {'rtol': 1e-3, 'atol': 1e-3}, metrics.linear_cka: {'rtol': 1e-4},
         metrics.dimensional_alignment: {'rtol': 1e-4}}


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


# Of each way to sum over examples in every run: counts by class, ranks, products of
# features, fits of many models.
DAILY = {metrics.macro_accuracy, metrics.modified_entropy, metrics.js_divergence,
         metrics.auc, metrics.linear_cka, metrics.ulira, metrics.rmia_scores}


@pytest.mark.parametrize(('metric', 'names'), [
    pytest.param(metric, names, marks=() if metric in DAILY else pytest.mark.slow)
    for metric, names in EACH])
def test_under_jit_and_split_over_eight_devices_it_is_the_same(metric, names, drawn):
  given = [drawn[name] for name in names]
  mesh = jax.make_mesh((8,), ('data',), (jax.sharding.AxisType.Auto,))

  def spread(name):
    # Examples are the last axis of what many models say of each.
    many = name.startswith('margins') or name.endswith('_out')
    axes = jax.P(None, 'data') if many else jax.P('data')
    return jax.device_put(drawn[name], jax.NamedSharding(mesh, axes))

  split = [spread(name) for name in names]
  assert all(len(a.sharding.device_set) == 8 for a in split)
  run, wanted = jax.jit(metric), metric(*given)
  chex.assert_trees_all_close(run(*given), wanted, **LOOSE.get(metric, {'rtol': 1e-5}))
  chex.assert_trees_all_close(jax.block_until_ready(run(*split)), run(*given),
                              rtol=1e-4, atol=1e-5)
