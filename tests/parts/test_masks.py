"""Masks, counted, broadcast by channel, and proof against what leaks."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from unsc_jax import capture
from unsc_jax.parts import masks

RNG = np.random.default_rng(0)
PARAMS = {'a': RNG.normal(size=(3, 4)).astype(np.float32),
          'b': RNG.normal(size=5).astype(np.float32)}
MASK = jax.tree.map(lambda w: RNG.random(w.shape) < .5, PARAMS)


@pytest.mark.parametrize('share', [0., .3, 1.])
def test_top_marks_the_largest_of_all(share):
  mask = masks.top(PARAMS, share)
  marked = np.concatenate([PARAMS[name][np.asarray(mask[name])] for name in PARAMS])
  everything = np.concatenate([np.ravel(w) for w in PARAMS.values()])
  expected = np.sort(everything)[17 - int(share * 17):]
  np.testing.assert_array_equal(np.sort(marked), expected)


def test_neither_ties_nor_minus_infinity_add_entries():
  assert np.sum(masks.top(np.zeros(10, np.float32), .35)) == 3
  assert not np.any(masks.top(np.full(10, -np.inf, np.float32), 1.))


def test_channels_of_a_convolution():
  scores = RNG.random((3, 3, 2, 4)).astype(np.float32)  # HWIO
  site = capture.Site('w', scores.shape, (0, 1, 2), kind='conv')
  found = masks.by_channel({'w': scores}, {'w': site}, .25)['w']
  rows = np.sort(scores.reshape(18, 4), 0)[::-1][:4].mean(0)
  np.testing.assert_allclose(found, np.broadcast_to(rows, scores.shape), rtol=1e-6)


@pytest.mark.parametrize('optimizer', [
    optax.adamw(.1, weight_decay=1.), optax.sgd(.1, momentum=.9),
    optax.chain(optax.add_decayed_weights(.5), optax.lion(.1))], ids=[
        'adamw', 'momentum', 'lion'])
def test_masked_entries_stay_to_the_bit(optimizer):
  def run(tx):
    params, state, step = PARAMS, tx.init(PARAMS), jax.jit(tx.update)
    for i in range(3):
      gradient = jax.tree.map(lambda w, i=i: np.cos(w + i), params)
      updates, state = step(gradient, state, params)
      params = jax.tree.map(np.add, params, jax.device_get(updates))
    return jax.tree.map(lambda a, b: np.asarray(a != b), params, PARAMS)
  moved = run(masks.confine(optimizer, MASK))
  chex.assert_trees_all_equal(moved, MASK)
  # A mask on the gradient alone leaks: that is what this is for.
  first = optax.stateless(lambda g, p: jax.tree.map(jnp.multiply, g, MASK))
  leaking = run(optax.chain(first, optax.adamw(.1, weight_decay=1.)))
  assert any((leaking[name] & ~np.asarray(MASK[name])).any() for name in MASK)


def test_says_which_parameter_has_no_mask():
  with pytest.raises(ValueError, match='does not fit b'):
    masks.confine(optax.sgd(.1), {'a': MASK['a']}).init(PARAMS)
