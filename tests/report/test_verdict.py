"""What is said of cases that were made up to be clear."""

from dataclasses import replace
import math
import re
from typing import NamedTuple

import pytest

from tests.report import examples
from unsc_jax import report
from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import verdict as verdict_lib

JUDGED = ('forget_test', 'retain_test', 'forget_train', 'retain_train', 'probe')


class Said(NamedTuple):
  tone: str
  text: str


def _said(results) -> list[Said]:
  """Headlines and findings in the order of reading."""
  said = []
  for headline, findings in verdict_lib.verdict(comparison_lib.compare(results)):
    said += [Said('headline', headline)] if headline else []
    said += [Said(*finding) for finding in findings]
  return said


def _about(findings, *words) -> Said:
  about = [finding for finding in findings if all(word in finding.text for word in words)]
  assert len(about) == 1, about
  return about[0]


def test_a_retrained_model_passes_for_one(example):
  findings = _said(examples.mimic(example(3), 'unsc', 'retrain'))
  assert findings[0].text == (
      'UNSC: forgotten. Like retrained on 1 of 1 measure that can tell '
      '(head-only 0, original 0); on 5 of all 5 (head-only 4, original 0).')
  assert not [f for f in findings if f.tone == 'warning']
  good = _about(findings, 'Linear probe', 'within the noise')
  assert good.tone == 'good'
  assert 'can be told from the head-only control' in good.text


def test_the_original_as_a_method_is_flagged(example):
  findings = _said(examples.mimic(example(3), 'unsc', 'original'))
  assert findings[0].text.startswith('UNSC: not forgotten. ')
  assert 'on 0 of all 5' in findings[0].text
  for name in ('Forget accuracy (test):', 'Forget accuracy (train):',
               'Linear probe:'):
    finding = _about(findings, name, 'against')
    assert finding.tone == 'warning'
    assert 'knowledge of what was to be forgotten is left' in finding.text
    assert '100\u00a0% of the gap that the untouched original has' in finding.text


def test_the_original_as_original_is_said_to_be_seen(example):
  finding = _about(_said(example(3)), 'untouched original is flagged')
  assert finding.tone == 'good'
  assert 'linear probe' in finding.text


def test_a_measure_that_does_not_see_the_original_is_named(example):
  """On digits even a retrained model's features give 97 % to a probe."""
  findings = _said(examples.edit(example(3), metrics={'probe': (.97, .98, .99)}))
  assert _about(findings, 'Linear probe', 'cannot show forgetting').tone == 'warning'
  assert 'linear probe' not in _about(findings, 'original is flagged').text


def test_over_unlearning_is_flagged_and_lower_is_not_better(example):
  findings = _said(examples.mimic(example(3), 'unsc', 'retrain', probe=.2))
  assert findings[0].text.startswith('UNSC: unlike retrained. ')
  assert 'on 4 of all 5' in findings[0].text
  finding = _about(findings, 'Linear probe: 20.0')
  assert finding.tone == 'warning'
  assert 'over-unlearning' in finding.text


def test_a_tie_with_the_control_is_flagged_wherever_it_lies(example):
  """Within the band it says nothing; outside it is no better than a mask."""
  findings = _said(examples.mimic(example(3), 'unsc', 'head_only'))
  assert re.fullmatch(
      'UNSC: forgotten at the output only. Like retrained on 0 of 1 measure that can '
      r'tell \(head-only 0, original 0\); on 4 of all 5 \(head-only 4, original 0\); the '
      r'linear probe still finds 6\d.\d\u00a0% against 5\d.\d\u00a0%.', findings[0].text)
  tie = _about(findings, 'UNSC ties with the head-only control')
  assert tie.tone == 'note'
  for name in ('Forget accuracy (test)', 'retain accuracy (test)',
               'forget accuracy (train)', 'retain accuracy (train)'):
    assert name in tie.text
  probe = _about(findings, 'Linear probe:')
  assert probe.tone == 'warning'
  assert 'It ties with the head-only control' in probe.text
  assert not [f for f in findings if 'within the noise of the retrained model, and'
              in f.text]


def test_harm_and_its_absence_are_told_apart(example):
  findings = _said(examples.mimic(
      example(3), 'unsc', 'retrain', retain_test=.80, retain_train=.962))
  assert 'harmed' in _about(findings, 'Retain accuracy (test): 80.0').text
  rather = _about(findings, 'Retain accuracy (train): 96.2').text
  assert 'no less than the original had' in rather
  assert 'harmed' not in rather
  cell = comparison_lib.compare(example(3)).cells['original', 'retain_test']
  hardly = _about(_said(examples.mimic(
      example(3), 'unsc', 'retrain', retain_test=cell.mean - .9 * cell.band)),
                  'Retain accuracy (test): ').text
  assert 'hardly less than the original had' in hardly


@pytest.mark.parametrize('seeds', [1, 2, 3])
def test_few_retrained_models_are_a_limit(example, seeds):
  text = ' '.join(f.text for f in _said(example(seeds)))
  assert ('noise between seeds is unknown' in text) == (seeds < 3)


