"""Inside and around what Optax and Flax offer, the null space stays."""

import functools

from flax import nnx
from flax.training import train_state
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import unsc_jax

_HAS_BASIS = {'hidden': {'w': True, 'b': False}, 'head': {'w': True, 'b': False}}
_FLIP = functools.partial(jax.tree.map, lambda flag: not flag)


def _others_frozen(tx):
  return optax.chain(tx, optax.masked(optax.set_to_zero(), _FLIP(_HAS_BASIS)))


def _inner():
  return optax.adam(1e-2)


COMPOSITIONS = {
    'chain': lambda bases: optax.chain(
        optax.clip_by_global_norm(1.), unsc_jax.project_updates(_inner(), bases),
        optax.scale(.5)),
    'named_chain': lambda bases: optax.named_chain(
        ('inner', _inner()), ('null', unsc_jax.null_space_projection(bases))),
    'masked': lambda bases: _others_frozen(optax.masked(
        unsc_jax.project_updates(_inner(), bases), _HAS_BASIS)),
    'masked_by_function': lambda bases: _others_frozen(optax.masked(
        unsc_jax.project_updates(_inner(), bases),
        lambda p: jax.tree.map(lambda x: x.ndim > 1, p))),
    'masked_layers': lambda bases: optax.chain(
        optax.masked(unsc_jax.project_updates(_inner(), bases),
                     {'hidden': True, 'head': False}),
        optax.masked(unsc_jax.project_updates(optax.sgd(.1), bases),
                     {'hidden': False, 'head': True})),
    'inside_masked': lambda bases: unsc_jax.project_updates(
        optax.masked(_inner(), _HAS_BASIS), bases),
    'partition': lambda bases: optax.partition(
        {True: unsc_jax.project_updates(_inner(), bases),
         False: optax.set_to_zero()}, _HAS_BASIS),
    'partition_layers': lambda bases: optax.partition(
        {'a': unsc_jax.project_updates(_inner(), bases),
         'b': unsc_jax.project_updates(optax.lion(1e-3), bases)},
        {'hidden': 'a', 'head': 'b'}),
    'selective_transform': lambda bases: optax.selective_transform(
        unsc_jax.project_updates(_inner(), bases), freeze_mask=_FLIP(_HAS_BASIS)),
    'MultiSteps': lambda bases: optax.MultiSteps(
        unsc_jax.project_updates(_inner(), bases), 2),
    'apply_if_finite': lambda bases: optax.apply_if_finite(
        unsc_jax.project_updates(_inner(), bases), 3),
    'inject_hyperparams': lambda bases: optax.inject_hyperparams(
        lambda learning_rate: unsc_jax.project_updates(
            optax.adam(learning_rate), bases))(learning_rate=1e-2),
    'inject_into_projection': lambda bases: optax.chain(
        _inner(),
        optax.inject_hyperparams(unsc_jax.null_space_projection)(bases=bases)),
    'inject_into_project_updates': lambda bases: optax.inject_hyperparams(
        unsc_jax.project_updates)(optimizer=_inner(), bases=bases),
}


@pytest.mark.parametrize('name', COMPOSITIONS)
def test_composes_with_optax(name, toy):
  tx = COMPOSITIONS[name](toy.bases)
  after, updates = toy.run(tx, steps=4)
  assert toy.leak(updates) <= 1e-5
  assert toy.drift(after, toy.retained) <= 2e-6
  assert toy.moved(after) > 1e-3

  if isinstance(tx, optax.MultiSteps):
    tx = tx.gradient_transformation()
  state = tx.init(toy.params)
  marked = optax.tree.map_params(tx, lambda p: jnp.full_like(p, 7.), state)
  assert jax.tree.structure(marked) == jax.tree.structure(state)
  found = [leaf for _, leaf in optax.tree.get_all_with_path(marked, 'bases')]
  assert found
  for kept in found:  # only the optimiser's moments follow the parameters
    jax.tree.map(np.testing.assert_array_equal, kept, toy.bases)
  assert any(np.all(leaf == 7) for leaf in jax.tree.leaves(marked))


def test_hyperparameters_stay_adjustable(toy):
  tx = COMPOSITIONS['inject_hyperparams'](toy.bases)
  state = tx.init(toy.params)
  assert set(state.hyperparams) == {'learning_rate'}
  state.hyperparams['learning_rate'] = jnp.zeros(())
  step = jax.jit(functools.partial(toy.step, tx))
  *_, updates = step(toy.params, state, toy.forgotten)
  assert not any(jnp.any(u) for u in jax.tree.leaves(updates))


def test_multi_steps_move_by_the_mean_gradient(toy):
  tx = unsc_jax.project_updates(optax.sgd(.1), toy.bases)
  whole, _ = toy.run(tx, steps=1)
  steps = optax.MultiSteps(tx, 2)
  step = jax.jit(functools.partial(toy.step, steps))
  params, state = toy.params, steps.init(toy.params)
  for half in (slice(0, 8), slice(8, 16)):
    batch = jax.tree.map(lambda leaf, half=half: leaf[half], toy.forgotten)
    params, state, _ = step(params, state, batch)
  jax.tree.map(
      functools.partial(np.testing.assert_allclose, atol=1e-6), params, whole)


def test_a_step_that_is_not_finite_is_skipped(toy):
  tx = optax.apply_if_finite(
      unsc_jax.project_updates(optax.adam(1e-2), toy.bases), 3)
  update, state = jax.jit(tx.update), tx.init(toy.params)
  bad = jax.tree.map(lambda p: jnp.full_like(p, jnp.nan), toy.params)
  updates, state = update(bad, state, toy.params)
  assert not any(jnp.any(u) for u in jax.tree.leaves(updates))
  gradient = jax.jit(jax.grad(toy.loss))(toy.params, toy.forgotten)
  updates, _ = update(gradient, state, toy.params)
  assert jnp.any(updates['head']['w'])
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
  _, moments = jax.jit(unsc_jax.input_moments(fn))(before, toy.retained)
  bases = unsc_jax.null_space_bases(moments, unsc_jax.threshold_rank(1e-5))
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
  old = fn(before, toy.retained), fn(before, x)
  for _ in range(3):
    step(net, optimizer, toy.forgotten)
    jax.block_until_ready(nnx.state(net))
  change = lambda a, b: np.linalg.norm(b - a) / np.linalg.norm(a)
  assert change(old[0], net(toy.retained)) <= 5e-6
  assert change(old[1], net(x)) > 1e-2
