"""What is said of cases that were made up to be clear."""

import copy
import re
from typing import NamedTuple

import pytest

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
  found = [f for f in findings if all(word in f.text for word in words)]
  assert len(found) == 1, found
  return found[0]


def _rows(results, method):
  return [row for row in results['rows'] if row['method'] == method]


def _make(results, method, like, **metrics):
  """Gives a method another's measures, and then some of its own."""
  for row, other in zip(_rows(results, method), _rows(results, like), strict=True):
    row['metrics'] = {**copy.deepcopy(other['metrics']), **metrics}


def _without(results, method):
  results['methods'].remove(method)
  results['rows'] = [r for r in results['rows'] if r['method'] != method]


def test_a_retrained_model_passes_for_one(example):
  results = example(3)
  _make(results, 'unsc', 'retrain')
  findings = _said(results)
  assert findings[0].text.startswith(
      'UNSC forgets like a retrained model on 5 of 5 measures. ')
  assert not [f for f in findings if f.tone == 'warning']
  good = _about(findings, 'Linear probe', 'within the noise')
  assert good.tone == 'good'
  assert 'can be told from the head-only control' in good.text


def test_the_original_as_a_method_is_flagged(example):
  results = example(3)
  _make(results, 'unsc', 'original')
  findings = _said(results)
  assert 'on 0 of 5 measures' in findings[0].text
  for name in ('Forget accuracy (test):', 'Forget accuracy (train):',
               'Linear probe:'):
    found = _about(findings, name, 'against')
    assert found.tone == 'warning'
    assert 'knowledge of what was to be forgotten is left' in found.text
    assert '100\u00a0% of the gap that the untouched original has' in found.text


def test_the_original_as_original_is_said_to_be_seen(example):
  found = _about(_said(example(3)), 'untouched original is flagged')
  assert found.tone == 'good'
  assert 'linear probe' in found.text


def test_a_measure_that_does_not_see_the_original_is_named(example):
  """On digits even a retrained model's features give 97 % to a probe."""
  results = example(3)
  for method in results['methods']:
    for seed, row in enumerate(_rows(results, method)):
      row['metrics']['probe'] = .97 + .01 * seed
  findings = _said(results)
  found = _about(findings, 'Linear probe', 'cannot show forgetting')
  assert found.tone == 'warning'
  assert 'linear probe' not in _about(findings, 'original is flagged').text


def test_over_unlearning_is_flagged_and_lower_is_not_better(example):
  results = example(3)
  _make(results, 'unsc', 'retrain', probe=.2)
  findings = _said(results)
  assert 'on 4 of 5 measures' in findings[0].text
  found = _about(findings, 'Linear probe: 20.0')
  assert found.tone == 'warning'
  assert 'over-unlearning' in found.text


def test_a_tie_with_the_control_is_flagged_wherever_it_lies(example):
  """Within the band it says nothing; outside it is no better than a mask."""
  results = example(3)
  _make(results, 'unsc', 'head_only')
  findings = _said(results)
  assert re.fullmatch(
      'UNSC forgets like a retrained model on 4 of 5 measures; the linear probe '
      r'still finds 6\d.\d\u00a0% against 5\d.\d\u00a0%. None of the 5 can tell it '
      'from merely masking a logit.', findings[0].text)
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
  results = example(3)
  _make(results, 'unsc', 'retrain', retain_test=.80, retain_train=.962)
  findings = _said(results)
  assert 'harmed' in _about(findings, 'Retain accuracy (test): 80.0').text
  rather = _about(findings, 'Retain accuracy (train): 96.2').text
  assert 'no less than the original had' in rather
  assert 'harmed' not in rather


@pytest.mark.parametrize('seeds', [1, 2, 3])
def test_few_retrained_models_are_a_limit(example, seeds):
  text = ' '.join(f.text for f in _said(example(seeds)))
  assert ('noise between seeds is unknown' in text) == (seeds < 3)


def test_a_missing_control_is_named(example):
  results = example(3)
  _without(results, 'head_only')
  findings = _said(results)
  assert 'masking' not in findings[0].text
  found = _about(findings, 'head-only control was not run')
  assert found.tone == 'warning'


def test_without_a_retrained_model_there_is_no_verdict(example):
  results = example(3)
  _without(results, 'retrain')
  finding, = _said(results)
  assert 'no verdict without a retrained model' in finding.text


