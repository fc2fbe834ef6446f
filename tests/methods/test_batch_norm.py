"""Every method on a network with BatchNorm and dropout, which are at rest.

Running statistics are read in evaluation and so have gradients like weights; no
method may take them for weights. Those that reset weights have them estimated anew,
once, for they were those of other weights. Dropout draws nothing while a method runs.
"""

import dataclasses

import chex
from flax import linen as nn
import jax
from jax import flatten_util
import numpy as np
import optax
import pytest

from tests import rows
from unsc_jax import methods
from unsc_jax import models
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import training


class Net(nn.Module):
  """Dense - BatchNorm - Dropout - Dense."""

  @nn.compact
  def __call__(self, x, train: bool = False):
    x = nn.BatchNorm(use_running_average=not train)(nn.Dense(5)(x))
    return nn.Dense(3)(nn.Dropout(.5, deterministic=not train)(nn.relu(x)))


ADAM = optax.adam(1e-2)
SHORT = {'steps': 3, 'batch_size': 8}
RECIPE = training.Recipe(lambda steps: optax.adam(1e-2), 1, 8)
METHODS = {
    'bad_teacher': methods.bad_teacher(ADAM, **SHORT),
    'boundary_shrink': methods.boundary_shrink(ADAM, **SHORT),
    'cf_k': methods.cf_k(ADAM, **SHORT),
    'class_projection': methods.class_projection(),
    'delete': methods.delete(ADAM, **SHORT),
    'dimensional_alignment': methods.dimensional_alignment(
        ADAM, rounds=1, batch_size=8),
    'esc': methods.esc(.2),
    'eu_k': methods.eu_k(ADAM, **SHORT),
    'example_localization': methods.example_localization(ADAM, **SHORT),
    'fine_tune': methods.fine_tune(ADAM, **SHORT),
    'fisher_forgetting': methods.fisher_forgetting(1e-4),
    'gradient_ascent': methods.gradient_ascent(ADAM, **SHORT),
    'head_only': methods.head_only(),
    'influence': methods.influence(10., damping=.1),
    'l1_sparse': methods.l1_sparse(ADAM, **SHORT),
    'loft': methods.loft(2),
    'min_norm_og': methods.min_norm_og(ADAM, examples=4, **SHORT),
    'msg': methods.msg(ADAM, **SHORT),
    'neggrad_plus': methods.neggrad_plus(ADAM, **SHORT),
    'null_space_alignment': methods.null_space_alignment(
        null_space.pooled(.8), optimizer=ADAM, **SHORT),
    'orthograd': methods.orthograd(ADAM, retain_batch_size=4, **SHORT),
    'original': methods.original(),
    'partially_blinded': methods.partially_blinded(ADAM, **SHORT),
    'pgu': methods.pgu(ADAM, share=.5, **SHORT),
    'random_label': methods.random_label(ADAM, **SHORT),
    'regun': methods.regun(ADAM, **SHORT),
    'retention_masking': methods.retention_masking(ADAM, **SHORT),
    'retrain': methods.retrain(RECIPE),
    'salun': methods.salun(ADAM, rounds=1, batch_size=8),
    'scissorhands': methods.scissorhands(ADAM, share=.3, **SHORT),
    'scrub': methods.scrub(ADAM, rounds=2, batch_size=8, retain_batch_size=8),
    'ssd': methods.ssd(1., .1),
    'uam': methods.uam(ADAM, **SHORT),
    'lower_logits': methods.lower_logits(methods.original()),
    'unsc': methods.unsc(null_space.pooled(.8), ADAM, **SHORT),
    'unsir': methods.unsir(
        ADAM, ADAM, noise_steps=2, noise_batch=4, noise_copies=1, batch_size=8),
}
UNMOVED = {'original', 'head_only'}
RESET = {
    'eu_k': methods.eu_k(k=2, epochs=0),
    'example_localization': methods.example_localization(epochs=0),
    'msg': methods.msg(epochs=0),
    'retention_masking': methods.retention_masking(epochs=0),
    'scissorhands': methods.scissorhands(share=.3, epochs=0),
}
# Dampened, reset, by a loss; what is solved for has a test of its own below. All others
# are in long runs: what is no weight is told by one rule, which `test_leaves` tries daily
# with every way to change weights.
DAILY = {'retention_masking', 'ssd', 'unsc'}
# A layer anew, and a share of every one; the others share their step.
DAILY_RESET = {'eu_k', 'scissorhands'}


