"""What it costs to trace a network of a billion parameters, of which none exist.

The network is known by `jax.eval_shape` alone. Each row runs in a process of its
own, so that its peak of memory is its own:

  python -m benchmarks.trace_cost

Claims: under 1 GiB beyond what describing the network takes, and under 30 s.
"""

import argparse
import json
import math
import pathlib
import platform
import resource
import subprocess
import sys
import time

RESULT = pathlib.Path(__file__).parent / 'results' / 'trace_cost.json'
LIMITS = {'seconds': 30., 'mebibytes': 1024.}


def network(kind: str):
  """A decoder-only transformer: `(fn, shapes of parameters, shapes of data)`."""
  from flax import linen as nn
  import jax
  import jax.numpy as jnp

  width, depth, heads, vocabulary = {
      'tiny': (64, 2, 2, 100), 'scanned': (2048, 22, 16, 32000),
      'unrolled': (2048, 22, 16, 32000)}[kind]

  class Block(nn.Module):

    @nn.compact
    def __call__(self, x, _=None):
      h = nn.LayerNorm()(x)
      mask = nn.make_causal_mask(x[..., 0])
      x = x + nn.MultiHeadDotProductAttention(heads)(h, mask=mask)
      h = nn.gelu(nn.Dense(4 * width)(nn.LayerNorm()(x)))
      return x + nn.Dense(width)(h), None

  class Transformer(nn.Module):

    @nn.compact
    def __call__(self, ids):
      table = nn.Embed(vocabulary, width)
      x = table(ids)
      if kind == 'unrolled':
        for _ in range(depth):
          x, _ = Block()(x)
      else:
        x, _ = nn.scan(nn.remat(Block), length=depth, split_rngs={'params': True},
                       variable_axes={'params': 0})()(x, None)
      return table.attend(nn.LayerNorm()(x))

  ids = jax.ShapeDtypeStruct((8, 1024), jnp.int32)
  model = Transformer()
  params = jax.eval_shape(model.init, jax.random.key(0), ids)
  return model.apply, params, ids


def peak() -> float:
  """The largest resident memory so far, in MiB."""
  unit = 2**20 if sys.platform == 'darwin' else 2**10
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def measure(kind: str) -> dict:
  """Seconds of processor time and MiB beyond those before, step by step."""
  import jax

  import unsc_jax

  fn, params, ids = network(kind)
  entries = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
  rows = {'kind': kind, 'parameters': entries}
  for name, run in (
      ('jaxpr', lambda: jax.make_jaxpr(fn)(params, ids)),
      ('sites', lambda: unsc_jax.sites(fn, params, ids)),
      ('moments', lambda: jax.eval_shape(
          unsc_jax.input_moments(fn), params, ids))):
    before, start = peak(), time.process_time()
    run()
    rows[name] = {'seconds': round(time.process_time() - start, 2),
                  'mebibytes': round(peak() - before, 1)}
  rows['captured'] = round(unsc_jax.sites(fn, params, ids).covered, 4)
  return rows


def in_own_process(kind: str) -> dict:
  command = [sys.executable, '-m', 'benchmarks.trace_cost', '--one', kind]
  root = pathlib.Path(__file__).parents[1]
  done = subprocess.run(
      command, cwd=root, check=True, capture_output=True, text=True)
  return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--one', help='measure one network in this process')
  options = parser.parse_args()
  if options.one:
    print(json.dumps(measure(options.one)))
    return
  import flax
  import jax
  rows = [in_own_process(kind) for kind in ('scanned', 'unrolled')]
  print(f'{"network":10} {"parameters":>12}  step      seconds      MiB')
  for row in rows:
    for step in ('jaxpr', 'sites', 'moments'):
      cost = row[step]
      print(f'{row["kind"]:10} {row["parameters"]:12,}  {step:8} '
            f'{cost["seconds"]:8.2f} {cost["mebibytes"]:8.1f}')
      for unit, limit in LIMITS.items():
        assert cost[unit] < limit, (row['kind'], step, cost)
  RESULT.parent.mkdir(exist_ok=True)
  RESULT.write_text(json.dumps({
      'rows': rows, 'limits': LIMITS, 'seed': 0,
      'versions': {'python': platform.python_version(), 'jax': jax.__version__,
                   'flax': flax.__version__},
      'hardware': f'{platform.system()} {platform.machine()}, CPU'}, indent=2) + '\n')


if __name__ == '__main__':
  main()
