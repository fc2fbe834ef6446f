"""The page "Speed", written from the figures that the benchmarks have left.

  python -m benchmarks._page > docs/speed.md
"""

import importlib

from benchmarks import _results
from benchmarks import pod_plan

# In the order of the page.
BENCHMARKS = (
    'published_algorithm', 'moment_rate', 'projected_step', 'soft_filter', 'program_size',
    'against_retraining', 'cold_start', 'down_dating', 'deletion_request',
    'streamed_memory', 'shadow_models', 'eigensolvers')
# Why a claim is missed, by what it says.
REASONS = {
    f'time of a soft step per hard step, AllCNN, batch {size}': (
        'the soft projections alone take less than those of the cut, and the compiled step has '
        'about half as many products of matrices; yet by the clock it is no faster, and of 8 '
        'images a little slower. Of 128 the hard step against itself scatters as far, see the '
        'quartiles in the results. A matrix product without its axis of layers, or from the '
        'other side, was no quicker.')
    for size in (8, 128)
}

HEAD = '''# Speed

<!-- Written by `python -m benchmarks._page`; change it there. -->

Every claim below is asserted by a script in `benchmarks/`; `make bench` runs
those that need no TPU compiler, `make pod-plan` the other two. They are counts and
ratios within one run, on whatever the script ran on: two sides take turns, and the
median of their ratios counts. The one absolute time is that of `shadow_models`, whose target
is three minutes; it is the lesser of wall and processor time. No GPU was at hand for
these figures. On one, every script writes files of its own, and `moment_rate` and
`projected_step` take larger sizes and further claims
(share of the float32 peak, ResNet-18 at batch 512). That part has not been run.

## How the moments are summed

A convolution is a product of its patches with its kernel, and its moment is the
product of the patches with themselves. They are cut out as shifted slices (on a CPU by
an index an axis), a part of the output's rows at a time (`chunk_bytes`, 8 MiB a device
by default), under one `lax.scan`. Every part holds *all images of the batch*: so a batch that is
sharded over devices is never gathered, however small the parts are. (Parts of the
images would gather the batch as soon as one of them has fewer images than there are
devices.) The sum over devices is XLA's to place: for TPUs it comes once, after the
loop, which the plan below asserts; for CPUs in every turn.

Only blocks on and above the diagonal are computed, at most four by four, which
leaves 5/8 of the work, and of what devices exchange. In bfloat16 networks the
products are of bfloat16 inputs, summed in float32: the same numbers, as products of
16-bit floats are exact in float32, in one pass of a TPU's matrix unit, not six.

`unsc_jax.sampled_moments(fn, share)` takes a random share of the positions of every
convolution, and `sampling.accumulate` adds such moments up over batches. They are
unbiased and come with an estimate of the relative error that sampling makes.
'''

WAYS = '''Both ways, in full; here haste loses nothing:

{table}
'''

PLAN = '''## Pod plan

`python -m benchmarks.pod_plan` compiles the real pass and the real steps for TPU v5e
slices, without a TPU (`pip install '.[pod-plan]'`), at ImageNet's size in bfloat16.
Memory and collectives are the compiled programs'; FLOPs those of their matrix
products and factors; the last three columns the least time that each part of a chip needs
for them (197 TFLOP/s, 819 GB/s, 200 GB/s), float32 products at the highest precision
counted six times. Bases hold half of every layer's directions, the most that is ever
stored. `projected` against `plain` is then the most that a projection can cost. It
does not grow with the batch, but at these few images a chip, fan-ins up to 4096 and
the highest precision it is as much work as the step itself for ViT-L/16. `damped` is the
step inside `soft()`, which holds a whole matrix of every layer: as many products, and twice
the memory for it.

What a pod exchanges is the gradient, as ever, and the moments' blocks, once a
batch. No activation travels, and the projection exchanges nothing: bases and
updates are on every chip. The `running sum` adds a batch's moments to those before
it, in their place: a pass over any number of batches holds two sets of moments.

The `soft filter` is made once, of all moments in one program: layers of one size come one
after the other, and of a factor one block of rows, so that it compiles in minutes and needs
little memory beside its results. Every chip makes all of it, and exchanges
nothing. Outside `jit` LAPACK does that on the hosts, with nothing to compile.

'''

EIGEN = '''
An eigendecomposition takes long to compile for a TPU, once for every size of layer,
so the plan compiles none: on TPUs `null_space_bases` solves them with LAPACK on the
hosts. They are dealt out over the chips, the largest first, hosts taking turns.

| model | chips | hosts | matrices | work of the busiest host, in the largest matrix |
|---|---|---|---|---|
'''


def section(name: str) -> str:
  """A benchmark: what its script says, and what came of its claims."""
  title, _, *text = (
      importlib.import_module(f'benchmarks.{name}').__doc__.strip().split('\n\n'))
  results = _results.load(name)
  claims = _results.claims_in(results)
  missed = dict.fromkeys(f'\nMissed: {REASONS[c.what]}' for c in claims if not c.holds)
  return '\n'.join([
      f'### {title.rstrip(".")}', '', *text, '',
      f'`{results["benchmark"]}`, {results["hardware"]}:', '',
      _results.table(claims), *missed])


def ways() -> str:
  """Both ways to run UNSC against retraining."""
  rows = _results.load('against_retraining')['rows']
  percent = lambda value: f'{100 * value:.1f}'
  of_all = lambda count: f'about {count}' if count else 'all'
  lines = [
      ('', 'retained images', 'steps', 'examples a step', 'times as fast',
       'forget %', 'retain %', 'drift %'), ('---',) * 8]
  for name, row in rows.items():
    if isinstance(row, dict):
      lines.append((
          name, of_all(row['moments_examples']), str(row['steps made']),
          str(row['batch_size']), f'{row["times as fast"]:.1f}',
          *(percent(row[key]) for key in (
              'forget accuracy', 'retain accuracy', 'drift'))))
  return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def page() -> str:
  parts = [HEAD, '## Claims\n']
  for name in BENCHMARKS:
    parts.append(section(name) + '\n')
    if name == 'against_retraining':
      parts.append(WAYS.format(table=ways()))
  plan = _results.load('pod_plan')['rows']
  parts.append(PLAN + pod_plan.table(plan))
  pods = _results.load('eigensolvers')['rows']['pods']
  parts.append(EIGEN + '\n'.join(
      f'| {pod["model"]} | {pod_plan.TOPOLOGIES[pod["topology"]]} | {pod["hosts"]} '
      f'| {pod["matrices"]} '
      f'| {pod["work of the busiest host, in matrices of the largest size"]:.2f} |'
      for pod in pods))
  return '\n'.join(parts) + '\n'


if __name__ == '__main__':
  print(page(), end='')
