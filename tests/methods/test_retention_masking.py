"""What Retention-Based Masking drops, against numpy."""

import jax
import numpy as np
import optax

from unsc_jax import methods

KEY = jax.random.key(0)


def test_drops_what_the_retained_do_not_call_for(toy, ref):
  params = ref.params(toy)
  share = .8  # less would leave a unit at nought, where relu has no gradient
  score = np.abs(sum(map(ref.flat, ref.each(params, toy.retain))))
  kept = score >= np.sort(score)[-int(share * score.size)]
  start = ref.unflat(kept * ref.flat(params), params)
  assert (np.abs(start['a']['kernel']).sum(0) > 0).all()
  # Dropped weights are free again: the step is not masked.
  loss = lambda p: ref.cross_entropy(p, toy.retain)
  method = methods.retention_masking(
      optax.sgd(.1), share=share, steps=1, batch_size=20)
  ref.assert_close(
      method(toy, KEY).params, ref.descend(start, .1, loss))
