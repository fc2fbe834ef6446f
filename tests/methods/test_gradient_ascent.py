"""Gradient ascent and NegGrad+ against their losses in numpy."""

import jax
import optax
import pytest

from unsc_jax import methods

KEY = jax.random.key(0)


def test_climbs_the_forget_loss(toy, ref):
  method = methods.gradient_ascent(optax.sgd(.1), steps=2, batch_size=10)
  loss = lambda p: -ref.cross_entropy(p, toy.forget)
  ref.assert_close(method(toy, KEY).params,
                   ref.descend(ref.params(toy), .1, loss, loss))


def test_neggrad_plus_weighs_both(toy, ref):
  # Twenty: the retain set once, the forget set twice.
  method = methods.neggrad_plus(optax.sgd(.1), alpha=.8, steps=1, batch_size=20)
  loss = lambda p: (.8 * ref.cross_entropy(p, toy.retain)
                    - .2 * ref.cross_entropy(p, toy.forget))
  ref.assert_close(method(toy, KEY).params,
                   ref.descend(ref.params(toy), .1, loss))


def test_alpha_is_a_weight():
  with pytest.raises(ValueError, match='alpha'):
    methods.neggrad_plus(alpha=1.5)
