"""A whole deletion request, to a store of few retained examples and of ten times as many.

  python -m benchmarks.deletion_request

Both forget the same class of the same images; of everything that is retained a request
sees moments alone. It is served dry, so that every round begins with the same store, and
the processor's time of all that it computes, reads and measures counts. The larger
store's ledger is larger as well. Peaks of memory are of a process each, which serves one
request and has never seen a retained image. A small network and random images.
"""

import argparse
import json
import pathlib
import tempfile
import time
import warnings

from benchmarks import _process
from benchmarks import _results
from benchmarks import _timing

SEED, ROUNDS, FORGET, RETAIN = 0, 7, 256, 1024


def network():
  from unsc_jax import models
  return models.from_linen(models.MLP(num_classes=3), (28, 28, 1))


def images(count: int, seed: int):
  import numpy as np
  return np.random.default_rng(seed).normal(size=(count, 28, 28, 1)).astype(np.float32)


def forgotten():
  import numpy as np

  from unsc_jax import problem
  return problem.Examples(images(FORGET, 0), np.full(FORGET, 2))


def enroll(folder: pathlib.Path, retain: int) -> pathlib.Path:
  """A store of the images to be forgotten and of so many others."""
  import jax
  import numpy as np

  from unsc_jax import problem
  from unsc_jax import requests
  net, forget = network(), forgotten()
  choices = requests.Choices(steps=20, stop_below=-1., drift_budget=1e9)
  requests.enroll(folder, net, net.init(jax.random.key(SEED)), problem.Examples(
      np.concatenate([forget.x, images(retain, 1)]),
      np.concatenate([forget.y, np.arange(retain) % 2])), choices=choices)
  return folder


def serve(folder: pathlib.Path, net, forget):
  from unsc_jax import requests
  return requests.forget(folder, net, requests.Classes((2,)), forget, dry_run=True).params


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--peak', type=pathlib.Path, help='serve one request to this store')
  store = parser.parse_args().peak
  warnings.simplefilter('ignore')  # of a stop that is not reached
  if store:
    serve(store, network(), forgotten())
    print(json.dumps({'mebibytes': _process.peak_mib()}))
    return
  with tempfile.TemporaryDirectory() as name:
    stores = {times: enroll(pathlib.Path(name) / f'{times}', times * RETAIN)
              for times in (1, 10)}
    net, forget = network(), forgotten()
    sides = 'request to ten times the data', 'request'
    seconds = _timing.interleaved({
        'request': lambda: serve(stores[1], net, forget),
        'request to ten times the data': lambda: serve(stores[10], net, forget)},
        ROUNDS, clock=time.process_time)
    peaks = {times: _process.call('deletion_request', '--peak', str(folder))['mebibytes']
             for times, folder in stores.items()}
  _results.publish('deletion_request', [
      _results.Claim('processor time of a request to ten times the data, per request',
                     _timing.ratio(seconds, *sides), 'at most', 1.15),
      _results.Claim('peak of memory of a request to ten times the data, per peak',
                     peaks[10] / peaks[1], 'at most', 1.05)],
      {'forgotten': FORGET, 'retained': [RETAIN, 10 * RETAIN],
       'quartiles': _timing.quartiles(seconds, *sides),
       'mebibytes': [*peaks.values()]}, seed=SEED)


if __name__ == '__main__':
  main()
