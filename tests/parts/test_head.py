"""The head's bias is the leaf that moves the logits as it moves, whatever lies beside it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax.parts import head

KEY = jax.random.key(0)
C = 3
X = toys.normal(1, 12, 6)


def _problem(fn, params):
  data = problem_lib.Examples(X, np.arange(12) % C)
  return problem_lib.Problem(
      problem_lib.Network(fn), params, *problem_lib.split_classes(data, [2]), C, (2,))


def _flat(w2=None, dtype=np.float32):
  """Two layers as wide as there are classes, in one dictionary."""
  shapes = {'w1': (6, C), 'b1': (C,), 'w2': (C, C), 'b2': (C,), 'scale': (C,)}
  params = {name: toys.normal(i, *shape) for i, (name, shape) in enumerate(shapes.items())}
  params['b1'] += 9  # so that no unit is silent
  if w2 is not None:
    params['w2'] = w2
  return {name: jnp.asarray(leaf, dtype) for name, leaf in params.items()}


def _hidden(params, x):
  return jax.nn.relu(x.astype(params['w1'].dtype) @ params['w1'] + params['b1'])


def _logits(params, x):
  return _hidden(params, x) @ params['w2'] + params['b2']


FOUND = {
    'flat': (_logits, ('w2', 'b2')),
    'no bias': (lambda params, x: _hidden(params, x) @ params['w2'], ('w2',)),
    'a scale': (lambda params, x: _hidden(params, x) @ params['w2'] * params['scale'], ('w2',)),
    'past the head': (lambda params, x: _logits(params, x) + _hidden(params, x), ('w2', 'b2')),
    'by a temperature': (lambda params, x: _logits(params, x) / 4, ('w2', 'b2')),
    'logarithms of probabilities': (
        lambda params, x: jax.nn.log_softmax(_logits(params, x)), ('w2', 'b2')),
}


@pytest.mark.parametrize('w2', [None, np.eye(C), np.zeros((C, C))],
                         ids=['random', 'identity', 'zero'])
@pytest.mark.parametrize('name', FOUND)
def test_the_bias_is_told_from_what_lies_beside_it(name, w2):
  """By the identity a hidden bias would move the logits as much as it is moved itself."""
  fn, expected = FOUND[name]
  assert head.parameters(_problem(fn, _flat(w2))) == expected


@pytest.mark.parametrize('dtype', [jnp.bfloat16, jnp.float16])
def test_it_is_found_in_short_numbers(dtype):
  assert head.parameters(_problem(_logits, _flat(dtype=dtype))) == ('w2', 'b2')


def test_a_class_is_its_column_and_its_bias():
  marked = head.of_classes(_problem(_logits, _flat()), (1,))
  np.testing.assert_array_equal(marked['w2'], np.eye(C, dtype=bool)[[1] * C])
  np.testing.assert_array_equal(marked['b2'], np.eye(C, dtype=bool)[1])
  assert not any(marked[name].any() for name in ('w1', 'b1', 'scale'))


def test_lower_logits_leaves_a_hidden_bias_alone():
  """It took `b1` of a flat dictionary for the head's bias, and moved every logit."""
  params = _flat()
  params['b2'] += np.array([0, 0, 50], np.float32)
  problem = _problem(_logits, params)
  after = methods.lower_logits(methods.original())(problem, KEY).params
  moved = {name for name in params if not np.array_equal(params[name], after[name])}
  assert moved == {'b2'}
  before, now = (np.asarray(problem.fn(of, X)) for of in (params, after))
  np.testing.assert_allclose(now[:, :2], before[:, :2], rtol=1e-5)
  assert (now[:, 2] < before[:, 2]).all()


def test_numbers_without_a_shape_are_no_bias_and_no_fault():
  params = {**_flat(), 'temperature': 1.}
  problem = _problem(lambda params, x: _logits(params, x) / params['temperature'], params)
  assert head.parameters(problem) == ('w2', 'b2')
  assert not head.of_classes(problem, (1,))['temperature']
