"""Inside and around what Optax and Flax offer, the null space stays."""

import functools

import chex
from flax import nnx
from flax.training import train_state
import jax
import numpy as np
import optax
import pytest

from tests import toys
import unsc_jax

_HAS_BASIS = {'hidden': {'w': True, 'b': False}, 'head': {'w': True, 'b': False}}
_HAS_NONE = jax.tree.map(lambda flag: not flag, _HAS_BASIS)


def _compositions(bases):
  """Everything of Optax that a confined optimiser may be inside or around."""
  adam = optax.adam(1e-2)
  confine = functools.partial(unsc_jax.project_updates, bases=bases)
  confined = confine(adam)
  freeze_others = optax.masked(optax.set_to_zero(), _HAS_NONE)
  return {
      'chain': optax.chain(
          optax.clip_by_global_norm(1.), confined, optax.scale(.5)),
      'named_chain': optax.named_chain(
          ('inner', adam), ('null', unsc_jax.null_space_projection(bases))),
      'masked': optax.chain(optax.masked(confined, _HAS_BASIS), freeze_others),
      'masked_by_function': optax.chain(optax.masked(
          confined, lambda p: jax.tree.map(lambda x: x.ndim > 1, p)), freeze_others),
      'masked_layers': optax.chain(
          optax.masked(confined, {'hidden': True, 'head': False}),
          optax.masked(confine(optax.sgd(.1)), {'hidden': False, 'head': True})),
      'inside_masked': confine(optax.masked(adam, _HAS_BASIS)),
      'partition': optax.partition(
          {True: confined, False: optax.set_to_zero()}, _HAS_BASIS),
      'partition_layers': optax.partition(
          {'a': confined, 'b': confine(optax.lion(1e-3))}, {'hidden': 'a', 'head': 'b'}),
      'selective_transform': optax.selective_transform(confined, freeze_mask=_HAS_NONE),
      'MultiSteps': optax.MultiSteps(confined, 2),
      'apply_if_finite': optax.apply_if_finite(confined, 3),
      'inject_hyperparams': optax.inject_hyperparams(
          lambda learning_rate: confine(optax.adam(learning_rate)))(learning_rate=1e-2),
      'inject_into_projection': optax.chain(
          adam, optax.inject_hyperparams(unsc_jax.null_space_projection)(bases=bases)),
      'inject_into_project_updates': optax.inject_hyperparams(
          unsc_jax.project_updates)(optimizer=adam, bases=bases),
  }


# Those that are put together as another is, of the same parts of Optax.
_ALIKE = {'masked_by_function', 'masked_layers', 'partition', 'selective_transform',
          'apply_if_finite', 'inject_into_project_updates'}


@pytest.mark.parametrize('name', [
    pytest.param(name, marks=pytest.mark.slow if name in _ALIKE else ())
    for name in _compositions(unsc_jax.Bases({}))])
def test_composes_with_optax(name, toy):
  tx = _compositions(toy.bases)[name]
  after, updates = toy.run(tx, steps=4)
  assert toy.leak(updates) <= 1e-5
  assert toy.drift(after, toy.retained) <= 2e-6
  assert toy.moved(after) > 1e-3

  if isinstance(tx, optax.MultiSteps):
    tx = tx.gradient_transformation()
  state = tx.init(toy.params)
  marked = optax.tree.map_params(tx, lambda p: np.full_like(p, 7.), state)
  assert jax.tree.structure(marked) == jax.tree.structure(state)
  before, after = ([leaf for _, leaf in optax.tree.get_all_with_path(tree, 'bases')]
                   for tree in (state, marked))
  assert before
  ones = jax.tree.map(np.ones_like, toy.params)
  for given, kept in zip(before, after, strict=True):
    # Only the optimiser's moments follow the parameters; zero columns may fill bases up.
    chex.assert_trees_all_equal(kept, given)
    chex.assert_trees_all_close(
        toys.confine(ones, kept), toys.confine(ones, toy.bases), atol=1e-6)
  assert any(np.all(np.asarray(leaf) == 7) for leaf in jax.tree.leaves(marked))


