"""SalUn's mask and masked steps against numpy."""

import dataclasses

import jax
import numpy as np
import optax

from unsc_jax import methods

KEY = jax.random.key(0)


def mask_of(problem, ref, share):
  """1 for the largest summed forget gradients, over all weights."""
  params = ref.params(problem)
  score = np.abs(sum(map(ref.flat, ref.each(params, problem.forget))))
  kept = int(share * score.size)
  return (score >= np.sort(score)[-kept]).astype(float)


def test_steps_are_masked_gradients(two_classes, ref):
  problem = two_classes  # one class remains: the random label is known
  mask = mask_of(problem, ref, .3)
  params = ref.params(problem)
  forget = dataclasses.replace(problem.forget, y=np.zeros(20, int))
  for data in (forget, problem.retain):
    gradient = ref.gradient(lambda p, d=data: ref.cross_entropy(p, d), params)
    new = ref.flat(params) - .1 * mask * ref.flat(gradient)
    sizes = [w.size for w in jax.tree.leaves(params)]
    leaves = np.split(new, np.cumsum(sizes)[:-1])
    params = jax.tree.unflatten(jax.tree.structure(params), [
        leaf.reshape(w.shape)
        for leaf, w in zip(leaves, jax.tree.leaves(params))])
  method = methods.salun(optax.sgd(.1), share=.3, rounds=1, batch_size=20)
  # The retain set has ten examples: each twice in a batch of twenty.
  ref.assert_close(method(problem, KEY).params, params)


def test_masked_weights_do_not_move_at_all(toy, ref):
  mask = mask_of(toy, ref, .4)
  optimizer = optax.adamw(.05, weight_decay=1.)
  done = methods.salun(optimizer, share=.4, rounds=3)(toy, KEY)
  moved = ref.flat(done.params) != ref.flat(toy.params)
  np.testing.assert_array_equal(moved, mask == 1)


def test_published_labels_may_be_the_own(toy):
  labels = [methods.salun(rounds=1, published=p) for p in (False, True)]
  done = [m(toy, KEY).history['loss'] for m in labels]
  assert not np.allclose(done[0], done[1])
