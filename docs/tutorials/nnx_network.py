"""From a Flax NNX network to the page: python docs/tutorials/nnx_network.py

Of one that is trained already, the parameters are `nnx.state(model)`.
"""

from flax import nnx
import jax
import optax

import unsc_jax
from unsc_jax import data
from unsc_jax import methods
from unsc_jax import models
from unsc_jax import problem
from unsc_jax import training


class Net(nnx.Module):
  def __init__(self, rngs):
    self.conv = nnx.Conv(1, 16, (3, 3), rngs=rngs)
    self.norm = nnx.BatchNorm(16, rngs=rngs)
    self.dropout = nnx.Dropout(.2, rngs=rngs)
    self.head = nnx.Linear(256, 10, rngs=rngs)

  def __call__(self, x):
    x = nnx.max_pool(nnx.relu(self.norm(self.conv(x))), (2, 2), (2, 2))
    return self.head(self.dropout(x.reshape(len(x), -1)))


digits = data.load('digits')
network = models.from_nnx(Net)
recipe = training.Recipe(lambda steps: optax.adam(2e-3), epochs=20, batch_size=64)
params = training.train(network, digits.train, recipe, jax.random.key(0)).params
retain, forget = problem.split_classes(digits.train, [3])
asked = unsc_jax.Problem(network, params, retain, forget, num_classes=10, forget_classes=(3,))
results = unsc_jax.evaluate(asked, [methods.unsc()], digits.test, recipe=recipe, name='digits')
print(results.table())
print(results.page('report.html'))
