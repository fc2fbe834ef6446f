"""The leash of Partially-Blinded Unlearning against numpy."""

import jax
import numpy as np
import optax

from unsc_jax import methods

KEY = jax.random.key(0)


def test_ascends_on_a_leash(toy, ref):
  params, x = ref.params(toy), toy.forget.x
  p, fisher = ref.softmax(ref.logits(params, x)), 0
  for i in range(len(x)):
    for y in range(3):
      one = lambda q, i=i, y=y: -ref.log_p(q, x[i:i + 1])[0, y]
      fisher = fisher + p[i, y] * np.square(
          ref.flat(ref.gradient(one, params))) / len(x)
  start = ref.flat(params)
  loss = lambda q: (
      -2. * ref.cross_entropy(q, toy.forget)
      + np.sum((3. * fisher + .5) * np.square(ref.flat(q) - start)))
  method = methods.partially_blinded(
      optax.sgd(.02), alpha=2., beta=3., gamma=.5, steps=3, batch_size=10)
  ref.assert_close(method(toy, KEY).params,
                   ref.descend(params, .02, loss, loss, loss), 1e-3)
