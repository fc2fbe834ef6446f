"""From a Haiku function to the page: python docs/tutorials/haiku_network.py"""

import haiku as hk
import jax
import optax

import unsc_jax
from unsc_jax import data
from unsc_jax import methods
from unsc_jax import models
from unsc_jax import problem
from unsc_jax import training


def forward(x, is_training):
  x = hk.BatchNorm(True, True, .9)(hk.Conv2D(16, 3)(x), is_training)
  x = hk.max_pool(jax.nn.relu(x), (2, 2, 1), (2, 2, 1), 'SAME').reshape(len(x), -1)
  if is_training:
    x = hk.dropout(hk.next_rng_key(), .2, x)
  return hk.Linear(10)(x)


digits = data.load('digits')
network = models.from_haiku(forward, (8, 8, 1))
recipe = training.Recipe(lambda steps: optax.adam(2e-3), epochs=20, batch_size=64)
params = training.train(network, digits.train, recipe, jax.random.key(0)).params
retain, forget = problem.split_classes(digits.train, [3])
asked = unsc_jax.Problem(network, params, retain, forget, num_classes=10, forget_classes=(3,))
results = unsc_jax.evaluate(asked, [methods.unsc()], digits.test, recipe=recipe, name='digits')
print(results.table())
print(results.page('report.html'))
