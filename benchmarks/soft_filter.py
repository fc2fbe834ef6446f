"""A soft filter, against the hard cut.

  python -m benchmarks.soft_filter

The soft one is made of the same moments by one Cholesky factorisation of each, the hard
one by an eigendecomposition. Their steps run in turn in the same process; bases hold
half of every layer's directions, the most that is ever stored, and both filters are
applied before and after the optimiser. A step of 128 images is nearly all convolutions,
so that the hard one runs as a side of its own a second time, to tell what the clock alone
makes of two that are the same; of 8 images the projections are a part that shows. Of
ViT-L/16 one layer of each size is timed and multiplied by their number; a transformer's
query, key and value have the same inputs and are counted three times, as the library
does. Compiling is left out: for a TPU an eigendecomposition alone takes minutes, see
`eigensolvers`.
"""

import collections
import time
from typing import Any

from benchmarks import _results
from benchmarks import _timing

SEED, ROUNDS, BATCHES = 0, 24, (8, 128)


def network(size: int) -> Any:
  """AllCNN on images of CIFAR-10's shape: itself, parameters, a batch."""
  import jax
  import jax.numpy as jnp
  import numpy as np

  from unsc_jax import models
  from unsc_jax import problem

  made: Any = models.from_linen(models.AllCNN(), (32, 32, 3))
  rng = np.random.default_rng(SEED)
  x = jnp.asarray(rng.normal(size=(size, 32, 32, 3)), jnp.float32)
  batch = problem.Examples(x, jnp.asarray(rng.integers(10, size=size)))
  return made, jax.jit(made.init)(jax.random.key(SEED)), batch


def sides(size: int) -> tuple[dict, dict[str, int]]:
  """What is timed with batches of one size, and each step's products of matrices, by name."""
  import jax
  import jax.numpy as jnp
  import optax

  from benchmarks import _bases
  import unsc_jax
  from unsc_jax import null_space
  from unsc_jax import training

  made, params, batch = network(size)
  moments = unsc_jax.accumulate(unsc_jax.input_moments(made.fn), params, [batch.x])
  filters = {'hard': _bases.half(made.fn, params, batch.x, jax.random.key(SEED)),
             'soft': null_space.soft()(moments)}

  products = {}

  def stepper(name, bases):
    optimizer = training.only(unsc_jax.project_updates(
        optax.sgd(1e-3, momentum=.9), bases), made.trainable, params)
    step = training.make_step(training.classify(made.fn), optimizer)
    state = [jax.tree.map(jnp.copy, (params, optimizer.init(params)))]
    key = jax.random.key(0)
    products[name] = step.lower(*state[0], batch, key).compile().as_text().count(' dot(')

    def run():
      *state[0], loss = step(*state[0], batch, key)
      return state[0], loss
    return run

  def projecting(bases):
    project = jax.jit(null_space.project)
    return lambda: project(params, bases)

  timed = {
      **{f'{name} step': stepper(name, bases) for name, bases in filters.items()},
      'second hard step': stepper('hard', filters['hard']),
      **{f'{name} projection': projecting(bases) for name, bases in filters.items()}}
  return timed, products


def sizes(model: str) -> collections.Counter:
  """How many matrices of each size a model's layers have."""
  import jax

  import unsc_jax
  from unsc_jax import models
  module, shape = {'AllCNN': (models.AllCNN(), (32, 32, 3)),
                   'ViT-L/16': (models.ViT(), (224, 224, 3))}[model]
  made: Any = models.from_linen(module, shape)
  params = jax.eval_shape(made.init, jax.random.key(0))
  x = jax.ShapeDtypeStruct((1, *shape), 'float32')
  moments = jax.eval_shape(
      lambda params, x: unsc_jax.input_moments(made.fn)(params, x)[1], params, x)
  found: collections.Counter = collections.Counter()
  for moment in moments:
    found[moment.second.shape[-1]] += moment.second.shape[0]
  return found


def seconds(d: int) -> dict[str, float]:
  """Of making each filter from one moment of this size, compiled before."""
  import jax
  import jax.numpy as jnp
  import numpy as np

  from unsc_jax import null_space
  x = np.random.default_rng(SEED).normal(size=(2 * d, d)).astype(np.float32)
  second = jax.block_until_ready(jnp.asarray(x.T @ x / len(x))[None])
  out = {}
  for name, make in (('hard', null_space.eigh), ('soft', null_space.inverse)):
    rounds = 1 if d > 1000 else 3
    if rounds > 1:
      jax.block_until_ready(make(second))  # compiles
    else:
      make.lower(second).compile()
    spent = []
    for _ in range(rounds):
      start = time.perf_counter()
      jax.block_until_ready(make(second))
      spent.append(time.perf_counter() - start)
    out[name] = min(spent)
  return out


def main() -> None:
  rows: dict = {}
  claims = []
  for size in BATCHES:
    what, products = sides(size)
    timed = _timing.interleaved(what, ROUNDS)
    rows[f'products of matrices in a compiled step, batch {size}'] = products
    for side, other in (('soft step', 'hard step'), ('second hard step', 'hard step'),
                        ('soft projection', 'hard projection')):
      rows[f'quartiles of {ROUNDS} rounds, {side} per {other}, batch {size}'] = (
          _timing.quartiles(timed, side, other))
    claims.append(_results.Claim(
        f'time of a soft step per hard step, AllCNN, batch {size}',
        _timing.ratio(timed, 'soft step', 'hard step'), 'at most', 1))
  claims.append(_results.Claim(
      'time of a soft projection per hard projection, AllCNN, all layers',
      _timing.ratio(timed, 'soft projection', 'hard projection'), 'at most', 1))
  counts = {model: sizes(model) for model in ('AllCNN', 'ViT-L/16')}
  one = {d: seconds(d) for d in sorted(set().union(*counts.values()))}
  rows['times as fast to make from a moment, by its size'] = {
      d: round(found['hard'] / found['soft'], 1) for d, found in one.items()}
  for model, count in counts.items():
    rows[f'matrices of {model}, by size'] = dict(sorted(count.items()))
    total = {name: sum(n * one[d][name] for d, n in count.items())
             for name in ('hard', 'soft')}
    claims.append(_results.Claim(
        f'times as fast from the moments of {model} to the filter, as by eigenvectors',
        total['hard'] / total['soft'], 'at least', 1))
  _results.publish('soft_filter', claims, rows, seed=SEED)


if __name__ == '__main__':
  main()
