"""Shadow models side by side against one by one; U-LiRA within its time.

  python -m benchmarks.shadow_models

trains 16 shadow originals and 16 networks without a digit on halves of the
digits, all under one `vmap`, lets the originals forget the digit by UNSC and by
a mask on the logits, and runs U-LiRA on both. Then it trains a few of the same
networks one by one, by the library's loop and by one step that is compiled
once. That step, alone, is faster on a CPU than the `vmap`, which is for
accelerators. Times are the lesser of wall and processor time.
"""

from collections.abc import Callable
import dataclasses
import itertools
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import _results
from experiments import problems
from experiments import settings as settings_lib
from unsc_jax import batching
from unsc_jax import data as data_lib
from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.evaluation.shadows import ensembles
from unsc_jax.evaluation.shadows import shadow

SEED, FORGET, MEMBERS, ONE_BY_ONE = 0, 3, 32, 3
LIMIT = 180.  # seconds for training, forgetting and attacking


def timed(run: Callable) -> tuple[Any, float]:
  """What it returns, and its seconds.

  The lesser of wall and processor time: on a busy machine the wall tells of the
  others, on many cores the processors' sum is more than anybody waits.
  """
  start = time.perf_counter(), time.process_time()
  result = jax.block_until_ready(run())
  return result, min(time.perf_counter() - start[0], time.process_time() - start[1])


def parts(examples: problem_lib.Examples) -> np.ndarray:
  """Who sees what: half of what remains; the first half of members all 3s too."""
  kept = examples.y != FORGET
  included = shadow.halves(MEMBERS, len(examples), SEED) & kept
  included[:MEMBERS // 2] |= ~kept
  return included


def attack(network, data, chosen, params) -> dict[str, Any]:
  """U-LiRA on UNSC, on the mask, on the originals and on retraining."""
  retain, forget = problem_lib.split_classes(data.train, [FORGET])
  half = lambda lo, hi: jax.tree.map(lambda leaf: leaf[lo:hi], params)
  originals, retrained = half(0, MEMBERS // 2), half(MEMBERS // 2, MEMBERS)
  problem = problem_lib.Problem(
      network, shadow.member(originals, 0), retain, forget, data.num_classes,
      (FORGET,))
  ways = {
      'original': methods.original(), 'head_only': methods.head_only(),
      'unsc': chosen.unlearning.method()}
  out = ensembles.margins(ensembles.members(problem, retrained), forget)
  auc = lambda *margins: [round(float(v), 4) for v in evaluation.ulira(*margins).auc]
  figures: dict[str, Any] = {}
  for name, method in ways.items():
    gone, seconds = timed(lambda method=method: ensembles.margins(
        shadow.unlearn(method, problem, originals, jax.random.key(SEED)), forget))
    figures[name] = {'auc': auc(gone, out), 'seconds': seconds}
  return {**figures, 'retrained': {'auc': auc(out[::2], out[1::2])}}


def by_library(network, examples, included, recipe) -> float:
  """Seconds a network of `training.train`, which compiles for each."""
  _, seconds = timed(lambda: [
      training.train(network, examples.where(mine), recipe, jax.random.key(i)).params
      for i, mine in enumerate(included)])
  return seconds / len(included)


def by_one_step(network, examples, included, recipe) -> tuple[float, float]:
  """Seconds to compile, and a network, of one step that all of them share."""
  steps = batching.steps_for(
      int(included.sum(1).max()), recipe.batch_size, recipe.epochs)
  optimizer = recipe.optimizer(steps)
  step = training.make_step(training.classify_in_training(network), optimizer)
  data = jax.tree.map(jnp.asarray, examples)
  pick = jax.jit(lambda rows: jax.tree.map(lambda leaf: leaf[rows], data))
  init, start = jax.jit(network.init), jax.jit(optimizer.init)

  def one(i, mine, steps):
    params = init(jax.random.key(i))
    state = start(params)
    rows = batching.stream(np.flatnonzero(mine), recipe.batch_size, i)
    for chosen in itertools.islice(rows, steps):
      params, state, _ = step(params, state, pick(chosen), jax.random.key(i))
    return params

  _, compiling = timed(lambda: one(0, included[0], 1))
  _, seconds = timed(lambda: [one(i, m, steps) for i, m in enumerate(included)])
  return compiling, seconds / len(included)


def run(name: str, data, chosen) -> dict[str, Any]:
  """All figures of one network."""
  chosen = dataclasses.replace(chosen, network=name)
  network = problems.task(chosen, data).network
  included = parts(data.train)
  shadows, together = timed(lambda: shadow.train(
      network, data.train, included, chosen.recipe, jax.random.key(SEED)).params)
  some = included[:ONE_BY_ONE]
  library = by_library(network, data.train, some, chosen.recipe)
  compiling, shared = by_one_step(network, data.train, some, chosen.recipe)
  one_by_one, one_step = MEMBERS * library, compiling + MEMBERS * shared
  attacks, attacking = timed(lambda: attack(network, data, chosen, shadows))
  row = {
      'members': MEMBERS, 'seconds_vmapped': together,
      'seconds_one_by_one': one_by_one, 'ratio_to_library_loop': one_by_one / together,
      'seconds_one_by_one_compiled_once': one_step,
      'ratio_to_one_compiled_step': one_step / together,
      'seconds_attacks': attacking, 'seconds_ulira': together + attacking,
      'ulira_auc': attacks}
  print(f'{name}: {MEMBERS} members in {together:.1f} s; one by one {one_by_one:.1f} s '
        f'({one_by_one / together:.1f} x), with one compiled step {one_step:.1f} s '
        f'({one_step / together:.1f} x); U-LiRA with three methods '
        f'{together + attacking:.1f} s in all')
  for method, values in attacks.items():
    print(f'  U-LiRA AUC {method}: {values["auc"]}')
  return row


def claims(name: str, row: dict[str, Any]) -> list[_results.Claim]:
  """What is claimed of one network."""
  auc = {method: figures['auc'] for method, figures in row['ulira_auc'].items()}
  claim = lambda what, *rest: _results.Claim(f'{name}: {what}', *rest)
  return [
      claim(f'minutes for {MEMBERS} shadow networks and U-LiRA on three methods',
            row['seconds_ulira'] / 60, 'at most', LIMIT / 60),
      claim("times as fast as training them one by one with the library's loop",
            row['ratio_to_library_loop'], 'at least', 2),
      *(claim(f'lower end of the AUC on {method}', auc[method][1], 'at least', .9)
        for method in ('original', 'head_only')),
      claim('lower end of the AUC on retraining', auc['retrained'][1], 'at most', .5),
      claim('upper end of it', auc['retrained'][2], 'at least', .5)]


def main() -> None:
  data, chosen = data_lib.load('digits'), settings_lib.SETTINGS['digits']
  rows = {name: run(name, data, chosen) for name in ('small_cnn', 'mlp')}
  _results.publish(
      'shadow_models', [c for name, row in rows.items() for c in claims(name, row)],
      rows, seed=SEED)


if __name__ == '__main__':
  main()
