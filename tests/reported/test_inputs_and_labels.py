"""Labels, inputs and outputs are compared once, where a problem is put together."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests import rows
from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import training

KEY = jax.random.key(0)
N, C = 12, 3
PLAIN = np.arange(N) % C
X = np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32)
PARAMS = {'w': jnp.asarray(np.random.default_rng(1).normal(size=(4, C)), jnp.float32)}
NETWORK = problem_lib.Network(lambda params, x: x @ params['w'])
SOFT = np.full((N, C), .1) + .7 * np.eye(C)[PLAIN]


def _asked(y, x=X, network=NETWORK, num_classes=C):
  """Every other example is to be forgotten."""
  retain, forget = (problem_lib.Examples(
      jax.tree.map(lambda leaf, at=at: leaf[at::2], x), y[at::2]) for at in (0, 1))
  return problem_lib.Problem(network, PARAMS, retain, forget, num_classes)


@pytest.mark.parametrize('y', [
    PLAIN[:, None], PLAIN.tolist(), PLAIN.astype(float), PLAIN.astype(np.uint8),
    jnp.asarray(PLAIN), np.eye(C, dtype=int)[PLAIN], np.eye(C, dtype=bool)[PLAIN],
    np.eye(C)[PLAIN], np.eye(C)[PLAIN].tolist()],
    ids=['column', 'list', 'floats', 'bytes', 'jax', 'one-hot', 'booleans',
         'probabilities of 1', 'nested list'])
def test_what_can_only_mean_integers_is_taken_as_such(y):
  found = _asked(y)
  np.testing.assert_array_equal(found.retain.y, PLAIN[::2])
  np.testing.assert_array_equal(found.forget.y, PLAIN[1::2])
  assert np.issubdtype(found.retain.y.dtype, np.integer)


def test_a_column_of_labels_trains_as_the_labels_do():
  """It took fine-tuning from 1.00 to .28 on what it was trained on."""
  method = methods.fine_tune(optax.sgd(.1), steps=5, batch_size=6)
  column, plain = (method(_asked(y), KEY).params['w'] for y in (PLAIN[:, None], PLAIN))
  np.testing.assert_array_equal(column, plain)


def test_probabilities_train_as_their_cross_entropy_says():
  """One step of SGD: the gradient of the cross-entropy is X^T (p - y) / N."""
  asked = _asked(SOFT)
  method = methods.fine_tune(optax.sgd(.5), steps=1, batch_size=N // 2)
  w, x = (np.asarray(a, float) for a in (PARAMS['w'], asked.retain.x))
  p = np.exp(x @ w) / np.exp(x @ w).sum(-1, keepdims=True)
  expected = w - .5 * x.T @ (p - SOFT[::2]) / len(x)
  np.testing.assert_allclose(method(asked, KEY).params['w'], expected, atol=1e-6)
  assert asked.retain_classes == (0, 1, 2)


SMOOTHED = {
    'unsc': methods.unsc(null_space.pooled(.5), steps=10, stop_below=-1.),
    'random_label': methods.random_label(steps=3), 'pgu': methods.pgu(share=.5, steps=3),
    'influence': methods.influence(), 'ssd': methods.ssd(),
    'boundary_shrink': methods.boundary_shrink(steps=3), 'delete': methods.delete(steps=3),
    'scrub': methods.scrub(rounds=2), 'salun': methods.salun(rounds=1)}


@pytest.mark.parametrize('name', rows.daily(
    SMOOTHED, {'unsc', 'influence', 'boundary_shrink'}))
def test_methods_take_probabilities(name):
  x = np.concatenate([X, X + 1])
  retain, forget = problem_lib.split_classes(
      problem_lib.Examples(x, np.concatenate([SOFT, SOFT])), [2])
  np.testing.assert_array_equal(forget.labels, 2)
  asked = problem_lib.Problem(NETWORK, PARAMS, retain, forget, C, (2,), held_out=retain)
  done = SMOOTHED[name](asked, KEY)
  assert np.isfinite(done.params['w']).all()


REFUSED = {
    'multi-hot': (np.eye(C, dtype=int)[PLAIN] + np.eye(C, dtype=int)[0],
                  'row 0 sums to 2; give each example one class'),
    'strings': (np.array(['cat', 'dog', 'cow'])[PLAIN], 'numbers the names of classes'),
    'objects': (np.array([None] * N), 'of type object, not numbers'),
    'fractions': (PLAIN + .5, 'are numbers such as 0.5, which name no class'),
    'NaN': (np.full(N, np.nan), 'are numbers such as nan, which name no class'),
    'too large': (PLAIN + 1, 'has labels outside 0 to 2; give the number of classes'),
    'negative': (PLAIN - 1, 'has labels outside 0 to 2; give the number of classes'),
    'too wide': (np.eye(C + 1)[PLAIN], r'shape \[6, 4\]; give integers'),
    'pixels': (np.zeros((N, 2, 2)), r'shape \[6, 2, 2\]; give integers'),
    'below zero': (SOFT - .2, 'are rows that are no probabilities'),
    'one more': (np.append(PLAIN, [0, 1, 2, 0]), 'has 8 labels for 6 inputs'),
    'one less': (PLAIN[:-2], 'has 5 labels for 6 inputs')}


@pytest.mark.filterwarnings('ignore:invalid value')
@pytest.mark.parametrize('name', REFUSED)
def test_what_else_labels_are_is_said(name):
  y, message = REFUSED[name]
  with pytest.raises(ValueError, match=message):
    _asked(y)


NETWORKS = {
    'one logit': (lambda p, x: x @ p['w'][:, :1], C, r'let fn give the logits \[0, z\]'),
    'one number': (lambda p, x: x @ p['w'][:, 0], 2, r'let fn give the logits \[0, z\]'),
    'too few': (lambda p, x: x @ p['w'][:, :2], C, 'num_classes is 3'),
    'too many classes': (NETWORK.fn, 5, r'num_classes is 5; fn should give logits'),
    'a position each': (lambda p, x: (x @ p['w'])[:, None], C, 'one row an example'),
    'a mean': (lambda p, x: (x @ p['w']).mean(0), C, 'one row an example'),
    'classes': (lambda p, x: (x @ p['w']).argmax(-1), C, 'gives int32'),
    'also a state': (lambda p, x: (x @ p['w'], {}), C, 'gives a tuple'),
    'other inputs': (lambda p, x: x[:, :3] @ p['w'], C, 'cannot be run on inputs'),
    'three arguments': (lambda p, x, key: x @ p['w'], C, r'fn takes \(params, x\)')}


@pytest.mark.parametrize('name', NETWORKS)
def test_what_a_network_gives_is_compared(name):
  fn, num_classes, message = NETWORKS[name]
  with pytest.raises(ValueError, match=message):
    _asked(PLAIN % 2, network=problem_lib.Network(fn), num_classes=num_classes)


def test_a_network_is_traced_once_and_never_run():
  traced = []

  def fn(params, x):
    traced.append(x)
    return x @ params['w']
  network = problem_lib.Network(fn)
  for _ in range(3):
    _asked(PLAIN, network=network)
  assert len(traced) == 1
  assert isinstance(traced[0], jax.core.Tracer)


def test_what_a_measure_and_training_are_given_is_compared_as_well():
  asked = _asked(PLAIN)
  with pytest.raises(ValueError, match='the test set has labels outside 0 to 2'):
    evaluation.Setup(asked, problem_lib.Examples(X, PLAIN + 1), KEY)
  setup = evaluation.Setup(asked, problem_lib.Examples(X, PLAIN[:, None]), KEY)
  np.testing.assert_array_equal(setup.test.y, PLAIN)
  column = problem_lib.Examples(X, PLAIN[:, None])
  plain = problem_lib.Examples(X, PLAIN)
  for score in (
      lambda e: evaluation.linear_probe(e, e, C, KEY, epochs=1).value,
      lambda e: evaluation.relearn_time(NETWORK.fn, PARAMS, e, e, 1., KEY, cap=2).accuracy):
    np.testing.assert_array_equal(score(column), score(plain))
  logits = jnp.zeros((N, C))
  for labels in (PLAIN[:, None], PLAIN[:-1], PLAIN.astype(float), np.eye(C + 1)[PLAIN]):
    with pytest.raises(ValueError, match='do not fit logits'):
      training.cross_entropy(logits, labels)


# Inputs of any structure: a network of two inputs is that of both side by side.

PAIRS = problem_lib.Network(
    lambda params, x: jnp.concatenate([x['left'], x['right'][0]], 1) @ params['w'])
ALIKE = {
    'unsc': methods.unsc(null_space.pooled(.6), optax.sgd(.1), steps=3, stop_below=-1.),
    'null_space_alignment': methods.null_space_alignment(
        null_space.pooled(.6), optax.sgd(.1), steps=3),
    'boundary_shrink': methods.boundary_shrink(bound=1., steps=3),
    'fisher_forgetting': methods.fisher_forgetting(1e-3),
    'influence': methods.influence(), 'influence_published': methods.influence(published=True),
    'ssd': methods.ssd(1.), 'esc': methods.esc(), 'salun': methods.salun(rounds=1)}


def _class_two(network, x):
  retain, forget = problem_lib.split_classes(problem_lib.Examples(x, PLAIN), [2])
  return problem_lib.Problem(network, PARAMS, retain, forget, C, (2,))


def _paired(x):
  return {'left': x[:, :1], 'right': (x[:, 1:],)}


@pytest.mark.parametrize('name', rows.daily(
    ALIKE, {'unsc', 'boundary_shrink', 'fisher_forgetting'}))
def test_two_inputs_are_as_both_side_by_side(name):
  two, one = (ALIKE[name](_class_two(network, x), KEY)
              for network, x in ((PAIRS, _paired(X)), (NETWORK, X)))
  np.testing.assert_allclose(two.params['w'], one.params['w'], atol=1e-6)


def test_two_inputs_are_measured_as_both_side_by_side():
  found = []
  for network, x in ((PAIRS, _paired(X)), (NETWORK, X)):
    asked = _class_two(network, x)
    setup = evaluation.Setup(asked, problem_lib.Examples(x, PLAIN), KEY, probe_epochs=1)
    found.append(evaluation.measure(setup, methods.original()(asked, KEY)).metrics)
  assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_unsir_learns_noise_for_every_input():
  asked = _class_two(PAIRS, _paired(X))
  done = methods.unsir(noise_steps=2, noise_batch=4, noise_copies=1)(asked, KEY)
  assert np.isfinite(done.params['w']).all()
  assert (done.params['w'] != PARAMS['w']).any()


def test_inputs_of_two_lengths_are_refused():
  x = {'left': X, 'right': np.concatenate([X, X])}
  with pytest.raises(ValueError, match='has 6 labels for 6 and 12 inputs'):
    _asked(PLAIN, x)
  with pytest.raises(ValueError, match='inputs of the retain set are of type str'):
    _asked(PLAIN, {'left': X, 'name': 'right'})


@pytest.mark.parametrize('method', [methods.boundary_shrink(), methods.unsir()])
@pytest.mark.parametrize('x', [np.uint8(X > 0) * 255, np.int32(X > 0)], ids=['pixels', 'tokens'])
def test_what_needs_a_slope_of_the_inputs_says_so_of_integers(method, x):
  network = problem_lib.Network(lambda params, x: params['w'][x].sum(1))
  with pytest.raises(ValueError, match='these are integers; give the network floating'):
    method(_class_two(network, x), KEY)


def test_a_boundary_is_found_by_the_inputs_that_have_a_slope():
  """The mask beside the image stays, and the image is moved."""
  fn = lambda params, x: (x['image'] * x['mask']) @ params['w']
  masked = {'image': X, 'mask': np.ones((N, 4), np.int32)}
  method = methods.boundary_shrink(bound=1., steps=3)
  one, two = (method(_class_two(network, x), KEY) for network, x in (
      (NETWORK, X), (problem_lib.Network(fn), masked)))
  np.testing.assert_allclose(two.params['w'], one.params['w'], atol=1e-6)