@pytest.fixture(scope='module')
def problem():
  """Three classes around three points, the last one to be forgotten."""
  rng = np.random.default_rng(0)
  y = np.repeat(np.arange(3), 10).astype(np.int32)
  x = (2 * rng.normal(size=(3, 6))[y] + rng.normal(size=(30, 6))).astype(np.float32)
  examples = problem_lib.Examples(x, y)
  network = models.from_linen(Net(), (6,))
  recipe = dataclasses.replace(RECIPE, epochs=10)
  params = training.train(network, examples, recipe, jax.random.key(0)).params
  retain, forget = problem_lib.split_classes(examples, [2])
  return problem_lib.Problem(
      network, params, retain, forget, 3, (2,), held_out=examples)


def test_every_public_method_is_here():
  assert set(METHODS) == set(methods.__all__)


@pytest.mark.filterwarnings('ignore:.*has no free direction left')
@pytest.mark.parametrize('name', rows.daily(METHODS, DAILY))
def test_running_statistics_stay_to_the_bit(name, problem):
  found = METHODS[name](problem, jax.random.key(1)).params
  same = jax.tree.map(lambda a, b: np.array_equal(a, b), found, problem.params)
  chex.assert_tree_all_finite(found)
  assert all(jax.tree.leaves(same['params'])) == (name in UNMOVED)
  anew = name in RESET or name == 'retrain'
  assert all(jax.tree.leaves(same['batch_stats'])) == (not anew or name == 'eu_k')


@pytest.mark.parametrize('name', rows.daily(RESET, DAILY_RESET))
def test_after_a_reset_statistics_are_those_of_the_new_weights(name, problem):
  found = RESET[name](problem, jax.random.key(1)).params
  assert any(jax.tree.leaves(jax.tree.map(
      lambda a, b: (a != b).any(), found['params'], problem.params['params'])))
  # Of the first and only BatchNorm in float64: its inputs are those of a dense layer.
  dense = {k: np.asarray(v, np.float64) for k, v in found['params']['Dense_0'].items()}
  inputs = problem.retain.x.astype(np.float64) @ dense['kernel'] + dense['bias']
  statistics = found['batch_stats']['BatchNorm_0']
  np.testing.assert_allclose(statistics['mean'], inputs.mean(0), atol=1e-5)
  np.testing.assert_allclose(statistics['var'], inputs.var(0), rtol=1e-4)


def test_a_share_is_one_of_the_weights_alone(problem):
  done = methods.salun(
      optax.adamw(.01, weight_decay=1.), share=.5, rounds=1, batch_size=8)(
          problem, jax.random.key(1))
  moved = jax.tree.leaves(jax.tree.map(
      lambda a, b: np.asarray(a != b).ravel(),
      done.params['params'], problem.params['params']))
  moved = np.concatenate(moved)
  assert moved.sum() == moved.size // 2


def test_influence_knows_weights_alone(problem):
  start, unravel = flatten_util.ravel_pytree(problem.params['params'])

  def each(examples):
    """The gradient of every example's cross-entropy in the weights."""
    def loss(w, x, y):
      logits = problem.fn({**problem.params, 'params': unravel(w)}, x[None])
      return -jax.nn.log_softmax(logits)[0, y]
    return np.asarray(jax.jit(jax.vmap(jax.grad(loss), (None, 0, 0)))(
        start, examples.x, examples.y), np.float64)

  forget, retain = each(problem.forget), each(problem.retain)
  v = forget.sum(0) / 30 - 10 / (30 * 20) * retain.sum(0)
  F = .1 * np.eye(len(v)) + retain.T @ retain / 20
  done = methods.influence(2., damping=.1, iterations=200)(problem, jax.random.key(1))
  found, _ = flatten_util.ravel_pytree(done.params['params'])
  np.testing.assert_allclose(
      found, np.asarray(start) + 2 * np.linalg.solve(F, v), atol=2e-3)
  chex.assert_trees_all_equal(done.params['batch_stats'], problem.params['batch_stats'])


def test_dropout_is_off(problem):
  # In whole batches keys are of no consequence but to dropout.
  method = methods.unsc(null_space.pooled(.8), ADAM, steps=3, batch_size=10, stop_below=-1.)
  one, other = (method(problem, jax.random.key(i)).params for i in (1, 2))
  chex.assert_trees_all_close(one, other, atol=1e-5)
  trained = [problem.network.training(
      problem.params, problem.forget.x, jax.random.key(i))[0] for i in (1, 2)]
  assert not np.allclose(*trained, atol=.1)  # or the above would show nothing
