"""The fading l1 penalty against numpy."""

import jax
import numpy as np
import optax

from unsc_jax import methods

KEY = jax.random.key(0)


def test_penalty_fades_linearly(toy, ref):
  l1 = lambda p: np.abs(ref.flat(p)).sum()
  at = lambda t: lambda p: ref.cross_entropy(p, toy.retain) + (
      .3 * (1 - t / 3) * l1(p))
  method = methods.l1_sparse(optax.sgd(.05), alpha=.3, steps=3, batch_size=20)
  ref.assert_close(method(toy, KEY).params,
                   ref.descend(ref.params(toy), .05, at(0), at(1), at(2)))
