"""A whole deletion request, to a store of few retained examples and of ten times as many.

  python -m benchmarks.deletion_request

Both forget the same class of the same images; of everything that is retained a request
sees moments alone. It is served dry, so that every round begins with the same store, and
all that it computes, reads and measures is timed. The larger store's ledger is larger as
well. A small network and random images.
"""

import pathlib
import tempfile
import warnings

from benchmarks import _results
from benchmarks import _timing

SEED, ROUNDS, FORGET, RETAIN = 0, 7, 256, 1024


def main() -> None:
  import jax
  import numpy as np

  from unsc_jax import models
  from unsc_jax import problem
  from unsc_jax import requests
  network = models.from_linen(models.MLP(num_classes=3), (28, 28, 1))
  params = network.init(jax.random.key(SEED))
  draw = lambda n, seed: np.random.default_rng(seed).normal(
      size=(n, 28, 28, 1)).astype(np.float32)
  forget = problem.Examples(draw(FORGET, 0), np.full(FORGET, 2))
  choices = requests.Choices(steps=20, stop_below=-1., drift_budget=1e9)

  def store(folder: pathlib.Path, retain: int) -> pathlib.Path:
    requests.enroll(folder, network, params, problem.Examples(
        np.concatenate([forget.x, draw(retain, 1)]),
        np.concatenate([forget.y, np.arange(retain) % 2])), choices=choices)
    return folder

  with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
    warnings.simplefilter('ignore')  # of a stop that is not reached
    stores = {times: store(pathlib.Path(name) / f'{times}', times * RETAIN)
              for times in (1, 10)}
    request = lambda times: requests.forget(
        stores[times], network, requests.Classes((2,)), forget, dry_run=True).params
    seconds = _timing.interleaved({
        'request': lambda: request(1),
        'request to ten times the data': lambda: request(10)}, ROUNDS)
  sides = 'request to ten times the data', 'request'
  _results.publish('deletion_request', [
      _results.Claim('time of a request to ten times the data, per request',
                     _timing.ratio(seconds, *sides), 'at most', 1.15)],
      {'forgotten': FORGET, 'retained': [RETAIN, 10 * RETAIN],
       'quartiles': _timing.quartiles(seconds, *sides)}, seed=SEED)


if __name__ == '__main__':
  main()
