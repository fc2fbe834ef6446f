"""A measure that does not apply is None and says why; the rest of the row stands.

Round 2: one forgotten sample, or one test image of the class, lost the whole row.
"""

import dataclasses
import json

import jax
import numpy as np
import pytest

from tests import rows
from tests.report import examples
from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax import study
from unsc_jax.evaluation.shadows import ensembles
from unsc_jax.report import comparison
from unsc_jax.report import missing
from unsc_jax.study import pictures

KEY = jax.random.key(0)
CLASSES = 4
# What no network of these problems has: no method here keeps a null space.
NEVER = {'leak', 'layer_drift'}
SINGLE = {'forget_test', 'probe'}  # of whole classes alone
OF_TEST = {'forget_test', 'probe', 'rmia_auc', *(f'mia_{name}' for name in (
    'correctness', 'confidence', 'entropy', 'modified_entropy'))}


def _fn(params, x):
  xp = x.__array_namespace__()
  return np.float32(np.tanh(1)) * xp.tanh(x @ params['a']) @ params['b']


NETWORK = problem_lib.Network(_fn)


def _params(seed):
  rng = np.random.default_rng(seed)
  return {'a': (3 * np.eye(CLASSES, 6) + .1 * rng.normal(size=(CLASSES, 6))).astype(np.float32),
          'b': (3 * np.eye(6, CLASSES) + .1 * rng.normal(size=(6, CLASSES))).astype(np.float32)}


def _examples(counts, seed):
  """So many of each class, around its corner."""
  y = np.repeat(np.arange(CLASSES), counts)
  noise = np.random.default_rng(seed).normal(size=(len(y), CLASSES))
  return problem_lib.Examples(
      (np.eye(CLASSES)[y] + .3 * noise).astype(np.float32), y.astype(np.int32))


def _setup(train=(20,) * CLASSES, test=(10,) * CLASSES, single=None, forgotten=3):
  data = _examples(train, 0)
  if single is None:
    parts = (*problem_lib.split_classes(data, [forgotten]), CLASSES, (forgotten,))
  else:
    mask = np.arange(len(data)) < single
    parts = (data.where(~mask), data.where(mask), CLASSES)
  problem = problem_lib.Problem(NETWORK, _params(0), *parts)
  return evaluation.Setup(problem, _examples(test, 1), KEY, probe_epochs=1)


def _network(params):
  return problem_lib.Unlearned(_fn, params, {}, {})


COLLAPSED = {name: np.zeros_like(leaf) for name, leaf in _params(0).items()}
DIVERGED = {name: np.full_like(leaf, np.nan) for name, leaf in _params(0).items()}
# What is asked for, whose parameters are measured, and what has no value.
CASES = {
    'nothing unusual': ({}, _params(1), set()),
    'one single example': ({'single': 1}, _params(1), SINGLE | {'told_from_retrained'}),
    'two single examples': ({'single': 2}, _params(1), SINGLE),
    'one training image of the class': (
        {'train': (20, 20, 20, 1)}, _params(1), {'told_from_retrained'}),
    'one test image of the class': ({'test': (10, 10, 10, 1)}, _params(1), set()),
    'no test image of the class': ({'test': (14, 13, 13, 0)}, _params(1), OF_TEST),
    'no test image of the others': (
        {'test': (0, 0, 0, 40)}, _params(1), {'retain_test', 'logit_drift', 'flips'}),
    'one other class': ({'train': (0, 0, 20, 20)}, _params(1), set()),
    'one image of each': (
        {'train': (1,) * CLASSES, 'test': (1,) * CLASSES}, _params(1),
        {'told_from_retrained'}),
    'collapsed': ({}, COLLAPSED, {'alignment', 'cka'}),
    'diverged': ({}, DIVERGED, None),
}


# Sizes between these, which differ from them in one reason or none, are in long runs.
DAILY = {'one single example', 'no test image of the class', 'no test image of the others',
         'collapsed', 'diverged'}


@pytest.fixture(scope='module', params=rows.daily(CASES, DAILY))
def case(request):
  asked, params, expected = CASES[request.param]
  setup = _setup(**asked)
  known = [evaluation.reference(setup, _network(_params(seed))) for seed in (2, 3)]
  return setup, evaluation.measure(setup, _network(params), references=known), expected


def test_what_does_not_apply_is_none_with_its_reason(case):
  _, row, expected = case
  without = {name for name, value in row.metrics.items() if value is None}
  assert without == (set(row.metrics) if expected is None else expected | NEVER)
  assert set(row.reasons) == without
  assert all(reason.endswith('.') and '\n' not in reason for reason in row.reasons.values())
  assert not set(row.intervals) & without


def test_the_rest_of_the_row_is_right(case):
  """Accuracies and the attack by confidence, from the logits in float64."""
  setup, row, expected = case
  if expected is None:
    assert row.per_class == [None] * CLASSES
    return
  params = COLLAPSED if 'cka' in expected else _params(1)
  said = lambda part: np.asarray(_fn(params, part.x), np.float64)
  problem, test = setup.problem, setup.test
  alike = np.isin(test.y, problem.forget_classes or range(CLASSES))
  right = lambda part, mask: [np.mean(said(part)[mask & (part.y == c)].argmax(1) == c)
                              for c in np.unique(part.y[mask])]
  every = lambda part: np.ones(len(part), bool)
  want = {'forget_train': np.mean(right(problem.forget, every(problem.forget))),
          'retain_train': np.mean(right(problem.retain, every(problem.retain)))}
  if alike.any():
    chosen = lambda part: (np.exp(said(part)) / np.exp(said(part)).sum(1, keepdims=True))[
        np.arange(len(part)), part.y]
    mine, theirs = chosen(problem.forget)[:, None], chosen(test)[alike]
    want['mia_confidence'] = np.mean((mine > theirs) + .5 * (mine == theirs))
  if problem.forget_classes and alike.any():
    want['forget_test'] = np.mean(right(test, alike))
  for name, value in want.items():
    assert row.metrics[name] == pytest.approx(value, abs=1e-5), name


