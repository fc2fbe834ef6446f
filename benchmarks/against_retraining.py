"""All of UNSC, against retraining: AlexNet forgets a class of FashionMNIST.

  python -m benchmarks.against_retraining --checkpoint fmnist_alexnet_original.npz

Whole seconds of moments, bases and steps, compilation included, against the
recipe's number of training steps times the median of some that are timed, before
and after; retraining's compilation and its BatchNorm statistics are left out.
UNSC runs as `experiments.forget_class` has it, and once in a hurry: moments of a
part of the retained images, a higher learning rate, a few steps.
"""

import argparse
import pathlib
import statistics
import time
from typing import NamedTuple

from benchmarks import _results

SEED, FORGET, TIMED_STEPS = 0, 6, 6


class Way(NamedTuple):
  """How UNSC is run."""
  retained_images: int | None  # None: all
  learning_rate: float
  steps: int
  stop_below: float


USUAL, HURRIED = 'as in the experiments', 'in a hurry'


def ways(usual) -> dict[str, Way]:
  """What is compared: the settings of the experiments, and fewer of everything."""
  return {
      USUAL: Way(None, usual.learning_rate, usual.steps, usual.stop_below),
      HURRIED: Way(10_000, .1, 40, -1.)}


def training_steps(problem, recipe, key) -> list[float]:
  """Seconds of some training steps, without the first."""
  import jax
  import jax.numpy as jnp

  from unsc_jax import batching
  from unsc_jax import training
  params = training.fresh(problem.network, key)
  optimizer = training.only(
      recipe.optimizer(1000), problem.network.trainable, params)
  step = training.make_step(
      training.classify_in_training(problem.network), optimizer)
  state = jax.tree.map(jnp.array, optimizer.init(params))
  batches = batching.stream(problem.retain, recipe.batch_size, SEED)
  seconds = []
  for _ in range(TIMED_STEPS + 1):
    start = time.perf_counter()
    params, state, _ = jax.block_until_ready(
        step(params, state, next(batches), key))
    seconds.append(time.perf_counter() - start)
  return seconds[1:]


def unlearn(problem, way: Way, key) -> tuple[float, object]:
  """Seconds of everything, and what came out."""
  import dataclasses

  import jax
  import numpy as np
  import optax

  from unsc_jax import methods
  from unsc_jax import spaces
  jax.clear_caches()
  rng, n = np.random.default_rng(SEED), way.retained_images
  start = time.perf_counter()
  if n:
    part = problem.retain.where(rng.choice(len(problem.retain), n, replace=False))
    problem = dataclasses.replace(problem, retain=part)
  unlearned = methods.unsc(
      spaces.pooled(.99), optax.sgd(way.learning_rate, momentum=.9),
      steps=way.steps, batch_size=256, stop_below=way.stop_below)(problem, key)
  jax.block_until_ready(unlearned.params)
  return time.perf_counter() - start, unlearned


def check(rows: dict) -> list[_results.Claim]:
  """What is claimed of both ways; the hurried one must be worth having as well."""
  hurried, usual = rows[HURRIED], rows[USUAL]
  claim = _results.Claim
  return [
      *(claim(f'times as fast as retraining, {name}', way['times as fast'], 'at least', 20)
        for name, way in ((USUAL, usual), (HURRIED, hurried))),
      claim('accuracy on what is forgotten, in a hurry',
            hurried['forget accuracy'], 'at most', .03),
      claim('accuracy on what remains in a hurry, per that of the usual run',
            hurried['retain accuracy'] / usual['retain accuracy'], 'at least', .99),
      claim('drift of retained logits in a hurry, per that of the usual run',
            hurried['drift'] / usual['drift'], 'at most', 1.5)]


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--checkpoint', type=pathlib.Path,
                      help='the trained network; without it, it is trained')
  parser.add_argument('--data-dir', type=pathlib.Path)
  options = parser.parse_args()
  import jax

  from experiments import originals
  from experiments import settings
  from unsc_jax import batching
  from unsc_jax import data
  from unsc_jax import predict
  from unsc_jax.evaluation import preservation

  chosen = settings.SETTINGS['fashion_mnist']
  dataset = data.load('fashion_mnist', options.data_dir)
  network = originals.build(chosen, dataset)
  key = jax.random.key(SEED)
  problem = originals.pose(chosen, dataset, network, key, options.checkpoint)
  recipe = chosen.recipe
  steps = batching.steps_for(
      len(problem.retain), recipe.batch_size, recipe.epochs)

  before = training_steps(problem, recipe, key)
  chosen_ways = ways(chosen.unlearning)
  done = {name: unlearn(problem, way, key) for name, way in chosen_ways.items()}
  after = training_steps(problem, recipe, key)
  retraining = steps * statistics.median(before + after)

  rows = {'training steps': steps}
  forgotten = dataset.test.y == FORGET
  original = predict.predict(problem.fn, problem.params, dataset.test.x)
  for name, (seconds, unlearned) in done.items():
    logits = predict.predict(unlearned.fn, unlearned.params, dataset.test.x)
    right = logits.argmax(-1) == dataset.test.y
    share = lambda mask, right=right: float(right[mask].mean())
    rows[name] = {
        **chosen_ways[name]._asdict(), 'steps made': len(unlearned.history['loss']),
        'times as fast': retraining / seconds,
        'share of the moments and bases': unlearned.seconds['constraint'] / seconds,
        'forget accuracy': share(forgotten),
        'retain accuracy': share(~forgotten),
        'drift': float(preservation.logit_drift(
            original[~forgotten], logits[~forgotten], problem.retain_classes))}
    print(name, rows[name])
  _results.publish('against_retraining', check(rows), rows, seed=SEED)


if __name__ == '__main__':
  main()
