"""A soft filter forgets as much as a hard cut at less harm: here and in the study."""

import json
import pathlib

import jax
import numpy as np
import optax
import pytest

from docs import soft_null_space
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import training
from unsc_jax.evaluation.metrics import preservation

RESULTS = pathlib.Path(__file__).parents[2] / 'docs' / 'results'


def _harm(problem, examples, filter):
  """`(drift, probability left)` after forgetting, of unseen images."""
  method = methods.unsc(
      filter=filter, optimizer=optax.sgd(.05, momentum=.9), stop_below=.01)
  params = method(problem, jax.random.key(0)).params
  before, after = (training.predict(problem.fn, p, examples.x)
                   for p in (problem.params, params))
  kept = examples.y != problem.forget_classes[0]
  drift = preservation.logit_drift(before[kept], after[kept], problem.retain_classes).value
  known = jax.nn.softmax(after[~kept])[:, problem.forget_classes[0]]
  return float(drift), float(known.mean())


def _gentler(mine, theirs) -> bool:
  """Less drift, and no more left; a filter is not gentler than itself."""
  return mine[0] < .9 * theirs[0] and mine[1] <= theirs[1] + .005


def test_on_the_digits_a_soft_filter_is_gentler_than_each_cut(problem, digits):
  soft = _harm(problem, digits.test, null_space.soft(1e-3))
  for energy in (.97, .99):
    hard = _harm(problem, digits.test, null_space.hard(energy))
    assert _gentler(soft, hard), (soft, hard)
    assert not _gentler(hard, hard)


def _requested(network):
  results = json.loads((RESULTS / f'soft_null_space-{network}.json').read_text())
  return [study for study in results['studies'] if study['role'] == 'requested']


@pytest.mark.parametrize('curves', [
    ('soft', 'hard'), ('soft + alignment', 'hard + alignment')])
def test_in_the_study_it_dominates_every_cut(curves):
  """For each cut there is a tau that forgets as much, keeps more and moves less."""
  dominates = lambda a, b: (
      a['forget'] <= b['forget'] and a['retain'] > b['retain'] and a['drift'] < b['drift'])
  for study in _requested('fashion_mnist-plain'):
    softs, hards = ([of for curve, _, of in soft_null_space.points(study) if curve == name]
                    for name in curves)
    assert len(softs) > 1
    assert len(hards) > 1
    for hard in hards:
      assert any(dominates(soft, hard) for soft in softs), (study['forget'], hard)
      assert not dominates(hard, hard)


def test_in_the_study_alignment_hides_the_class_from_a_probe_as_retraining_does():
  gaps = []
  for study in _requested('fashion_mnist-plain'):
    probes = {curve: of['probe'] for curve, dial, of in soft_null_space.points(study)
              if dial in ({}, {'tau': 3e-4})}
    gaps.append(probes['soft + alignment'] - probes['retrained'])
    assert probes['soft + alignment'] < probes['original'] - .05
  assert np.mean(gaps) < .03
