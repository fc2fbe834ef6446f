"""The first call of UNSC on a new network, and the second: programs and seconds.

  python -m benchmarks.cold_start

What is compiled is counted by JAX's own log, operations outside of `jax.jit` among it.
8,000 images of 28x28 and ten classes for a CNN 16-32-128, with pools and with strides
in their place, and 4,000 of 16x16 in forty classes, once of about equal sizes and once
with a long tail. Seconds are those of one run, the lesser of wall and processor time,
with no cache on the disk; how fast the machine was tells a loop of plain Python in the
same minute. Claims are ratios within the run, to an epoch of training on what remains whose
program is there as well.
"""

import gc
import os
import time

from benchmarks import _programs
from benchmarks import _results

SEED = 0
FORGET, OTHER = 1, 2
# Of epochs that a call is worth. A pooled epoch takes less than half of what it took when
# a call was held to 1.5 of it (5.0 s then, 2.3 s now, 5.9 and 5.1 s a call).
BOUND = 4.


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
             hidden: int, tail: bool = False, pool: bool = True):
  """The network's problem of a class, as a function of it."""
  import jax

  from unsc_jax import models
  from unsc_jax import problem
  network = models.from_linen(models.SmallCNN(
      num_classes=classes, features=features, hidden=hidden, pool=pool),
                              (side, side, 1))
  data = examples(count, classes, side, tail)
  params = jax.jit(network.init)(jax.random.key(SEED))
  return lambda forget: problem.Problem(
      network, params, *problem.split_classes(data, [forget]), classes, (forget,))


def timed(method, problem, seed: int) -> tuple[float, list[str]]:
  """Seconds of a call, and the programs that it compiled."""
  import jax
  key = jax.block_until_ready(jax.random.key(seed))
  with _programs.compiled() as names:
    clocks = time.perf_counter, time.process_time
    start = [clock() for clock in clocks]
    jax.block_until_ready(method(problem, key).params)
    return min(clock() - then for clock, then in zip(clocks, start)), names


def cold(method, problem) -> tuple[float, list[str]]:
  """The same with nothing compiled before."""
  import jax
  jax.clear_caches()
  gc.collect()
  return timed(method, problem, SEED)


def _claims(net: str, seconds: dict[str, float], programs: dict[str, list[str]]
            ) -> list[_results.Claim]:
  """Of the network with pools or strides."""
  claim = _results.Claim
  again = seconds[f'{net}: again']
  return [
      claim(f'{net}: programs of the first call', len(programs[f'{net}: first']),
            'at most', 20),
      claim(f'{net}: programs of a second call with another key',
            len(programs[f'{net}: again']), 'at most', 0),
      claim(f'{net}: programs of a call for another class',
            len(programs[f'{net}: another problem']), 'at most', 0),
      claim(f'{net}: time of a second call, per epoch of training',
            again / seconds[f'{net}: retraining, an epoch, again'], 'at most', BOUND)]


def _adam(steps: int):
  import optax
  del steps
  return optax.adam(1e-3)


def main() -> None:
  os.environ.pop('JAX_COMPILATION_CACHE_DIR', None)
  from unsc_jax import methods
  from unsc_jax import training
  unsc = methods.unsc(steps=20, stop_below=-1.)
  retrain = methods.retrain(training.Recipe(_adam, 1, 128))
  rows = {'seconds of the loop of plain Python': yardstick()}
  seconds, programs = {}, {}

  def note(name, found):
    seconds[name], programs[name] = found

  for net, pool in (('pools', True), ('strides', False)):
    of = problems(8000, 10, 28, (16, 32), 128, pool=pool)
    note(f'{net}: first', cold(unsc, of(FORGET)))
    note(f'{net}: again', timed(unsc, of(FORGET), 1))
    note(f'{net}: another problem', timed(unsc, of(OTHER), 2))
    note(f'{net}: retraining, an epoch, first', timed(retrain, of(FORGET), 3))
    note(f'{net}: retraining, an epoch, again', timed(retrain, of(FORGET), 4))
  for name, tail in (('balanced', False), ('long tail', True)):
    forty = problems(4000, 40, 16, (8, 16), 64, tail)
    note(f'forty classes, {name}', cold(unsc, forty(FORGET)))
  rows['seconds'] = seconds
  rows['programs'] = {name: len(names) for name, names in programs.items()}
  claim = _results.Claim
  _results.publish('cold_start', [
      *(one for net in ('pools', 'strides') for one in _claims(net, seconds, programs)),
      claim('programs for forty classes with a long tail',
            len(programs['forty classes, long tail']), 'at most', 20),
      claim('time for forty classes with a long tail, per that for balanced ones',
            seconds['forty classes, long tail'] / seconds['forty classes, balanced'],
            'at most', 1.3),
  ], rows, seed=SEED)


if __name__ == '__main__':
  main()
