"""A request served from stored moments, against a fresh pass over what remains.

  python -m benchmarks.down_dating

`M_retain = M_all - M_forget`: only the data to be forgotten are read. Its cost
is compared with itself for a forget set twice as large and for moments that were
stored after a pass over ten times the data, and with the pass that it replaces;
the two moments must be the same. The bases come on top, at a cost that depends on
the network alone: with them the request is timed for both stores again. A small
convolutional network and random images.
"""

from benchmarks import _results
from benchmarks import _timing

SEED, ROUNDS, BATCH = 0, 11, 128
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
  # What was stored after training, on the data and on ten times as many.
  small = moments(retain) + moments(forget)
  large_retain = moments(draw(10 * (RETAIN + 2 * FORGET) - 2 * FORGET, 3))
  large = large_retain + moments(forget)
  bases = unsc_jax.null_space_bases
  seconds = _timing.interleaved({
      'request': lambda: small - moments(forget[:FORGET]),
      'request for twice as much': lambda: small - moments(forget),
      'request to ten times the data': lambda: large - moments(forget[:FORGET]),
      'request with bases': lambda: bases(small - moments(forget[:FORGET])),
      'request with bases to ten times the data': lambda: bases(
          large - moments(forget[:FORGET])),
      'fresh pass': lambda: moments(retain)}, ROUNDS)
  ratio = lambda side, other: _timing.ratio(seconds, side, other)

  error = max(
      float(jnp.linalg.norm(a.second - b.second) / jnp.linalg.norm(a.second))
      for fresh, stored in ((moments(retain), small), (large_retain, large))
      for a, b in zip(fresh, stored - moments(forget)))
  twice = ratio('request for twice as much', 'request')
  _results.publish('down_dating', [
      _results.Claim('time of a request to ten times the data, per request',
                     ratio('request to ten times the data', 'request'),
                     'at most', 1.1),
      _results.Claim('the same with the bases',
                     ratio('request with bases to ten times the data',
                           'request with bases'), 'at most', 1.1),
      _results.Claim('time of a request for twice as much, per request',
                     twice, 'at most', 2.2),
      _results.Claim('time of a request for twice as much, per request',
                     twice, 'at least', 1.5),
      _results.Claim(
          'time of a request, per fresh pass, times how much smaller its data are',
          ratio('request', 'fresh pass') * RETAIN / FORGET, 'at most', 1.25),
      _results.Claim('relative difference of the moments', error, 'at most', 1e-5),
  ], {'forgotten': FORGET, 'retained': RETAIN,
      'fresh pass per request': ratio('fresh pass', 'request'),
      'request with bases per request': ratio('request with bases', 'request'),
      'quartiles of a request to ten times the data, per request': _timing.quartiles(
          seconds, 'request to ten times the data', 'request')}, seed=SEED)


if __name__ == '__main__':
  main()
