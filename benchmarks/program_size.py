"""What a hundred times larger bases do to the program that uses them: nothing.

  python -m benchmarks.program_size

Bases live in the optimiser's state. A projected step of the same network is
compiled with bases of 1 MB and of 100 MB; for contrast, a function that closes
over its bases, so that they become constants of the program. Two programs are the
same if their texts are, but for the numbers in them, which are longer in larger
shapes. Compiling takes the same work then; the 10 % allowed for are the clock's noise.
"""

import itertools
import re

from benchmarks import _results
from benchmarks import _timing

SEED, ROUNDS, LAYERS = 0, 15, 4
SIZES = {'1 MB': 360, '100 MB': 3600}  # fan-in of four layers with half of it kept


def step(fan_in: int) -> tuple:
  """A function that makes and lowers a projected step, and the bases' bytes."""
  import jax
  import jax.numpy as jnp
  import optax

  from benchmarks import _bases
  import unsc_jax
  names = [f'layer{i}' for i in range(LAYERS)]
  params = {name: jnp.ones((fan_in, 8)) for name in names}
  fn = lambda params, x: sum(x @ params[name] for name in names)
  x = jnp.ones((2, fan_in))
  bases = _bases.half(fn, params, x, jax.random.key(SEED))
  tx = unsc_jax.project_updates(optax.adam(1e-3), bases)
  state = tx.init(params)

  def lowered(closed_over: bool = False):
    def run(params, state, x):
      gradient = jax.grad(lambda p: (fn(p, x)**2).sum())(params)
      updates, state = tx.update(gradient, state, params)
      return optax.apply_updates(params, updates), state
    if closed_over:
      return jax.jit(lambda params, x: run(params, state, x)).lower(params, x)
    return jax.jit(run).lower(params, state, x)

  return lowered, sum(leaf.nbytes for leaf in jax.tree.leaves(bases))


def main() -> None:
  steps = {name: step(fan_in) for name, fan_in in SIZES.items()}
  programs = {name: lowered().as_text() for name, (lowered, _) in steps.items()}
  text = {name: len(program) for name, program in programs.items()}
  lines = [re.sub(r'\d+', '#', program).split('\n') for program in programs.values()]
  differ = sum(a != b for a, b in itertools.zip_longest(*lines))
  seconds = _timing.interleaved(
      {name: lambda lowered=lowered: lowered().compile() and None
       for name, (lowered, _) in steps.items()}, ROUNDS)
  closed = {name: len(lowered(True).as_text()) for name, (lowered, _) in steps.items()}
  small, large = SIZES
  rows = {name: {'bytes of bases': nbytes, 'bytes of program': text[name],
                 'bytes of program with the bases closed over': closed[name]}
          for name, (_, nbytes) in steps.items()}
  rows['quartiles of the times to lower and compile'] = _timing.quartiles(
      seconds, large, small)
  _results.publish('program_size', [
      _results.Claim(f'lines, of {len(lines[0])}, that differ by more than their '
                     'numbers with a hundred times the bases', differ, 'at most', 0),
      _results.Claim('times as long to lower and compile',
                     _timing.ratio(seconds, large, small), 'at most', 1.1),
      _results.Claim('times as much text if the bases were closed over',
                     closed[large] / closed[small], 'at least', 10),
  ], rows, seed=SEED)


if __name__ == '__main__':
  main()
