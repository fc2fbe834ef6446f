"""DELETE against the KL divergence to the masked softmax in numpy."""

import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods

KEY = jax.random.key(0)


def check(problem, ref, ruled_out, **options):
  params, x = ref.params(problem), problem.forget.x
  masked = np.where(ruled_out, -np.inf, ref.logits(params, x))
  q = ref.softmax(masked)
  loss = lambda p: ref.kl(q, ref.softmax(ref.logits(p, x)))
  method = methods.delete(
      optax.sgd(.1), steps=2, batch_size=len(x), **options)
  ref.assert_close(method(problem, KEY).params,
                   ref.descend(params, .1, loss, loss))


def test_rules_out_all_forgotten_classes(two_classes, ref):
  check(two_classes, ref, np.arange(3) > 0)


@pytest.mark.parametrize('which', ['two_classes', 'single'])
def test_rules_out_the_own_class(request, which, ref):
  problem = request.getfixturevalue(which)
  own = np.arange(3) == problem.forget.y[:, None]
  check(problem, ref, own, published=which == 'two_classes')
