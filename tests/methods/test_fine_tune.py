"""Fine-tuning against SGD on the retained cross-entropy in numpy."""

import jax
import optax

from unsc_jax import methods

KEY = jax.random.key(0)


def test_descends_the_retained_cross_entropy(toy, ref):
  method = methods.fine_tune(optax.sgd(.1), steps=2, batch_size=20)
  loss = lambda p: ref.cross_entropy(p, toy.retain)
  expected = ref.descend(ref.params(toy), .1, loss, loss)
  ref.assert_close(method(toy, KEY).params, expected)


def test_records_every_step(toy):
  done = methods.fine_tune(steps=3, batch_size=5)(toy, KEY)
  assert done.history['loss'].shape == (3,)
  assert set(done.seconds) >= {'steps'}
