"""A step inside the null space, against the same optimiser's plain step.

  python -m benchmarks.projected_step

Bases hold half of every layer's directions, the most that is ever stored, and the
projection is applied before and after the optimiser.
"""

from typing import NamedTuple

from benchmarks import _results
from benchmarks import _timing

SEED, ROUNDS = 0, 21


class Setting(NamedTuple):
  network: str
  batch: int
  bound: float


CPU = Setting('AllCNN', 256, 1.05)
GPU = Setting('ResNet18', 512, 1.02)


def sides(setting: Setting) -> dict:
  """Name of an optimiser to a function that makes its next step."""
  import jax
  import jax.numpy as jnp
  import numpy as np
  import optax

  from benchmarks import _bases
  import unsc_jax
  from unsc_jax import models
  from unsc_jax import problem
  from unsc_jax import training

  module = getattr(models, setting.network)()
  network = models.from_linen(module, (32, 32, 3))
  rng = np.random.default_rng(SEED)
  x = jnp.asarray(rng.normal(size=(setting.batch, 32, 32, 3)), jnp.float32)
  batch = problem.Examples(x, jnp.asarray(rng.integers(10, size=setting.batch)))
  params = jax.jit(network.init)(jax.random.key(SEED))
  bases = _bases.half(network.fn, params, x, jax.random.key(SEED + 1))

  def stepper(optimizer):
    optimizer = training.only(optimizer, network.trainable, params)
    step = training.make_step(training.classify(network.fn), optimizer)
    # The step consumes what it is given.
    state = [jax.tree.map(jnp.copy, (params, optimizer.init(params)))]

    def run():
      *state[0], loss = step(*state[0], batch, jax.random.key(0))
      return state[0], loss
    return run

  sgd, adam = optax.sgd(1e-3, momentum=.9), optax.adam(1e-4)
  return {'sgd': stepper(sgd), 'adam': stepper(adam),
          'projected sgd': stepper(unsc_jax.project_updates(sgd, bases)),
          'projected adam': stepper(unsc_jax.project_updates(adam, bases))}


def main() -> None:
  import jax
  setting = GPU if jax.default_backend() == 'gpu' else CPU
  seconds = _timing.interleaved(sides(setting), ROUNDS)
  where = f'{setting.network}, batch {setting.batch}'
  claims = [_results.Claim(
      f'time of a projected step of {name} per plain step, {where}',
      _timing.ratio(seconds, f'projected {name}', name), 'at most', setting.bound)
      for name in ('sgd', 'adam')]
  rows = {f'quartiles of the {ROUNDS} rounds, projected {name} per plain':
          _timing.quartiles(seconds, f'projected {name}', name)
          for name in ('sgd', 'adam')}
  _results.publish('projected_step', claims, rows, seed=SEED)


if __name__ == '__main__':
  main()
