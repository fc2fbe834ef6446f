"""Every optimiser through the same properties, in every kind of program."""

import functools

import jax
from jax import lax
from jax.sharding import PartitionSpec as P
import numpy as np
import optax
import pytest

import unsc_jax
from unsc_jax import null_space
from unsc_jax import sharding

OPTIMISERS = {
    'sgd': lambda: optax.sgd(.05),
    'momentum': lambda: optax.sgd(.02, momentum=.9),
    'nesterov': lambda: optax.sgd(.02, momentum=.9, nesterov=True),
    'adam': lambda: optax.adam(1e-2),
    'adamw': lambda: optax.adamw(1e-2, weight_decay=.1),
    'lion': lambda: optax.lion(1e-3),
    'muon': lambda: optax.contrib.muon(1e-2),
    'rmsprop': lambda: optax.rmsprop(1e-3),
    'adagrad': lambda: optax.adagrad(1e-2),
    'clip': lambda: optax.chain(optax.clip(1e-3), optax.sgd(1.)),
    'global_norm': lambda: optax.chain(
        optax.clip_by_global_norm(.5), optax.sgd(.1)),
    'weight_decay': lambda: optax.chain(
        optax.add_decayed_weights(.01), optax.sgd(.05)),
}

# What the order chain(null_space_projection, optimiser) leaks, between which.
LEAKS_BY_ORDER = {
    'sgd': (0, 1e-5), 'momentum': (0, 1e-5), 'nesterov': (0, 1e-5),
    'global_norm': (0, 1e-5),
    'muon': (0, 1e-2),  # keeps the space, but amplifies rounding
    'adam': (.1, .9), 'adamw': (.1, .9), 'lion': (.1, .9), 'rmsprop': (.1, .9),
    'adagrad': (.01, .9), 'clip': (.1, .9), 'weight_decay': (1e-3, .5),
}


@pytest.mark.parametrize('name', OPTIMISERS)
def test_any_optimiser_keeps_retained_outputs(name, toy):
  tx = unsc_jax.project_updates(OPTIMISERS[name](), toy.bases)
  after, updates = toy.run(tx)
  assert toy.leak(updates) <= 1e-5
  assert toy.drift(after, toy.retained) <= 2e-6
  assert toy.drift(after, toy.forgotten[0]) > 3e-3
  assert toy.moved(after) > 1e-4
  for layer in ('hidden', 'head'):
    np.testing.assert_array_equal(after[layer]['b'], toy.params[layer]['b'])


@pytest.mark.parametrize('name', OPTIMISERS)
def test_which_optimisers_leak_after_a_projection(name, toy):
  tx = optax.chain(unsc_jax.null_space_projection(toy.bases), OPTIMISERS[name]())
  _, updates = toy.run(tx)
  leaks = unsc_jax.leak(updates, toy.bases)
  least, most = LEAKS_BY_ORDER[name]
  assert least <= max(leaks['hidden/w'], leaks['head/w']) <= most


@pytest.mark.parametrize('name', ['adamw', 'muon', 'clip'])
def test_none_leaks_before_a_projection(name, toy):
  tx = optax.chain(OPTIMISERS[name](), unsc_jax.null_space_projection(toy.bases))
  _, updates = toy.run(tx)
  assert toy.leak(updates) <= 1e-5


def test_project_updates_projects_on_both_sides(toy):
  p = unsc_jax.null_space_projection(toy.bases)
  both, _ = toy.run(optax.chain(p, optax.adam(1e-2), p))
  wrapped, _ = toy.run(unsc_jax.project_updates(optax.adam(1e-2), toy.bases))
  one, _ = toy.run(optax.chain(optax.adam(1e-2), p))
  near = functools.partial(np.testing.assert_allclose, atol=1e-5)
  jax.tree.map(near, wrapped, both)
  assert np.abs(wrapped['head']['w'] - one['head']['w']).max() > 1e-3


@pytest.mark.parametrize('train_others', [False, True])
def test_others_are_frozen_unless_asked_for(train_others, toy):
  gradient = jax.grad(toy.loss)(toy.params, toy.forgotten)
  assert np.abs(gradient['hidden']['b']).min() > 0
  for tx in (
      unsc_jax.null_space_projection(toy.bases, train_others=train_others),
      unsc_jax.project_updates(
          optax.identity(), toy.bases, train_others=train_others)):
    out, _ = tx.update(gradient, tx.init(toy.params), toy.params)
    np.testing.assert_array_equal(
        out['hidden']['b'], train_others * gradient['hidden']['b'])
    leaks = unsc_jax.leak(out, toy.bases)
    assert leaks['hidden/b'] == train_others
    assert leaks['hidden/w'] <= 1e-5


