"""CF-k and EU-k: what is frozen stays, to the bit; the rest is fine-tuned."""

import chex
import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods

KEY = jax.random.key(0)


def same(a, b):
  return all(np.array_equal(x, y) for x, y in zip(
      jax.tree.leaves(a), jax.tree.leaves(b)))


def test_cf_1_trains_the_head_alone(toy, ref):
  params = ref.params(toy)
  loss = lambda p: ref.cross_entropy({**p, 'a': params['a']}, toy.retain)
  done = methods.cf_k(optax.sgd(.1), steps=2, batch_size=20)(toy, KEY)
  assert same(done.params['a'], toy.params['a'])
  ref.assert_close(done.params, ref.descend(params, .1, loss, loss))


def test_all_layers_are_fine_tuning(toy):
  done = [m(toy, KEY).params for m in (
      methods.cf_k(k=2, steps=3, batch_size=20),
      methods.fine_tune(steps=3, batch_size=20))]
  chex.assert_trees_all_close(*done, atol=1e-6)


def test_eu_1_starts_the_head_anew(fixed_init, ref):
  problem, fresh = fixed_init, fixed_init.network.init(KEY)
  start = {'a': ref.params(problem)['a'],
           'b': jax.tree.map(lambda w: np.asarray(w, np.float64), fresh['b'])}
  loss = lambda p: ref.cross_entropy({**p, 'a': start['a']}, problem.retain)
  done = methods.eu_k(optax.sgd(.1), steps=2, batch_size=20)(problem, KEY)
  assert same(done.params['a'], problem.params['a'])
  ref.assert_close(done.params, ref.descend(start, .1, loss, loss))


def test_weight_decay_leaves_frozen_layers_alone(toy):
  done = methods.cf_k(optax.adamw(.1, weight_decay=1.), steps=2)(toy, KEY)
  assert same(done.params['a'], toy.params['a'])
  assert not same(done.params['b'], toy.params['b'])


def test_there_are_so_many_layers(toy):
  with pytest.raises(ValueError, match='k is 3, but the network has 2'):
    methods.cf_k(k=3)(toy, KEY)
