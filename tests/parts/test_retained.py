"""The moments of what is to be retained: of all at once, and class by class."""

import dataclasses
import functools
import operator

import numpy as np
import pytest

from tests import toys
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax.parts import retained

# Examples of the classes to retain: a batch and a half, a few, one.
COUNTS = {0: 13, 2: 5, 3: 1}


@pytest.fixture(scope='module')
def problem():
  x = toys.normal(0, 24, 3)
  y = np.random.default_rng(0).permutation(
      np.repeat([1, *COUNTS], [5, *COUNTS.values()])).astype(np.int32)
  network = problem_lib.Network(lambda params, x: x @ params['w'])
  return problem_lib.Problem(network, {'w': toys.normal(1, 3, 4)},
                             *problem_lib.split_classes(problem_lib.Examples(x, y), [1]), 4, (1,))


def _batches(problem):
  """The problem, and how many batches its passes have taken."""
  taken = []
  session = session_lib.Session(
      progress=lambda steps, label, total: (taken.append(label) or step for step in steps))
  return dataclasses.replace(problem, session=session), taken


def test_one_pass_takes_full_batches_of_all_classes(problem):
  problem, taken = _batches(problem)
  found = retained.moments(problem, 8)['w']
  x = problem.retain.x.astype(np.float64)
  np.testing.assert_allclose(found.second[0], x.T @ x, rtol=1e-5)
  assert found.count == 19
  assert taken == ['moments'] * 3  # of 8, 8 and 3


@pytest.mark.parametrize('examples', [None, 9, 1])
def test_it_is_the_sum_of_the_classes(examples, problem):
  whole = retained.moments(problem, 8, examples)['w']
  classes = retained.moments_by_class(problem, 8, examples)
  summed = functools.reduce(operator.add, classes)['w']
  np.testing.assert_allclose(whole.second, summed.second, rtol=1e-5)
  np.testing.assert_allclose(whole.first, summed.first, rtol=1e-5, atol=1e-6)
  assert whole.count == summed.count == {None: 19, 9: 6 + 2 + 1, 1: 3}[examples]
