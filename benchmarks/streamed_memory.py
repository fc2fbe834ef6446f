"""Peak of host memory of a pass over ten times the data: the same.

  python -m benchmarks.streamed_memory

Batches are made as they are asked for, as a loader would; every size of data has
a process of its own.
"""

import argparse
import json

from benchmarks import _process
from benchmarks import _results

SEED, BATCH = 0, 512
BATCHES = (10, 100)


def measure(batches: int) -> dict:
  import jax
  import numpy as np

  import unsc_jax
  from unsc_jax import models
  model = models.SmallCNN()
  draw = lambda seed: np.random.default_rng(seed).normal(
      size=(BATCH, 28, 28, 1)).astype(np.float32)
  params = jax.jit(model.init)(jax.random.key(SEED), draw(0))
  before = _process.peak_mib()
  moments = unsc_jax.accumulate(
      unsc_jax.input_moments(model.apply), params, map(draw, range(batches)))
  counts = [float(m.count[0]) for m in moments]
  return {'images': batches * BATCH, 'rows': max(counts),
          'mebibytes before': before, 'mebibytes': _process.peak_mib()}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--one', type=int, help='measure so many batches')
  options = parser.parse_args()
  if options.one:
    print(json.dumps(measure(options.one)))
    return
  few, many = rows = [
      _process.call('streamed_memory', '--one', str(n)) for n in BATCHES]
  data = (many['images'] - few['images']) * 28 * 28 * 4 / 2**20
  growth = many['mebibytes'] - few['mebibytes']
  _results.publish('streamed_memory', [
      _results.Claim('peak with ten times the data, per peak',
                     many['mebibytes'] / few['mebibytes'], 'at most', 1.05),
      _results.Claim('growth of the peak, per byte of further data',
                     growth / data, 'at most', .2),
  ], rows, seed=SEED)


if __name__ == '__main__':
  main()
