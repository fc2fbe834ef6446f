"""Every optimiser through the same properties, in every kind of program."""

import functools
import re

import chex
import jax
from jax import lax
from jax.sharding import PartitionSpec as P
import numpy as np
import optax
import pytest

import unsc_jax
from unsc_jax import null_space
from unsc_jax import sharding

# Each with what the order chain(null_space_projection, optimiser) leaks, between which.
OPTIMISERS = {
    'sgd': (optax.sgd(.05), (0, 1e-5)),
    'momentum': (optax.sgd(.02, momentum=.9), (0, 1e-5)),
    'nesterov': (optax.sgd(.02, momentum=.9, nesterov=True), (0, 1e-5)),
    'adam': (optax.adam(1e-2), (.1, .9)),
    'adamw': (optax.adamw(1e-2, weight_decay=.1), (.1, .9)),
    'lion': (optax.lion(1e-3), (.1, .9)),
    # Keeps the space, but amplifies rounding.
    'muon': (optax.contrib.muon(1e-2), (0, 1e-2)),
    'rmsprop': (optax.rmsprop(1e-3), (.1, .9)),
    'adagrad': (optax.adagrad(1e-2), (.01, .9)),
    'clip': (optax.chain(optax.clip(1e-3), optax.sgd(1.)), (.1, .9)),
    'global_norm': (
        optax.chain(optax.clip_by_global_norm(.5), optax.sgd(.1)), (0, 1e-5)),
    'weight_decay': (
        optax.chain(optax.add_decayed_weights(.01), optax.sgd(.05)), (1e-3, .5)),
}

# One of each kind in every run: linear in gradients, of a matrix, of each entry with a
# memory and without, of parameters.
DAILY = {'momentum', 'muon', 'adamw', 'clip', 'weight_decay'}
optimisers = pytest.mark.parametrize('name', [
    pytest.param(name, marks=() if name in DAILY else pytest.mark.slow) for name in OPTIMISERS])


@optimisers
def test_any_optimiser_keeps_retained_outputs(name, toy):
  tx = unsc_jax.project_updates(OPTIMISERS[name][0], toy.bases)
  after, updates = toy.run(tx)
  assert toy.leak(updates) <= 1e-5
  assert toy.drift(after, toy.retained) <= 2e-6
  assert toy.drift(after, toy.forgotten[0]) > 3e-3
  assert toy.moved(after) > 1e-4
  for layer in ('hidden', 'head'):
    np.testing.assert_array_equal(after[layer]['b'], toy.params[layer]['b'])


@optimisers
def test_which_optimisers_leak_after_a_projection(name, toy):
  optimiser, (least, most) = OPTIMISERS[name]
  _, updates = toy.run(optax.chain(unsc_jax.null_space_projection(toy.bases), optimiser))
  leaks = toy.leaks(updates)
  assert least <= max(leaks['hidden/w'], leaks['head/w']) <= most


def test_project_updates_projects_on_both_sides(toy):
  p = unsc_jax.null_space_projection(toy.bases)
  both, _ = toy.run(optax.chain(p, optax.adam(1e-2), p))
  wrapped, _ = toy.run(unsc_jax.project_updates(optax.adam(1e-2), toy.bases))
  one, _ = toy.run(optax.chain(optax.adam(1e-2), p))
  chex.assert_trees_all_close(wrapped, both, rtol=1e-7, atol=1e-5)
  assert np.max(np.abs(np.subtract(wrapped['head']['w'], one['head']['w']))) > 1e-3


@pytest.mark.parametrize('train_others', [False, True])
def test_others_are_frozen_unless_asked_for(train_others, toy):
  gradient = jax.jit(jax.grad(toy.loss))(toy.params, toy.forgotten)
  assert np.min(np.abs(gradient['hidden']['b'])) > 0
  others = dict(train_others=train_others)
  for tx in (unsc_jax.null_space_projection(toy.bases, **others),
             unsc_jax.project_updates(optax.identity(), toy.bases, **others)):
    out, _ = jax.jit(tx.update)(gradient, tx.init(toy.params), toy.params)
    np.testing.assert_array_equal(
        out['hidden']['b'], float(train_others) * np.asarray(gradient['hidden']['b']))
    leaks = toy.leaks(out)
    assert leaks['hidden/b'] == float(train_others)
    assert leaks['hidden/w'] <= 1e-5


