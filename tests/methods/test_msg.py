"""MSG against its authors' reset and steps in float64 NumPy."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from unsc_jax import methods
from unsc_jax import problem as problem_lib

KEY = jax.random.key(0)


def test_reset_and_steps_are_those_of_the_authors(fixed_init, ref):
  problem = dataclasses.replace(fixed_init, retain=fixed_init.retain.where(slice(10)))
  params, share, rate = ref.params(problem), .35, .2
  slope = ref.unflat(ref.each(params, problem.retain).sum(0)
                     - ref.each(params, problem.forget).sum(0), params)
  fresh, speed = ref.fresh(problem), jax.tree.map(np.ones_like, params)
  for layer in params:  # biases are no layers' weights
    g = np.abs(slope[layer]['kernel'])
    mark = np.zeros(g.size, bool)
    mark[np.argsort(g.ravel(), kind='stable')[:round(share * g.size)]] = True
    mark = mark.reshape(g.shape)
    params[layer]['kernel'] = np.where(mark, fresh[layer]['kernel'], params[layer]['kernel'])
    speed[layer]['kernel'] = np.where(mark, 1., .1)
  for _ in range(2):
    gradient = ref.gradient(lambda p: ref.cross_entropy(p, problem.retain), params)
    params = jax.tree.map(lambda w, g, s: w - rate * s * g, params, gradient, speed)
  method = methods.msg(optax.sgd(rate), share=share, steps=2, batch_size=10)
  ref.assert_close(method(problem, KEY).params, params, 5e-4)


def test_as_published_convolutions_alone_are_reset(fixed_init):
  def fn(params, x):
    y = jax.lax.conv_general_dilated(
        x, params['conv'], (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC'))
    return jax.nn.relu(y).mean((1, 2)) @ params['head']

  rng = np.random.default_rng(0)
  make = lambda: {'conv': jnp.asarray(rng.normal(size=(3, 3, 1, 4)), jnp.float32),
                  'head': jnp.asarray(rng.normal(size=(4, 3)), jnp.float32)}
  params, fresh = make(), make()
  data = problem_lib.Examples(
      rng.normal(size=(12, 4, 4, 1)).astype(np.float32), np.arange(12) % 3)
  problem = problem_lib.Problem(
      problem_lib.Network(fn, lambda key: fresh), params,
      *problem_lib.split_classes(data, [2]), 3, (2,))
  for published in (False, True):
    done = methods.msg(share=.5, published=published, epochs=0)(problem, KEY).params
    moved = {name: int((done[name] == fresh[name]).sum()) for name in params}
    assert moved == {'conv': 18, 'head': 0 if published else 6}
  with pytest.raises(ValueError, match='has no convolutions that may be reset; drop'):
    methods.msg(published=True)(fixed_init, KEY)
  with pytest.raises(ValueError, match='share is the part of the weights to reset'):
    methods.msg(share=2.)
