"""SCRUB against its two losses in turn, in numpy."""

import jax
import optax

from unsc_jax import methods

KEY = jax.random.key(0)


def test_alternates_away_and_back(toy, ref):
  T, gamma, alpha = 2., .7, .4
  params = ref.params(toy)
  p = lambda params, x: ref.softmax(ref.logits(params, x) / T)
  divergence = lambda q, x: T**2 * ref.kl(p(params, x), p(q, x))
  away = lambda q: -divergence(q, toy.forget.x)
  stay = lambda q: (gamma * ref.cross_entropy(q, toy.retain)
                    + alpha * divergence(q, toy.retain.x))
  method = methods.scrub(
      optax.sgd(.1), temperature=T, gamma=gamma, alpha=alpha, rounds=3,
      forget_rounds=2, batch_size=10, retain_batch_size=20)
  done = method(toy, KEY)
  ref.assert_close(done.params, ref.descend(
      params, .1, away, stay, away, stay, stay))
  assert done.history['loss'].shape == (5,)