@pytest.mark.parametrize('name', ['sgd', 'momentum', 'adam', 'adamw', 'lion', 'muon'])
def test_same_update_everywhere(name, toy):
  """SGD too: adaptive ones would hide a gradient that is eight times too large."""
  tx = unsc_jax.project_updates(OPTIMISERS[name](), toy.bases)
  state = tx.init(toy.params)
  eager, *_ = toy.step(tx, toy.params, state, toy.forgotten)

  mesh = sharding.data_mesh()
  jitted, *_ = jax.jit(functools.partial(toy.step, tx))(
      sharding.replicate(toy.params, mesh), sharding.replicate(state, mesh),
      sharding.shard_batch(toy.forgotten, mesh))

  def mapped(params, state, batch):
    gradient = lax.pmean(jax.grad(toy.loss)(params, batch), 'data')
    updates, state = tx.update(gradient, state, params)
    return optax.apply_updates(params, updates)

  split = lambda x: x.reshape(8, -1, *x.shape[1:])
  pmapped = jax.pmap(mapped, 'data', in_axes=(None, None, 0))(
      toy.params, state, jax.tree.map(split, toy.forgotten))

  def sharded(params, state, batch):
    gradient = jax.grad(lambda p: lax.pmean(toy.loss(p, batch), 'data'))(params)
    updates, state = tx.update(gradient, state, params)
    return optax.apply_updates(params, updates)

  shard_mapped = jax.jit(jax.shard_map(
      sharded, mesh=mesh, in_specs=(P(), P(), P('data')), out_specs=P()))(
          toy.params, state, toy.forgotten)

  assert toy.moved(eager) > (1e-3 if name == 'momentum' else 3e-3)
  near = functools.partial(np.testing.assert_allclose, atol=3e-5)
  jax.tree.map(near, jitted, eager)
  for device in (0, 7):
    jax.tree.map(near, jax.tree.map(lambda x, i=device: x[i], pmapped), eager)
  jax.tree.map(near, shard_mapped, eager)


@pytest.mark.parametrize('on_mesh', [False, True])
def test_one_compilation_serves_all_steps(on_mesh, toy):
  tx = optax.chain(unsc_jax.project_updates(optax.adam(1e-2), toy.bases),
                   unsc_jax.null_space_projection(toy.bases))
  step = jax.jit(lambda p, s, b: toy.step(tx, p, s, b)[:2], donate_argnums=(0, 1))
  params = jax.tree.map(jax.numpy.copy, toy.params)
  state, batch = tx.init(params), toy.forgotten
  if on_mesh:
    mesh = sharding.data_mesh()
    params, state = sharding.replicate((params, state), mesh)
    batch = sharding.shard_batch(batch, mesh)
  for _ in range(3):
    params, state = jax.block_until_ready(step(params, state, batch))
  assert step._cache_size() == 1


def test_donated_state_leaves_the_bases_alone(toy):
  p = unsc_jax.null_space_projection(toy.bases)
  for tx in (optax.chain(p, optax.sgd(.1), p),  # no buffer is in it twice
             unsc_jax.project_updates(optax.sgd(.1), toy.bases)):
    step = jax.jit(functools.partial(toy.step, tx), donate_argnums=1)
    for _ in range(2):
      *_, updates = step(toy.params, tx.init(toy.params), toy.forgotten)
      assert toy.leak(updates) <= 1e-5


def _constants(jaxpr):
  """All arrays that a closed jaxpr carries inside, at any depth."""
  yield from jaxpr.consts
  for eqn in jaxpr.jaxpr.eqns:
    for value in eqn.params.values():
      for inner in value if isinstance(value, list | tuple) else [value]:
        if isinstance(inner, jax.extend.core.ClosedJaxpr):
          yield from _constants(inner)
    yield from (v.val for v in eqn.invars
                if isinstance(v, jax.extend.core.Literal))


def test_step_has_no_large_constants(toy):
  size = lambda jaxpr: max(
      (np.asarray(c).nbytes for c in _constants(jaxpr)), default=0)
  jaxpr_of = lambda tx: jax.make_jaxpr(jax.jit(functools.partial(toy.step, tx)))(
      toy.params, tx.init(toy.params), toy.forgotten)
  p = unsc_jax.null_space_projection(toy.bases)
  assert size(jaxpr_of(optax.chain(p, optax.adam(1e-2)))) <= 1024
  tx = unsc_jax.project_updates(optax.adam(1e-2), toy.bases)
  assert size(jaxpr_of(tx)) <= 1024
  closure = optax.stateless(lambda u, _: null_space.project(u, toy.bases))
  assert size(jaxpr_of(closure)) > 1024  # what is looked for would be found
