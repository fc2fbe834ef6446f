"""The one entry: controls beside the methods, and refusals before anything runs."""

import dataclasses
import importlib.util

import jax
import jax.numpy as jnp
from matplotlib import figure as figure_lib
import numpy as np
import optax
import pytest

from tests.methods import test_batch_norm as every
from tests.report import examples
import unsc_jax
from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import study
from unsc_jax import training
from unsc_jax.evaluation import measured
from unsc_jax.evaluation import outputs as outputs_lib

CLASSES = 4
RECIPE = training.Recipe(lambda steps: optax.adam(.1), 20, 20)


def _examples(seed: int, each: int) -> problem_lib.Examples:
  y = np.repeat(np.arange(CLASSES), each)
  noise = np.random.default_rng(seed).normal(size=(len(y), CLASSES))
  return problem_lib.Examples((2 * np.eye(CLASSES)[y] + .4 * noise).astype(np.float32), y)


def _init(key):
  a, b = jax.random.split(key)
  return {'a': jax.random.normal(a, (CLASSES, 8)), 'b': jax.random.normal(b, (8, CLASSES))}


NETWORK = problem_lib.Network(lambda params, x: jnp.tanh(x @ params['a']) @ params['b'], _init)
TRAIN, TEST = _examples(0, 20), _examples(1, 10)
LOSING = lambda problem, key: (_ for _ in ()).throw(FloatingPointError('NaN at step 3'))


@pytest.fixture(scope='module')
def problem():
  params = training.train(NETWORK, TRAIN, RECIPE, jax.random.key(0)).params
  return problem_lib.Problem(
      NETWORK, params, *problem_lib.split_classes(TRAIN, [3]), CLASSES, (3,))


METHOD = methods.unsc(null_space.pooled(.6), optax.sgd(.1), steps=20, batch_size=20)


@pytest.fixture(scope='module')
def patched():
  """Measures nothing but the accuracies: which networks are measured by which is told."""
  told = []

  def measure(setup, unlearned, *, outputs=None, references=None):
    told.append(None if references is None else [id(one) for one in references])
    outputs = outputs or setup.outputs(unlearned)
    metrics, _ = measured.plain(outputs_lib.accuracies(outputs))
    history = {name: values.tolist() for name, values in unlearned.history.items()}
    return evaluation.Measured(metrics=metrics, intervals={}, per_class=[None] * CLASSES,
                               seconds={}, history=history)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(evaluation, 'measure', measure)
    patch.setattr(evaluation, 'reference', lambda setup, network: network)
    yield told


@pytest.fixture
def bare(patched):
  patched.clear()
  return patched


@pytest.fixture(scope='module')
def results(problem, patched):
  return unsc_jax.evaluate(
      problem, [METHOD], TEST, name='corners', class_names=['n', 'e', 's', 'w'])


@pytest.mark.slow
def test_all_measures_are_there_beside_retrained_networks(problem, tmp_path):
  results = unsc_jax.evaluate(
      problem, [METHOD], TEST, recipe=RECIPE, references=2, probe_epochs=3)
  assert results.methods == ('original', 'retrain', 'head_only', 'unsc')
  assert len(results.rows_of('retrain')) == 3
  assert results.rows_of('original')[0].metrics['logit_drift'] == 0
  assert results.rows_of('unsc')[0].metrics['layer_drift'] > 0
  for row in results.rows:
    for key in ('agreement', 'rmia_auc', 'relearn_steps', 'cka', 'mia_classifier'):
      assert row.metrics[key] is not None, (row.method, key)
  results.figure('gaps').savefig(tmp_path / 'gaps.pdf')
  assert 'like retrained' in results.page(tmp_path / 'page.html').read_text()


