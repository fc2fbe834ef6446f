"""From an Equinox module to the page: python docs/tutorials/equinox_network.py"""

import equinox as eqx
import jax
import optax

import unsc_jax
from unsc_jax import data
from unsc_jax import methods
from unsc_jax import models
from unsc_jax import problem
from unsc_jax import training


class Net(eqx.Module):
  first: eqx.nn.Linear
  norm: eqx.nn.BatchNorm
  dropout: eqx.nn.Dropout
  head: eqx.nn.Linear

  def __init__(self, key):
    a, b = jax.random.split(key)
    self.first, self.head = eqx.nn.Linear(64, 128, key=a), eqx.nn.Linear(128, 10, key=b)
    self.norm = eqx.nn.BatchNorm(128, 'batch', mode='batch')
    self.dropout = eqx.nn.Dropout(.2)

  def __call__(self, x, state, key=None):  # of one example
    x, state = self.norm(self.first(x.ravel()), state)
    return self.head(self.dropout(jax.nn.relu(x), key=key)), state


digits = data.load('digits')
network = models.from_equinox(eqx.nn.make_with_state(Net))
recipe = training.Recipe(lambda steps: optax.adam(2e-3), epochs=20, batch_size=64)
params = training.train(network, digits.train, recipe, jax.random.key(0)).params
retain, forget = problem.split_classes(digits.train, [3])
asked = unsc_jax.Problem(network, params, retain, forget, num_classes=10, forget_classes=(3,))
results = unsc_jax.evaluate(asked, [methods.unsc()], digits.test, recipe=recipe, name='digits')
print(results.table())
print(results.page('report.html'))
