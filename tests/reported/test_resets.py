"""A reset leaves BatchNorm the statistics of weights that are gone: a network that
is trained on with those hardly learns. On the digits, with class 3 to be forgotten."""

from flax import linen as nn
import jax
import numpy as np
import optax
import pytest

from unsc_jax import data
from unsc_jax import methods
from unsc_jax import models
from unsc_jax import problem as problem_lib
from unsc_jax import training


class Net(nn.Module):
  """Three convolutions with BatchNorm, and a head on their means."""

  @nn.compact
  def __call__(self, x, train: bool = False):
    for features, stride in ((16, 1), (32, 2), (32, 1)):
      x = nn.Conv(features, (3, 3), strides=stride, use_bias=False)(x)
      x = nn.relu(nn.BatchNorm(use_running_average=not train)(x))
    return nn.Dense(10)(x.mean((1, 2)))


@pytest.fixture(scope='module')
def digits():
  return data.load('digits')


@pytest.fixture(scope='module')
def problem(digits):
  network = models.from_linen(Net(), (8, 8, 1))
  recipe = training.Recipe(lambda steps: optax.adam(3e-3), 10, 64)
  params = training.train(network, digits.train, recipe, jax.random.key(0)).params
  return problem_lib.Problem(
      network, params, *problem_lib.split_classes(digits.train, [3]), 10, (3,))


# That each takes statistics anew is held, in every run, by methods/test_batch_norm.py.
@pytest.mark.slow
@pytest.mark.parametrize('method', [
    methods.scissorhands(share=.3, steps=100),
    methods.example_localization(steps=200), methods.eu_k(k=3, steps=100),
    methods.retention_masking(optax.sgd(.01, momentum=.9), steps=100)])
def test_what_is_reset_learns_again(method, problem, digits):
  done = method(problem, jax.random.key(1))
  kept = digits.test.where(digits.test.y != 3)
  right = lambda params, e: float(np.mean(
      training.predict(problem.fn, params, e.x).argmax(-1) == e.y))
  assert right(problem.params, kept) > .95
  assert right(done.params, problem.forget) < .1
  assert right(done.params, kept) > .9
