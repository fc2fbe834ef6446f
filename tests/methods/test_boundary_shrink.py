"""Labels across the decision boundary against a step uphill in numpy."""

import dataclasses

import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods

KEY = jax.random.key(0)


@pytest.mark.parametrize('published', [False, True])
def test_boundary_labels(toy, ref, published):
  head = {**toy.params['b'], 'bias': toy.params['b']['bias'].at[2].add(4.)}
  toy = dataclasses.replace(toy, params={**toy.params, 'b': head})
  params, bound = ref.params(toy), .5
  x = np.asarray(toy.forget.x, np.float64)
  slope = np.zeros(x.shape)
  for at in np.ndindex(x.shape):
    moved = [x.copy(), x.copy()]
    moved[0][at] += 1e-6
    moved[1][at] -= 1e-6
    up, down = (ref.cross_entropy(params, dataclasses.replace(toy.forget, x=m))
                for m in moved)
    slope[at] = up - down
  logits = ref.logits(params, x + bound * np.sign(slope))
  allowed = logits if published else logits[:, :2]  # class 2 is forgotten
  forget = toy.forget.replace(y=allowed.argmax(-1))
  # The two differ here, or the test would show nothing.
  assert published == (2 in forget.y)
  method = methods.boundary_shrink(
      optax.sgd(.1), bound=bound, published=published, steps=1, batch_size=10)
  ref.assert_close(
      method(toy, KEY).params,
      ref.descend(params, .1, lambda p: ref.cross_entropy(p, forget)))
