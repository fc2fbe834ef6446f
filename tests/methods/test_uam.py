"""UAM against its authors' minimiser in float64 NumPy."""

import dataclasses

import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods

KEY = jax.random.key(0)


@pytest.mark.parametrize('fading', [False, True])
def test_steps_are_those_of_the_authors(toy, ref, fading):
  """Up the forget slope by the radius, the retained gradient there, and back."""
  half = dataclasses.replace(toy, retain=toy.retain.where(slice(5, 15)))
  params, rate, steps = ref.params(half), .1, 3
  for t in range(steps):
    radius = 2 * (1 + np.cos(np.pi * t / steps)) / 2 if fading else 2.
    slope = ref.flat(ref.gradient(lambda p: ref.cross_entropy(p, half.forget), params))
    away = ref.unflat(
        ref.flat(params) + radius * slope / np.linalg.norm(slope), params)
    gradient = ref.gradient(lambda p: ref.cross_entropy(p, half.retain), away)
    params = ref.unflat(ref.flat(params) - rate * ref.flat(gradient), params)
  method = methods.uam(
      optax.sgd(rate), radius=2., fading=fading, steps=steps, batch_size=10)
  ref.assert_close(method(half, KEY).params, params, 5e-4)


def test_the_radius_is_a_length():
  with pytest.raises(ValueError, match='a positive number, not 0'):
    methods.uam(radius=0)