def test_a_missing_control_is_named(example):
  findings = _said(examples.keep(example(3), 'original', 'retrain', 'unsc'))
  assert 'head-only' not in findings[0].text
  assert _about(findings, 'head-only control was not run').tone == 'warning'


def test_without_a_retrained_model_there_is_no_verdict(example):
  finding, = _said(examples.keep(example(3), 'original', 'head_only', 'unsc'))
  assert 'no verdict without a retrained model' in finding.text


def test_references_alone_are_no_unlearning(example):
  findings = _said(examples.keep(example(3), 'original', 'retrain', 'head_only'))
  assert findings[0].text.startswith('No unlearning method was run')


def test_a_leak_is_flagged_and_rounding_is_not(example):
  results = example(3)
  assert not [f for f in _said(results) if 'null space' in f.text]
  results = examples.edit(results, 'unsc', seed=2, metrics={'leak': 3e-3})
  finding = _about(_said(results), 'left the null space')
  assert '3.0e−3' in finding.text
  assert finding.tone == 'warning'


def test_a_diverged_run_is_flagged(example):
  findings = _said(examples.edit(example(3), 'unsc', metrics={
      'probe': math.nan, 'logit_drift': math.inf}))
  assert 'of all 4' in findings[0].text
  assert 'not a number' in _about(findings, 'Linear probe', 'diverged').text
  assert 'unbounded' in _about(findings, 'Logit drift', 'diverged').text


def test_little_drift_is_never_a_merit_by_itself(example):
  finding = _about(_said(example(3)), 'moved the logits')
  assert finding.tone == 'note'
  assert 'no merit' in finding.text
  assert 'retrained model' in finding.text


def test_every_method_has_its_headline(example):
  results = examples.add(example(3), 'random_label', like='unsc')
  headlines = [f.text for f in _said(results) if f.tone == 'headline']
  assert [text.split(':')[0] for text in headlines] == [
      'UNSC', 'Random label']


def _ruled(results, key, values, **others):
  """Retrained models with these values, one a seed, and methods beside them."""
  for method, value in {'retrain': values, **others}.items():
    results = examples.edit(results, method, metrics={key: value})
  return results


@pytest.mark.parametrize(('key', 'value', 'said'), [
    ('relearn_steps', 10., 'knowledge of what was to be forgotten is left'),
    ('relearn_steps', 90., 'over-unlearning'),
    ('alignment', 40., 'knowledge of what was to be forgotten is left'),
    ('alignment', 90., 'over-unlearning'),
    ('lira_auc', 90., 'knowledge of what was to be forgotten is left'),
    ('lira_auc', 10., 'over-unlearning'),
    ('klom', 90., 'farther from a retrained model than another seed takes one')])
def test_each_side_of_the_band_has_its_meaning(full, key, value, said):
  """Few steps and little alignment are knowledge left; a high AUC is."""
  results = _ruled(full(), key, (59., 60., 61.), unsc=value)
  metric = metrics_lib.describe(key)
  of_first, *_ = verdict_lib.verdict(comparison_lib.compare(results))
  finding = _about(of_first.findings, f'{metric.name}: {metric.show(value)} against')
  assert said in finding.text
  assert finding.tone == 'warning'


def test_nearer_to_a_retrained_model_than_its_like_is_no_gap(full):
  findings = _said(_ruled(full(), 'agreement', (.93, .94, .95), unsc=.999, salun=.5))
  assert not [f for f in findings if f.text.startswith('Agreement: 99.9')]
  assert [f for f in findings if f.text.startswith('Agreement: 50.0')]


def test_the_headline_opens_with_what_matters_most(full):
  results = _ruled(full(), 'relearn_steps', (62., 64., 66.))
  for row in results.rows_of('retrain'):
    results = examples.edit(results, 'unsc', row.seed, {
        **row.metrics, 'klom': 50., 'relearn_steps': 3.})
  headline = _said(results)[0].text
  assert '; the relearn time is only 3\u00a0steps against 64\u00a0steps.' in headline


def test_two_that_never_came_back_are_said_to_be_that_and_not_alike(full, undrawn):
  results = _ruled(full(), 'relearn_steps', 40., unsc=40.)
  for method in ('retrain', 'unsc'):
    results = examples.edit(results, method, limits={'relearn_steps': 40})
  finding = _about(_said(results), 'Relearn time: not reached in 40', 'UNSC')
  assert finding.tone == 'note'
  assert 'does not make them alike' in finding.text
  text = report.render(replace(  # the tables alone
      examples.edit(results, history={}, relearning=None), layers=(), curve=(),
      pictures=report.Pictures()))
  assert '>\u00a040\u00a0steps' in text.replace('&gt;', '>')
  assert 'not reached in 40\u00a0steps by either' in text


def test_a_least_value_is_said_to_be_one(full):
  results = examples.edit(_ruled(full(), 'relearn_steps', (9., 10., 11.), unsc=40.),
                          'unsc', limits={'relearn_steps': 40})
  finding = _about(_said(results), 'Relearn time: >\u00a040', 'against 10\u00a0steps')
  assert 'over-unlearning' in finding.text
