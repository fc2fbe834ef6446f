"""A request served from stored moments, against a fresh pass over what remains.

  python -m benchmarks.down_dating

`M_retain = M_all - M_forget`: only the data to be forgotten are read. Its cost
is compared with itself for a forget set twice as large and for a training set
ten times as large, and with the pass that it replaces; the two moments must be
the same. A small convolutional network and random images.
"""

from benchmarks import _results
from benchmarks import _timing

SEED, ROUNDS, BATCH = 0, 5, 128
FORGET, RETAIN = 512, 4096


def main() -> None:
  import jax
  import jax.numpy as jnp
  import numpy as np

  import unsc_jax
  from unsc_jax import batching
  from unsc_jax import models
  model = models.SmallCNN()
  draw = lambda n, seed: np.random.default_rng(seed).normal(
      size=(n, 28, 28, 1)).astype(np.float32)
  params = jax.jit(model.init)(jax.random.key(SEED), draw(1, 0))
  moments_fn = unsc_jax.input_moments(model.apply)
  moments = lambda x: unsc_jax.accumulate(
      moments_fn, params, batching.in_order(x, BATCH))

  forget, retain = draw(2 * FORGET, 1), draw(RETAIN, 2)
  small = moments(retain) + moments(forget)  # what was stored after training
  large = 10. * small  # as of ten times the data
  seconds = _timing.interleaved({
      'request': lambda: small - moments(forget[:FORGET]),
      'request for twice as much': lambda: small - moments(forget),
      'request to ten times the data': lambda: large - moments(forget[:FORGET]),
      'fresh pass': lambda: moments(retain)}, ROUNDS)
  ratio = lambda side, other: _timing.ratio(seconds, side, other)

  fresh, served = moments(retain), small - moments(forget)
  error = max(
      float(jnp.linalg.norm(a.second - b.second) / jnp.linalg.norm(a.second))
      for a, b in zip(fresh, served))
  twice = ratio('request for twice as much', 'request')
  _results.publish('down_dating', [
      _results.Claim('time of a request to ten times the data, per request',
                     ratio('request to ten times the data', 'request'),
                     'at most', 1.1),
      _results.Claim('time of a request for twice as much, per request',
                     twice, 'at most', 2.2),
      _results.Claim('time of a request for twice as much, per request',
                     twice, 'at least', 1.5),
      _results.Claim(
          'time of a request, per fresh pass, times how much smaller its data are',
          ratio('request', 'fresh pass') * RETAIN / FORGET, 'at most', 1.25),
      _results.Claim('relative difference of the moments', error, 'at most', 1e-5),
  ], {'forgotten': FORGET, 'retained': RETAIN,
      'fresh pass per request': ratio('fresh pass', 'request')}, seed=SEED)


if __name__ == '__main__':
  main()