def test_reasons_reach_the_results_the_table_and_the_page(tmp_path):
  setup = _setup(train=(20, 20, 20, 1), test=(14, 13, 13, 0))
  networks = {'original': _network(setup.problem.params), 'retrain': _network(_params(2)),
              'unsc': _network(_params(1))}
  known = [evaluation.reference(setup, networks['retrain'])]
  rows = tuple(study.row(name, 0, evaluation.measure(
      setup, one, references=() if name == 'retrain' else known))
               for name, one in networks.items())
  example = examples.example_results(1, quick=True)
  results = dataclasses.replace(
      example, rows=rows, methods=tuple(networks), pictures=report.Pictures(),
      dataset=dataclasses.replace(
          example.dataset, num_classes=CLASSES, class_names=tuple('abcd'), class_counts=None),
      forget_classes=(3,))
  report.write(tmp_path / 'results.json', results)
  stored = json.loads((tmp_path / 'results.json').read_text())
  assert stored['rows'][2]['metrics']['probe'] is None
  assert stored['rows'][2]['reasons']['probe'] == 'no example here is of these classes.'
  assert report.read(tmp_path / 'results.json').rows[2].reasons == rows[2].reasons
  table = results.table()
  assert 'linear probe, of original, retrained and UNSC: no example here is of these' in (
      table.lower().replace('unsc', 'UNSC'))
  assert 'U-LiRA' not in table
  assert missing.sentences(comparison.compare(results))
  page = report.render(results)
  assert 'What has no value, and why' in page
  assert 'title="there is no other retrained network to compare with."' in page


def test_a_diverged_network_is_in_no_picture():
  setup = _setup()
  outputs = {name: setup.outputs(_network(params)) for name, params in (
      ('original', setup.problem.params), ('diverged', DIVERGED))}
  drawn = pictures.draw(setup.problem, outputs, None, KEY)
  assert set(drawn.confusion) == {'original'}
  assert pictures.draw(
      setup.problem, {'diverged': outputs['diverged']}, None, KEY) == report.Pictures()


def test_pictures_of_one_image_are_drawn():
  setup = _setup(train=(1,) * CLASSES, test=(1,) * CLASSES)
  drawn = pictures.draw(
      setup.problem, {'original': setup.outputs(_network(_params(1)))}, None, KEY)
  assert sum(map(sum, drawn.confusion['original'])) == CLASSES


def test_what_the_original_does_not_know_cannot_be_relearnt():
  setup = _setup()
  params = _params(0)
  params['b'][3] = 9, 0, 0, -9  # it says 0 of what is of class 3
  setup = dataclasses.replace(
      setup, problem=dataclasses.replace(setup.problem, params=params))
  row = evaluation.measure(setup, _network(_params(1)), references=[
      evaluation.reference(setup, _network(_params(2)))])
  assert row.metrics['relearn_steps'] is None
  assert row.relearning is None
  assert 'nothing can be regained' in row.reasons['relearn_steps']


@pytest.mark.parametrize('count', [1, pytest.param(2, marks=pytest.mark.slow)])
def test_shadows_of_few_examples(count):
  setup = _setup(single=count)
  stack = lambda seeds: jax.tree.map(lambda *leaves: np.stack(leaves), *map(_params, seeds))
  told = ensembles.measure(
      setup.problem, ensembles.Ensembles(stack(range(3)), stack(range(3, 9))),
      methods.original(), KEY)
  assert set(told) == set(ensembles.NAMES)
  broken = stack(range(3, 9))
  broken['a'][0] = np.nan
  told = ensembles.measure(
      setup.problem, ensembles.Ensembles(stack(range(3)), broken), methods.original(), KEY)
  assert all(isinstance(one, evaluation.Missing) for one in told.values())


def test_faults_of_the_caller_are_raised():
  """Only what does not apply is None: a bug in a measure would be seen."""
  setup = _setup()
  outputs = setup.outputs(_network(_params(1)))
  broken = outputs._replace(test_labels=outputs.test_labels + 1)
  with pytest.raises(ValueError, match='labels run from 1 to 4'):
    evaluation.measure(setup, _network(_params(1)), outputs=broken)


def test_a_network_that_was_changed_is_told_in_one_sentence():
  """Features are of the problem's network, which cannot run on what is plugged in."""
  setup = _setup()
  plugged = methods.loft(3, plugged=True, polish_steps=0)(setup.problem, KEY)
  known = setup.outputs(_network(_params(1)))
  for outputs in (None, known):
    with pytest.raises(ValueError, match='a Plugged, which .*`loft` without `plugged`'):
      evaluation.measure(setup, plugged, outputs=outputs)
  masked = methods.head_only()(setup.problem, KEY)  # another function of the same parameters
  assert evaluation.measure(setup, masked).metrics['forget_test'] == 0
