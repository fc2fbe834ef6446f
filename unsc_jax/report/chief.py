"""The few measures of the first table: one of each kind, the strongest that there is."""

from collections.abc import Mapping

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import metrics as metrics_lib

# Of what each column is, the first that was judged; those behind it say less.
_ROLES: Mapping[str, tuple[str, ...]] = {
    'forget': ('forget_test', 'forget_train'),
    'retain': ('retain_test', 'retain_train'),
    'behind': ('probe', 'relearn_steps', 'alignment', 'nmi', 'feature_f1'),
    'attack': ('lira_auc', 'rmia_auc', 'mia_confidence', 'mia_modified_entropy',
               'mia_entropy', 'mia_correctness', 'mia_classifier'),
    'drift': ('logit_drift', 'layer_drift'),
}


def measures(comparison: comparison_lib.Comparison) -> dict[str, str]:
  """The measure of each role, by key; without those that no network has."""
  has = {metric.key for metric in comparison.measures}
  judged = {key for method in comparison.judged_methods
            for key in comparison.judged(method)}
  found = {}
  for role, keys in _ROLES.items():
    known = [key for key in keys if key in has]
    if best := [key for key in known if key in judged] or known:
      found[role] = best[0]
  return found


def metrics(comparison: comparison_lib.Comparison) -> list[metrics_lib.Metric]:
  """Those measures, in the order of the table."""
  return [*map(metrics_lib.describe, measures(comparison).values())]
