"""The first call of UNSC on a new network, and the second: programs and seconds.

  python -m benchmarks.cold_start

What is compiled is counted by JAX's own log, operations outside of `jax.jit` among it.
8,000 images of 28x28 and ten classes for a CNN 16-32-128, and 4,000 of 16x16 in forty
classes, once of about equal sizes and once with a long tail. Seconds are those of one
run, with nothing compiled before and no cache on the disk; how fast the machine was
tells a loop of plain Python in the same minute.
"""

import gc
import os
import time

from benchmarks import _programs
from benchmarks import _results

SEED = 0
FORGET, OTHER = 1, 2


def yardstick() -> float:
  """Seconds of a loop of plain Python: about .65 on a quiet machine of 2025."""
  start, total = time.perf_counter(), 0
  for i in range(10**7):
    total += i
  return time.perf_counter() - start


def examples(count: int, classes: int, side: int, tail: bool):
  """Noisy prototypes, one of every class; with a tail classes shrink by a tenth each."""
  import numpy as np

  from unsc_jax import problem
  rng = np.random.default_rng(SEED)
  share = .9**np.arange(classes) if tail else np.ones(classes)
  y = rng.choice(classes, count, p=share / share.sum()).astype(np.int32)
  y[:classes] = np.arange(classes)
  prototypes = rng.normal(size=(classes, side, side, 1))
  x = prototypes[y] + rng.normal(size=(count, side, side, 1))
  return problem.Examples(x.astype(np.float32), y)


def problems(count: int, classes: int, side: int, features: tuple[int, ...],
             hidden: int, tail: bool = False):
  """The network's problem of a class, as a function of it."""
  import jax

  from unsc_jax import models
  from unsc_jax import problem
  network = models.from_linen(models.SmallCNN(
      num_classes=classes, features=features, hidden=hidden), (side, side, 1))
  data = examples(count, classes, side, tail)
  params = jax.jit(network.init)(jax.random.key(SEED))
  return lambda forget: problem.Problem(
      network, params, *problem.split_classes(data, [forget]), classes, (forget,))


def timed(method, problem, seed: int) -> tuple[float, list[str]]:
  """Seconds of a call, and the programs that it compiled."""
  import jax
  key = jax.block_until_ready(jax.random.key(seed))
  with _programs.compiled() as names:
    start = time.perf_counter()
    jax.block_until_ready(method(problem, key).params)
    return time.perf_counter() - start, names


def cold(method, problem) -> tuple[float, list[str]]:
  """The same with nothing compiled before."""
  import jax
  jax.clear_caches()
  gc.collect()
  return timed(method, problem, SEED)


def main() -> None:
  os.environ.pop('JAX_COMPILATION_CACHE_DIR', None)
  import optax

  from unsc_jax import methods
  from unsc_jax import training
  unsc = methods.unsc(steps=20, stop_below=-1.)
  of = problems(8000, 10, 28, (16, 32), 128)
  rows = {'seconds of the loop of plain Python': yardstick()}
  seconds, programs = {}, {}
  seconds['first'], programs['first'] = cold(unsc, of(FORGET))
  seconds['again'], programs['again'] = timed(unsc, of(FORGET), 1)
  seconds['another problem'], programs['another problem'] = timed(unsc, of(OTHER), 2)
  retrain = methods.retrain(training.Recipe(optax.adam, 1, 128))
  seconds['retraining, an epoch'], programs['retraining, an epoch'] = cold(
      retrain, of(FORGET))
  for name, tail in (('balanced', False), ('long tail', True)):
    forty = problems(4000, 40, 16, (8, 16), 64, tail)
    seconds[f'forty classes, {name}'], programs[f'forty classes, {name}'] = cold(
        methods.unsc(steps=20, stop_below=-1.), forty(FORGET))
  rows['seconds'] = seconds
  rows['programs'] = {name: len(names) for name, names in programs.items()}
  claim = _results.Claim
  _results.publish('cold_start', [
      claim('programs of the first call', len(programs['first']), 'at most', 20),
      claim('programs of a second call with another key', len(programs['again']),
            'at most', 0),
      claim('programs of a call for another class', len(programs['another problem']),
            'at most', 0),
      claim('programs for forty classes with a long tail',
            len(programs['forty classes, long tail']), 'at most', 20),
      claim('time for forty classes with a long tail, per that for balanced ones',
            seconds['forty classes, long tail'] / seconds['forty classes, balanced'],
            'at most', 1.3),
  ], rows, seed=SEED)


if __name__ == '__main__':
  main()
