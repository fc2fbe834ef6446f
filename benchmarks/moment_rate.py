"""The pass for the moments, against the bare matrix products that it needs.

  python -m benchmarks.moment_rate

The products are `X^T X` of every layer's inputs, in full, on patches that are
ready in memory. The pass runs the network as well and cuts the patches out, a few
at a time; what it saves is a part of the products, by their symmetry: it computes
the blocks on and above the diagonal. On a GPU the products that it does execute are
also held against the peak of the float32 units.
"""

import math
import statistics

from benchmarks import _flops
from benchmarks import _results
from benchmarks import _timing

SEED, ROUNDS = 0, 11
# Dense float32 without tensor cores, as `precision='highest'` asks for.
PEAKS = {'A100': 19.5e12, 'H100': 67e12, 'H200': 67e12}


def needed(fn, params, x) -> list[tuple[int, int, int]]:
  """Rows and columns `(B, n, d)` of every layer's inputs."""
  import jax

  import unsc_jax
  moments = jax.eval_shape(
      lambda params, x: unsc_jax.input_moments(fn)(params, x)[1], params, x)
  counts = jax.jit(lambda params, x: [
      m.count for m in unsc_jax.input_moments(fn)(params, x)[1]])(params, x)
  return [(*m.second.shape[:1], int(count[0]), m.second.shape[-1])
          for m, count in zip(moments, counts)]


def measure(batch: int) -> tuple[dict, list[_results.Claim]]:
  import jax
  from jax import lax
  import jax.numpy as jnp
  import numpy as np

  import unsc_jax
  from unsc_jax import models
  rng = np.random.default_rng(SEED)
  normal = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)
  model, x = models.AllCNN(), normal(batch, 32, 32, 3)
  params = jax.jit(model.init)(jax.random.key(SEED), x[:1])
  pass_ = jax.jit(lambda params, x: unsc_jax.input_moments(model.apply)(params, x)[1])
  network = jax.jit(model.apply)
  gram = jax.jit(lambda x: jnp.einsum(
      'bni,bnj->bij', x, x, precision=lax.Precision.HIGHEST))
  shapes = needed(model.apply, params, x)
  ready = {shape: normal(*shape) for shape in set(shapes)}
  flops = sum(2 * b * n * d**2 for b, n, d in shapes)
  executed = (_flops.work(pass_, params, x).flops
              - _flops.work(network, params, x).flops)

  seconds = _timing.interleaved({
      'products': lambda: [gram(ready[shape]) for shape in shapes],
      'pass': lambda: pass_(params, x),
      'network': lambda: network(params, x)}, ROUNDS)
  rate = _timing.ratio(seconds, 'products', 'pass')
  claims = [_results.Claim(
      'rate of the whole pass, per rate of the bare products', rate,
      'at least', .7)]
  rows = {
      'batch': batch, 'GFLOP of the products': flops / 1e9,
      'GFLOP of them that the pass executes': executed / 1e9,
      'rate of the whole pass by what it executes, per rate of the bare products':
          rate * executed / flops,
      f'quartiles of the {ROUNDS} rounds, bare products per pass':
          _timing.quartiles(seconds, 'products', 'pass'),
      'share of the pass that is the network itself':
          1 / _timing.ratio(seconds, 'pass', 'network')}
  if jax.default_backend() == 'gpu':
    kind = jax.devices()[0].device_kind
    peak = next((p for name, p in PEAKS.items() if name in kind), math.nan)
    claims.append(_results.Claim(
        f'share of the peak of {kind} in float32, by what the pass executes',
        executed / statistics.median(seconds['pass']) / peak, 'at least', .6))
  return rows, claims


def main() -> None:
  import jax
  rows, claims = measure(1024 if jax.default_backend() == 'gpu' else 128)
  _results.publish('moment_rate', claims, rows, seed=SEED)


if __name__ == '__main__':
  main()
