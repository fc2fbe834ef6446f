"""What results say of each layer's room: whole directions, or directions in effect."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax.problem import Examples
from unsc_jax.problem import Network
from unsc_jax.problem import Problem
from unsc_jax.problem import split_classes
from unsc_jax.study.layers import layers

_SPREAD = np.array([4., 1., .25, .03, .01], np.float32)  # of the inputs' directions


@pytest.fixture(scope='module')
def problem():
  rng = np.random.default_rng(0)
  data = Examples(rng.normal(size=(90, 5)).astype('f') * _SPREAD, np.arange(90) % 3)
  params = {'w': jnp.asarray(rng.normal(size=(5, 3)), 'f')}
  return Problem(
      Network(lambda params, x: x @ params['w']), params, *split_classes(data, [2]), 3, (2,))


def _unlearned(problem, filter):
  return methods.unsc(filter=filter, steps=3, stop_below=-1.)(problem, jax.random.key(0))


def test_a_soft_filter_keeps_in_effect_what_it_takes_in_all(problem):
  tau = .01
  layer, = layers(problem, _unlearned(problem, null_space.soft(tau)))
  x = problem.retain.x.astype(float)
  values = np.linalg.eigvalsh(x.T @ x / len(x))[::-1]
  shares = values / values.sum()
  assert layer.rank == round(np.sum(shares / (shares + tau)))
  assert 0 < layer.rank < 5
  assert layer.damped
  np.testing.assert_allclose(layer.eigenvalues, values, rtol=1e-5)


def test_a_hard_cut_keeps_whole_directions_of_the_same_spectrum(problem):
  soft, hard = (layers(problem, _unlearned(problem, filter))[0]
                for filter in (null_space.soft(.01), null_space.hard(.99)))
  assert not hard.damped
  np.testing.assert_allclose(hard.eigenvalues, soft.eigenvalues, atol=1e-6 * soft.eigenvalues[0])


def test_both_sides_show_the_inputs_alone(problem):
  both = null_space.two_sided(null_space.soft(.01), null_space.soft(.5))
  one, = layers(problem, _unlearned(problem, null_space.soft(.01)))
  two, = layers(problem, _unlearned(problem, both))
  assert (two.rank, two.eigenvalues) == (one.rank, one.eigenvalues)


def test_no_method_confined_has_no_layers(problem):
  assert layers(problem, methods.original()(problem, jax.random.key(0))) == ()


def test_a_soft_filter_has_no_leak(problem):
  unlearned = _unlearned(problem, null_space.soft(.01))
  setup = evaluation.Setup(problem, problem.retain, jax.random.key(0), unlearned.moments)
  measured = evaluation.measure(setup, unlearned)
  assert measured.metrics['leak'] is None
  assert 'soft filter' in measured.reasons['leak']
