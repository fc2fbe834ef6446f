"""A method that is called again with another key compiles nothing, whoever made the network.

A function of the library equals others of the same content; a user's own equals itself
alone, so that a loss that wraps it anew in every call would be compiled for every call.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import _programs
from tests import rows
from tests.methods import test_leaves as every
from unsc_jax import methods
from unsc_jax import problem as problem_lib

METHODS = {**every.METHODS, 'head_only': methods.head_only(), 'original': methods.original()}


@pytest.fixture(scope='module')
def own():
  """A request to forget a class of a network that is a local function."""
  def fn(params, x):
    return jnp.tanh(x @ params['a']['kernel']) @ params['b']['kernel']

  @jax.jit
  def init(key):
    normal = lambda i, *shape: jax.random.normal(jax.random.fold_in(key, i), shape)
    return {'a': {'kernel': normal(0, 6, 5)}, 'b': {'kernel': normal(1, 5, 3)}}

  x = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
  data = problem_lib.Examples(x, np.repeat(np.arange(3), 10))
  return problem_lib.Problem(
      problem_lib.Network(fn, init), init(jax.random.key(7)),
      *problem_lib.split_classes(data, [2]), 3, (2,), held_out=data)


# Those with a loss of their own that looks at more than the answers, and one without.
DAILY = {'dimensional_alignment', 'null_space_alignment', 'partially_blinded', 'scissorhands',
         'unsc'}


@pytest.mark.filterwarnings('ignore')  # so few steps forget little
@pytest.mark.parametrize('name', rows.daily(METHODS, DAILY))
def test_another_key_compiles_nothing(name, own):
  METHODS[name](own, jax.random.key(0))
  with _programs.compiled() as names:
    METHODS[name](own, jax.random.key(1))
  assert not names