def test_rows_layers_and_pictures_are_there_with_the_controls(results, problem):
  assert results.methods == ('original', 'head_only', 'unsc')
  rows = {row.method: row.metrics for row in results.rows}
  assert rows['head_only']['forget_test'] == 0
  # Against the parameters themselves: what the original says of the class.
  said = NETWORK.fn(problem.params, TEST.x).argmax(-1)
  assert rows['original']['forget_test'] == np.mean(said[TEST.y == 3] == 3)
  assert {layer.path for layer in results.layers} == {'a', 'b'}
  assert results.pictures.confusion['original'][3] == tuple(
      np.bincount(said[TEST.y == 3], minlength=CLASSES))
  assert results.dataset.class_counts.test == (10,) * CLASSES
  assert results.dataset.sizes.forget == len(problem.forget)


def test_the_same_call_gives_the_same_networks_and_pictures_can_be_left_out(results, problem):
  again = unsc_jax.evaluate(problem, {'unsc': METHOD}, TEST, pictures=False)
  assert again.rows == results.rows
  assert not again.pictures.confusion


def test_what_is_saved_is_read_again(results, tmp_path):
  with examples.undrawn():
    page = results.save(tmp_path / 'run')
  assert page.read_text().startswith('<!DOCTYPE html>')
  for path in (tmp_path / 'run', tmp_path / 'run' / 'results.json'):
    assert unsc_jax.Results.load(path) == unsc_jax.Results.load(page.parent)
  assert unsc_jax.Results.load(tmp_path / 'run').rows == results.rows
  (tmp_path / 'other').mkdir()
  (tmp_path / 'other' / 'thesis.tex').write_text('mine')
  with pytest.raises(ValueError, match='holds something else than results'):
    results.save(tmp_path / 'other')
  assert (tmp_path / 'other' / 'thesis.tex').read_text() == 'mine'


@pytest.mark.parametrize(('name', 'of'), [
    ('confusion', None), ('loss', 'unsc'), ('spectrum', 'a')])
def test_a_figure_is_matplotlibs_and_can_be_saved(results, name, of, tmp_path):
  figure = results.figure(name, of)
  assert isinstance(figure, figure_lib.Figure)
  figure.savefig(tmp_path / 'figure.pdf')
  figure.savefig(tmp_path / 'figure.png')
  assert (tmp_path / 'figure.pdf').read_bytes().startswith(b'%PDF')
  assert (tmp_path / 'figure.png').stat().st_size > 5000


@pytest.mark.parametrize(('name', 'of', 'said'), [
    ('gap', None, "no figure is called 'gap': choose one of gaps, called"),
    ('loss', None, "'loss' is of one at a time: add one of original"),
    ('loss', 'salun', "'loss' is not of 'salun'"),
    ('gaps', 'unsc', "'gaps' is of all methods; leave 'unsc' out"),
    ('energy_curve', None, "no data for the figure 'energy_curve'")])
def test_a_figure_that_is_not_there_is_refused(results, name, of, said):
  with pytest.raises(ValueError, match=said):
    results.figure(name, of)


def test_ready_networks_stand_in_for_retraining(problem, bare):
  ready = [_init(jax.random.key(i)) for i in (1, 2)]
  results = unsc_jax.evaluate(
      problem, [methods.head_only()], TEST, retrained=ready, pictures=False)
  assert [(row.method, row.seed) for row in results.rows] == [
      ('original', 0), ('head_only', 0), ('retrain', 0), ('retrain', 1000)]
  for row, params in zip(results.rows[2:], ready, strict=True):
    said = NETWORK.fn(params, TEST.x).argmax(-1)
    np.testing.assert_allclose(row.metrics['retain_test'], np.mean(
        (said == TEST.y)[TEST.y != 3]), rtol=1e-6)
  assert [len(references) for references in bare] == [1, 1, 1, 1]
  original, _, first, second = bare
  assert first != second  # each by the other one


def test_a_recipe_retrains_once_a_seed_and_for_further_references(problem, bare):
  results = unsc_jax.evaluate(
      {0: problem, 7: problem}, [_mine], TEST, recipe=RECIPE, references=1, pictures=False)
  assert [(row.method, row.seed) for row in results.rows_of('retrain')] == [
      ('retrain', 0), ('retrain', 1000), ('retrain', 7), ('retrain', 8000)]
  assert {len(references) for references in bare} == {3}
  assert min(row.metrics['retain_test'] for row in results.rows_of('retrain')) > .8