@pytest.mark.parametrize('name', ['sgd', 'adam', *(
    pytest.param(name, marks=pytest.mark.slow)
    for name in ('momentum', 'adamw', 'lion', 'muon'))])
def test_same_update_everywhere(name, toy):
  """SGD too: adaptive ones would hide a gradient that is eight times too large."""
  tx = unsc_jax.project_updates(OPTIMISERS[name][0], toy.bases)
  state = tx.init(toy.params)
  eager, *_ = toy.step(tx, toy.params, state, toy.forgotten)

  mesh = sharding.data_mesh()
  jitted, *_ = jax.jit(functools.partial(toy.step, tx))(
      sharding.replicate(toy.params, mesh), sharding.replicate(state, mesh),
      sharding.shard_batch(toy.forgotten, mesh))

  def step(gradient, params, state):
    updates, _ = tx.update(gradient, state, params)
    return optax.apply_updates(params, updates)

  def mapped(params, state, batch):
    gradient = lax.pmean(jax.grad(toy.loss)(params, batch), 'data')
    return step(gradient, params, state)

  split = lambda x: x.reshape(8, -1, *x.shape[1:])
  pmapped = jax.pmap(mapped, 'data', in_axes=(None, None, 0))(
      toy.params, state, jax.tree.map(split, toy.forgotten))

  def sharded(params, state, batch):
    gradient = jax.grad(lambda p: lax.pmean(toy.loss(p, batch), 'data'))(params)
    return step(gradient, params, state)

  shard_mapped = jax.jit(jax.shard_map(
      sharded, mesh=mesh, in_specs=(P(), P(), P('data')), out_specs=P()))(
          toy.params, state, toy.forgotten)

  assert toy.moved(eager) > (1e-3 if name == 'momentum' else 3e-3)
  first, last = (jax.tree.map(lambda x, i=device: x[i], pmapped) for device in (0, 7))
  for other in (jitted, first, last, shard_mapped):
    chex.assert_trees_all_close(other, eager, rtol=1e-7, atol=3e-5)


@pytest.mark.parametrize('on_mesh', [False, True])
def test_one_compilation_serves_all_steps(on_mesh, toy, caplog):
  tx = optax.chain(unsc_jax.project_updates(optax.adam(1e-2), toy.bases),
                   unsc_jax.null_space_projection(toy.bases))

  def confined(params, state, batch):
    return toy.step(tx, params, state, batch)[:2]

  step = jax.jit(confined, donate_argnums=(0, 1))
  params = jax.tree.map(jax.numpy.copy, toy.params)
  state, batch = tx.init(params), toy.forgotten
  if on_mesh:
    mesh = sharding.data_mesh()
    params, state = sharding.replicate((params, state), mesh)
    batch = sharding.shard_batch(batch, mesh)
  with jax.log_compiles():
    for _ in range(3):
      params, state = jax.block_until_ready(step(params, state, batch))
  compiled = [line for line in caplog.messages if line.startswith('Compiling jit(confined)')]
  assert len(compiled) == 1


def test_donated_state_leaves_the_bases_alone(toy):
  p = unsc_jax.null_space_projection(toy.bases)
  for tx in (optax.chain(p, optax.sgd(.1), p),  # no buffer is in it twice
             unsc_jax.project_updates(optax.sgd(.1), toy.bases)):
    step = jax.jit(functools.partial(toy.step, tx), donate_argnums=1)
    for _ in range(2):
      *_, updates = step(toy.params, tx.init(toy.params), toy.forgotten)
      assert toy.leak(updates) <= 1e-5


def test_step_has_no_large_constants(toy):
  def large(tx):
    """Constants of more than 1 kB."""
    step = jax.jit(functools.partial(toy.step, tx)).lower(
        toy.params, tx.init(toy.params), toy.forgotten)
    return re.findall('0x[0-9A-F]{2049,}', step.as_text())

  p = unsc_jax.null_space_projection(toy.bases)
  assert not large(optax.chain(p, optax.adam(1e-2)))
  assert not large(unsc_jax.project_updates(optax.adam(1e-2), toy.bases))
  # What is looked for would be found.
  assert large(optax.stateless(lambda u, _: null_space.project(u, toy.bases)))
