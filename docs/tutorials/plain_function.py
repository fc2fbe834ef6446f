"""From plain functions to the page: python docs/tutorials/plain_function.py"""

import jax
import jax.numpy as jnp
import optax

import unsc_jax
from unsc_jax import data
from unsc_jax import methods
from unsc_jax import problem
from unsc_jax import training


def fn(params, x):
  x = jax.nn.relu(x.reshape(len(x), -1) @ params['first'] + params['bias'])
  return x @ params['head']


def init(key):
  a, b = jax.random.split(key)
  return {'first': jax.random.normal(a, (64, 128)) / 8, 'bias': jnp.zeros(128),
          'head': jax.random.normal(b, (128, 10)) / 11}


digits = data.load('digits')
network = unsc_jax.Network(fn, init)
recipe = training.Recipe(lambda steps: optax.adam(2e-3), epochs=20, batch_size=64)
params = training.train(network, digits.train, recipe, jax.random.key(0)).params
retain, forget = problem.split_classes(digits.train, [3])
asked = unsc_jax.Problem(network, params, retain, forget, num_classes=10, forget_classes=(3,))
results = unsc_jax.evaluate(asked, [methods.unsc()], digits.test, recipe=recipe, name='digits')
print(results.table())
print(results.page('report.html'))