def test_without_retrained_networks_nothing_is_held_against_any(results, problem, bare):
  unsc_jax.evaluate(problem, [_mine], TEST, pictures=False)
  assert bare == [None, None, None]
  assert 'In brackets' not in results.table()


def test_a_method_that_meets_nan_has_no_row_and_the_others_do(problem, bare):
  with pytest.warns(UserWarning, match='losing has no row for seed 0: NaN at step 3'):
    results = unsc_jax.evaluate(
        problem, {'losing': LOSING, 'esc': methods.esc(.3)}, TEST, pictures=False)
  assert results.methods == ('original', 'head_only', 'esc')
  with (pytest.warns(UserWarning, match='losing has no row'),
        pytest.raises(FloatingPointError, match='every method')):
    unsc_jax.evaluate(problem, {'losing': LOSING}, TEST)


def test_every_method_of_the_library_tells_its_name():
  assert [*study.named([*every.METHODS.values()])] == [*every.METHODS]


def _mine(problem, key):
  return methods.original()(problem, key)


@pytest.mark.parametrize(('given', 'said'), [
    ([], 'there is no method'),
    ([_mine, lambda problem, key: None], 'method 2 does not tell its name; give a mapping'),
    ([_mine, _mine], "method 2 is a second '_mine'")])
def test_methods_without_names_are_refused(given, said, problem):
  with pytest.raises(ValueError, match=said):
    unsc_jax.evaluate(problem, given, TEST)


@pytest.mark.parametrize(('changes', 'said'), [
    ({'references': 2}, 'references=2 are networks to train; give the recipe'),
    ({'shadows': 2, 'recipe': RECIPE}, '2 shadow networks are too few'),
    ({'references': -1}, 'references is -1'),
    ({'probe_epochs': 0}, 'probe_epochs is 0'),
    ({'retrained': [{'a': np.ones((4, 8))}]}, r'retrained\[0\] is no parameters'),
    ({'class_names': ['a', 'b']}, 'class_names has 2 entries for 4 classes'),
    ({'test': TEST.replace(y=TEST.y[:3])}, 'the test set has 3 labels for 40 inputs')])
def test_what_does_not_fit_is_refused_before_anything_runs(changes, said, problem):
  never = lambda problem, key: pytest.fail('something ran')
  with pytest.raises(ValueError, match=said):
    unsc_jax.evaluate(problem, {'never': never}, **{'test': TEST, **changes})


def test_a_recipe_without_fresh_parameters_is_refused(problem):
  old = dataclasses.replace(problem, network=problem_lib.Network(NETWORK.fn))
  with pytest.raises(ValueError, match='give the Network an `init`'):
    unsc_jax.evaluate(old, [_mine], TEST, recipe=RECIPE)


def test_seeds_have_originals_of_their_own_and_one_request(problem, bare):
  other = dataclasses.replace(problem, params=_init(jax.random.key(5)))
  results = unsc_jax.evaluate(
      {0: problem, 4: other}, {'mine': _mine}, TEST, pictures=False)
  assert results.seeds == [0, 4]
  for name in ('original', 'mine'):
    accuracies = [row.metrics['retain_test'] for row in results.rows_of(name)]
    for value, params in zip(accuracies, (problem.params, other.params), strict=True):
      right = (NETWORK.fn(params, TEST.x).argmax(-1) == TEST.y)[TEST.y != 3]
      np.testing.assert_allclose(value, right.mean(), rtol=1e-6)
  smaller = dataclasses.replace(problem, forget=problem.forget.where(slice(5)))
  with pytest.raises(ValueError, match='ask for different things'):
    unsc_jax.evaluate({0: problem, 4: smaller}, {'mine': _mine}, TEST)


def test_without_scikit_learn_one_sentence_says_what_to_install(problem, monkeypatch):
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(ImportError, match=r"pip install 'unsc_jax\[report\]'"):
    unsc_jax.evaluate(problem, [_mine], TEST)