def test_references_alone_are_no_unlearning(example):
  results = example(3)
  _without(results, 'unsc')
  assert _said(results)[0].text.startswith('No unlearning method was run')


def test_a_leak_is_flagged_and_rounding_is_not(example):
  results = example(3)
  assert not [f for f in _said(results) if 'null space' in f.text]
  _rows(results, 'unsc')[2]['metrics']['leak'] = 3e-3
  found = _about(_said(results), 'left the null space')
  assert '3.0e−3' in found.text
  assert found.tone == 'warning'


def test_a_diverged_run_is_flagged(example):
  results = example(3)
  for row in _rows(results, 'unsc'):
    row['metrics'].update(probe=float('nan'), logit_drift=float('inf'))
  findings = _said(results)
  assert 'of 4 measures' in findings[0].text
  assert 'not a number' in _about(findings, 'Linear probe', 'diverged').text
  assert 'unbounded' in _about(findings, 'Logit drift', 'diverged').text


def test_little_drift_is_never_a_merit_by_itself(example):
  found = _about(_said(example(3)), 'moved the logits')
  assert found.tone == 'note'
  assert 'no merit' in found.text
  assert 'retrained model' in found.text


def test_every_method_has_its_headline(example):
  results = example(3)
  results['methods'].append('random_label')
  results['rows'] += [{**row, 'method': 'random_label'}
                      for row in copy.deepcopy(_rows(results, 'unsc'))]
  headlines = [f.text for f in _said(results) if f.tone == 'headline']
  assert [text.split(' forgets')[0] for text in headlines] == [
      'UNSC', 'Random label']


def _ruled(full, key, values, **others):
  """Retrained models with these values, and methods beside them."""
  results = full()
  for method, seeds in {'retrain': values, **others}.items():
    for row, value in zip(_rows(results, method), seeds, strict=True):
      row['metrics'][key] = value
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
  results = _ruled(full, key, [59., 60., 61.], unsc=[value] * 3)
  metric = metrics_lib.describe(key)
  found = [f for f in _said(results)[:_end(results)] if f.text.startswith(
      f'{metric.name}: {metric.show(value)} against')]
  assert len(found) == 1
  assert said in found[0].text
  assert found[0].tone == 'warning'


def _end(results) -> int:
  """Where the verdict on the first method ends."""
  tones = [f.tone for f in _said(results)]
  return tones.index('headline', 1)


def test_nearer_to_a_retrained_model_than_its_like_is_no_gap(full):
  results = _ruled(full, 'agreement', [.93, .94, .95], unsc=[.999] * 3)
  assert not [f for f in _said(results) if f.text.startswith('Agreement: 99.9')]
  results = _ruled(full, 'agreement', [.93, .94, .95], unsc=[.5] * 3)
  assert [f for f in _said(results) if f.text.startswith('Agreement: 50.0')]


def test_the_headline_opens_with_what_matters_most(full):
  results = _ruled(full, 'relearn_steps', [62., 64., 66.])
  for row, unsc in zip(_rows(results, 'retrain'), _rows(results, 'unsc')):
    unsc['metrics'].update(row['metrics'], klom=50., relearn_steps=3.)
  headline = _said(results)[0].text
  assert '; the relearn time is only 3\u00a0steps against 64\u00a0steps.' in headline


def test_two_that_never_came_back_are_said_to_be_that_and_not_alike(full):
  results = _ruled(full, 'relearn_steps', [40.] * 3, unsc=[40.] * 3)
  for row in results['rows']:
    if row['method'] in ('retrain', 'unsc'):
      row['limits'] = {'relearn_steps': 40}
  found = _about(_said(results), 'Relearn time: not reached in 40', 'UNSC')
  assert found.tone == 'note'
  assert 'does not make them alike' in found.text
  text = report.render(results)
  assert '>\u00a040\u00a0steps' in text.replace('&gt;', '>')
  assert 'not reached in 40\u00a0steps by either' in text


def test_a_least_value_is_said_to_be_one(full):
  results = _ruled(full, 'relearn_steps', [9., 10., 11.], unsc=[40.] * 3)
  for row in _rows(results, 'unsc'):
    row['limits'] = {'relearn_steps': 40}
  found = _about(_said(results), 'Relearn time: >\u00a040', 'against 10\u00a0steps')
  assert 'over-unlearning' in found.text
