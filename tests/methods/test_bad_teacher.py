"""Bad Teacher against the two divergences in numpy."""

import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods

KEY = jax.random.key(0)


@pytest.mark.parametrize('published', [False, True])
def test_two_teachers(fixed_init, ref, published):
  problem, fresh = fixed_init
  params, x_f, x_r = ref.params(problem), problem.forget.x, problem.retain.x
  p = lambda params, x: ref.softmax(ref.logits(params, x))
  novice = p(jax.tree.map(lambda w: np.asarray(w, np.float64), fresh), x_f)
  original = p(params, x_r)
  loss = lambda q: (10 * ref.kl(novice, p(q, x_f)) + 20 * ref.kl(
      original, p(q, x_r))) / 30 / (3 if published else 1)
  method = methods.bad_teacher(
      optax.sgd(.2), retain_share=1., published=published, steps=3,
      batch_size=30)
  ref.assert_close(method(problem, KEY).params,
                   ref.descend(params, .2, loss, loss, loss))


def test_share_is_a_share():
  with pytest.raises(ValueError, match='retain_share'):
    methods.bad_teacher(retain_share=0.)