def test_a_step_can_be_made_of_bases_that_are_traced(toy):
  """As what is compiled ahead of time has them: shapes alone."""
  def step(bases, params):
    confined = unsc_jax.project_updates(optax.adam(1e-2), bases)
    grads = jax.grad(toy.loss)(params, toy.forgotten)
    return confined.update(grads, confined.init(params), params)[0]

  updates = jax.jit(step)(toy.bases, toy.params)
  assert toy.leak(updates) <= 1e-5
  known = jax.jit(functools.partial(step, toy.bases))(toy.params)
  chex.assert_trees_all_close(updates, known, atol=1e-6)


def test_hyperparameters_stay_adjustable(toy):
  tx = _compositions(toy.bases)['inject_hyperparams']
  state = tx.init(toy.params)
  assert set(state.hyperparams) == {'learning_rate'}
  state.hyperparams['learning_rate'] = np.zeros((), np.float32)
  step = jax.jit(functools.partial(toy.step, tx))
  *_, updates = step(toy.params, state, toy.forgotten)
  assert not any(np.any(u) for u in jax.tree.leaves(updates))


def test_multi_steps_move_by_the_mean_gradient(toy):
  tx = unsc_jax.project_updates(optax.sgd(.1), toy.bases)
  whole, _ = toy.run(tx, steps=1)
  steps = optax.MultiSteps(tx, 2)
  step = jax.jit(functools.partial(toy.step, steps))
  params, state = toy.params, steps.init(toy.params)
  for half in (slice(0, 8), slice(8, 16)):
    batch = jax.tree.map(lambda leaf, half=half: leaf[half], toy.forgotten)
    params, state, _ = step(params, state, batch)
  chex.assert_trees_all_close(params, whole, rtol=1e-7, atol=1e-6)


def test_a_step_that_is_not_finite_is_skipped(toy):
  tx = _compositions(toy.bases)['apply_if_finite']
  update, state = jax.jit(tx.update), tx.init(toy.params)
  bad = jax.tree.map(lambda p: np.full_like(p, np.nan), toy.params)
  updates, state = update(bad, state, toy.params)
  assert not any(np.any(u) for u in jax.tree.leaves(updates))
  gradient = jax.jit(jax.grad(toy.loss))(toy.params, toy.forgotten)
  updates, _ = update(gradient, state, toy.params)
  assert np.any(updates['head']['w'])
  assert toy.leak(updates) <= 1e-5


def test_flax_train_state(toy):
  state = train_state.TrainState.create(
      apply_fn=toy.fn, params=toy.params,
      tx=unsc_jax.project_updates(optax.adam(1e-2), toy.bases))
  step = jax.jit(lambda state, batch: state.apply_gradients(
      grads=jax.grad(toy.loss)(state.params, batch)))
  for _ in range(3):
    state = jax.block_until_ready(step(state, toy.forgotten))
  assert toy.drift(state.params, toy.retained) <= 2e-6
  assert toy.moved(state.params) > 1e-3


def test_flax_nnx_optimizer(toy):
  class Net(nnx.Module):

    def __init__(self, rngs):
      self.hidden = nnx.Linear(toy.retained.shape[1], 48, rngs=rngs)
      self.layers = nnx.List([nnx.Linear(48, 5, rngs=rngs)])

    def __call__(self, x):
      return self.layers[0](nnx.tanh(self.hidden(x)))

  net = Net(nnx.Rngs(0))
  graph, before = nnx.split(net)
  fn = lambda state, x: nnx.merge(graph, state)(x)
  bases = toys.bases_of(fn, before, toy.retained)
  assert set(bases.by_path) == {'hidden/kernel', 'layers/0/kernel'}
  optimizer = nnx.Optimizer(
      net, unsc_jax.project_updates(optax.adam(1e-2), bases), wrt=nnx.Param)

  @nnx.jit
  def step(net, optimizer, batch):
    x, y = batch
    loss = lambda net: optax.softmax_cross_entropy_with_integer_labels(
        net(x), y).mean()
    optimizer.update(net, nnx.grad(loss)(net))

  x, _ = toy.forgotten
  run = jax.jit(fn)
  old = run(before, toy.retained), run(before, x)
  for _ in range(3):
    step(net, optimizer, toy.forgotten)
    jax.block_until_ready(nnx.state(net))
  assert toys.change(old[0], run(nnx.state(net), toy.retained)) <= 5e-6
  assert toys.change(old[1], run(nnx.state(net), x)) > 1e-2
