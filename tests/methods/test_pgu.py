"""PGU's loss, spaces and projected step against numpy."""

import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods
from unsc_jax import moments as moments_lib
from unsc_jax.methods.pgu import amplitude_rank

KEY = jax.random.key(0)
SHARE = .8


def expected(problem, ref, *, short=0):
  """One projected step of plain SGD at .1."""
  params, x, y = ref.params(problem), problem.forget.x, problem.forget.y

  def loss(p):
    prob = ref.softmax(ref.logits(p, x))
    own = prob[np.arange(len(y)), y]
    entropy = -(prob * np.log(prob)).sum(-1)
    return -np.log(1 - (own - .05)).mean() - .2 * entropy.mean()

  step = ref.confined(problem, ref.gradient(loss, params), SHARE, short=short, power=1)
  return jax.tree.map(lambda w, g: w - .1 * g, params, step)


@pytest.mark.parametrize('published', [False, True])
def test_step(toy, ref, published):
  method = methods.pgu(
      optax.sgd(.1), share=SHARE, published=published, steps=1, batch_size=10)
  ref.assert_close(method(toy, KEY).params,
                   expected(toy, ref, short=int(published)), 1e-3)


def test_stored_moments_take_the_place_of_retained_data(toy, ref):
  both = np.concatenate([toy.retain.x, toy.forget.x])
  _, everything = moments_lib.input_moments(toy.fn)(toy.params, both)
  method = methods.pgu(
      optax.sgd(.1), everything=everything, share=SHARE, steps=1, batch_size=10)
  ref.assert_close(method(toy, KEY).params, expected(toy, ref), 1e-3)


def test_rank_counts_roots():
  values = np.array([100., 9., 1., 1e-9, 0.])
  for share, rank in ((.5, 1), (.71, 1), (.72, 2), (.95, 3)):
    assert int(amplitude_rank(share)(values)) == rank
    assert int(amplitude_rank(share, published=True)(values)) == max(rank - 1, 1)
