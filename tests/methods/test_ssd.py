"""Dampening against squared gradients in numpy."""

import jax
import numpy as np
import pytest

from unsc_jax import methods

KEY = jax.random.key(0)


@pytest.mark.parametrize('group', [1, 5])
def test_dampens_by_the_ratio_of_importances(toy, ref, group):
  params = ref.params(toy)

  def squares(examples):
    each = np.stack([ref.flat(g) for g in ref.each(params, examples)])
    return np.square(each.reshape(-1, group, each.shape[1]).mean(1))

  f, r = squares(toy.forget), squares(toy.retain)
  everything, forget = np.concatenate([f, r]).mean(0), f.mean(0)
  w = ref.flat(params)
  chosen = forget > 1.2 * everything
  assert .1 < chosen.mean() < .9
  expected = np.where(chosen, w * np.minimum(
      1, .8 * everything / np.where(chosen, forget, 1)), w)
  done = methods.ssd(1.2, .8, group=group, batch_size=10)(toy, KEY)
  np.testing.assert_allclose(ref.flat(done.params), expected, atol=1e-4)
