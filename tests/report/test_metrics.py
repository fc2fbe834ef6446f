"""The measures: all there, all explained, and printed to be read."""

import re

import pytest

from unsc_jax.report import metrics
from unsc_jax.report import numerals

# What an experiment may write into `rows[].metrics`.
CONTRACT = (
    'forget_test', 'retain_test', 'forget_train', 'retain_train', 'tow',
    'average_gap', 'tow_mia', 'agreement', 'js_divergence', 'js_forget', 'mia_confidence',
    'mia_correctness', 'mia_entropy', 'mia_modified_entropy', 'mia_classifier',
    'told_from_retrained', 'rmia_auc', 'lira_auc', 'klom', 'forgetting_score',
    'probe', 'nmi', 'feature_f1', 'alignment', 'cka', 'relearn_steps',
    'logit_drift', 'flips', 'leak', 'layer_drift')


def test_every_measure_has_a_description_and_none_has_two():
  keys = [metric.key for group in metrics.GROUPS for metric in group.metrics]
  assert sorted(keys) == sorted(CONTRACT)
  names = [metric.name for metric in metrics.BY_KEY.values()]
  assert len(set(names)) == len(names)


@pytest.mark.parametrize('key', CONTRACT)
def test_a_description_says_what_is_good_and_what_is_too_much(key):
  metric = metrics.describe(key)
  for text in (metric.what, metric.good, metric.over):
    assert text[-1] in '.?'
    assert len(text) > 10
  assert len(metric.what) > 60
  assert metric.what != metric.good


@pytest.mark.parametrize('key', CONTRACT)
def test_what_is_judged_has_a_gap_with_a_sign_and_what_is_not_has_none(key):
  metric = metrics.describe(key)
  judged = metric.kind in ('forget', 'retain', 'likeness')
  assert bool(metric.show_gap) == judged
  assert (metric.ideal is not None) == (metric.kind == 'likeness')
  if metric.show_gap:
    assert metric.show_gap(.25).startswith('+')
    assert metric.show_gap(-.25).startswith('−')
  assert re.search(r'\d', metric.show(.25))
  assert metric.show(float('nan')) == 'not a number'
  assert metric.show(float('inf')) == 'unbounded'


def test_lower_is_never_called_better():
  for metric in metrics.BY_KEY.values():
    assert not re.search(r'lower is better|the lower the better|higher is better',
                         f'{metric.what} {metric.good}', re.IGNORECASE)


def test_the_bound_of_a_leak_is_told():
  assert numerals.scientific(metrics.LEAK_BOUND) in metrics.describe('leak').good


def test_an_unknown_measure_is_shown_and_not_judged():
  metric = metrics.describe('my_own_score')
  assert (metric.name, metric.kind, metric.show_gap) == ('My own score', 'kept', None)
