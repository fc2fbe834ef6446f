"""From a Flax linen network to the page: python docs/tutorials/linen_network.py

Of one that is trained already, the parameters are its variables.
"""

from flax import linen as nn
import jax
import optax

import unsc_jax
from unsc_jax import data
from unsc_jax import methods
from unsc_jax import models
from unsc_jax import problem
from unsc_jax import training


class Net(nn.Module):
  @nn.compact
  def __call__(self, x, train: bool = False):
    x = nn.BatchNorm(use_running_average=not train)(nn.Conv(16, (3, 3))(x))
    x = nn.max_pool(nn.relu(x), (2, 2), (2, 2)).reshape(len(x), -1)
    return nn.Dense(10)(nn.Dropout(.2)(x, deterministic=not train))


digits = data.load('digits')
network = models.from_linen(Net(), (8, 8, 1))
recipe = training.Recipe(lambda steps: optax.adam(2e-3), epochs=20, batch_size=64)
params = training.train(network, digits.train, recipe, jax.random.key(0)).params
retain, forget = problem.split_classes(digits.train, [3])
asked = unsc_jax.Problem(network, params, retain, forget, num_classes=10, forget_classes=(3,))
results = unsc_jax.evaluate(asked, [methods.unsc()], digits.test, recipe=recipe, name='digits')
print(results.table())
print(results.page('report.html'))
