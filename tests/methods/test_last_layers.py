"""The last layers are marked, with what is theirs, wherever their parameters lie."""

import jax
import numpy as np
import optax
import pytest

from tests import toys
from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax.methods import last_layers

KEY = jax.random.key(0)
C = 3
FLAT = {'w1': toys.normal(0, 6, 3), 'b1': toys.normal(1, 3), 'w2': toys.normal(2, 3, C),
        'b2': toys.normal(3, C)}
NESTED = {'one': {'kernel': FLAT['w1'], 'bias': FLAT['b1']}, 'norm': {'bias': np.ones(6)},
          'two': {'kernel': FLAT['w2'], 'bias': FLAT['b2'], 'scale': 2.}}


def _flat(params, x):
  return jax.nn.relu(x @ params['w1'] + params['b1']) @ params['w2'] + params['b2']


def _under_one(params, x):
  return _flat(params['params'], x)


def _nested(params, x):
  one, two = params['one'], params['two']
  x = x - params['norm']['bias']
  return two['scale'] * (jax.nn.relu(x @ one['kernel'] + one['bias']) @ two['kernel']
                         + two['bias'])


def _problem(fn, params):
  data = problem_lib.Examples(toys.normal(4, 12, 6), np.arange(12) % C)
  shift = lambda key: jax.tree.map(lambda leaf: leaf + 1, params)
  return problem_lib.Problem(problem_lib.Network(fn, shift), params,
                             *problem_lib.split_classes(data, [2]), C, (2,))


CASES = {
    'flat': (_flat, FLAT, 1, {'w2', 'b2'}),
    'flat, all layers': (_flat, FLAT, 2, {'w1', 'b1', 'w2', 'b2'}),
    'under one name': (_under_one, {'params': FLAT}, 1, {'params/w2', 'params/b2'}),
    'under one name, all layers': (
        _under_one, {'params': FLAT}, 2, {f'params/{name}' for name in FLAT}),
    'nested': (_nested, NESTED, 1, {'two/kernel', 'two/bias', 'two/scale'}),
    'nested, all layers': (_nested, NESTED, 2, {
        'one/kernel', 'one/bias', 'two/kernel', 'two/bias', 'two/scale'}),
}


@pytest.mark.parametrize('name', CASES)
def test_what_is_theirs_is_marked_and_nothing_else(name):
  fn, params, k, expected = CASES[name]
  marked = jax.tree_util.tree_leaves_with_path(last_layers.last(_problem(fn, params), k))
  found = {jax.tree_util.keystr(path, simple=True, separator='/'): leaf
           for path, leaf in marked}
  assert {path for path, leaf in found.items() if leaf.all()} == expected
  assert not any(leaf.any() for path, leaf in found.items() if path not in expected)


def test_of_layers_in_the_middle_the_kernels_alone_are_told():
  def fn(params, x):
    return jax.nn.relu(_flat(params, x)) @ params['w3'] + params['b3']

  params = {**FLAT, 'w3': toys.normal(5, C, C), 'b3': toys.normal(6, C)}
  marked = last_layers.last(_problem(fn, params), 2)
  assert {name for name, leaf in marked.items() if leaf.all()} == {'w2', 'w3', 'b3'}


@pytest.mark.parametrize('method', [methods.cf_k, methods.eu_k])
def test_layers_before_stay_as_they_were(method):
  """One dictionary for all had the hidden bias reset, and trained with the head."""
  problem = _problem(_under_one, {'params': FLAT})
  after = method(optax.sgd(.1), steps=2, batch_size=4)(problem, KEY).params['params']
  moved = {name for name in FLAT if not np.array_equal(FLAT[name], after[name])}
  assert moved == {'w2', 'b2'}


def test_a_network_without_a_dense_layer_has_last_layers_too():
  def fn(params, x):
    images = x.reshape(-1, 1, 6, 1)
    return toys.convolve(images, params['a']).mean((1, 2)) + params['b']

  params = {'a': toys.normal(0, 1, 3, 1, C), 'b': toys.normal(1, C)}
  assert last_layers.last(_problem(fn, params), 1)['a'].all()
