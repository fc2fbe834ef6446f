"""What a TPU pod would do: the real programs, compiled ahead of time.

  python -m benchmarks.pod_plan --topology v5e:16x16 --model vit_l16
  python -m benchmarks.pod_plan

The second runs all sizes of pod and all models, and checks the claims; some programs take
ten minutes to compile, and `--anew` makes the rows of those alone that it names. Needs
libtpu (`pip install '.[pod-plan]'`) and no TPU. Nothing here is timed: memory
and collectives are those of the compiled programs, FLOPs and bytes those of their
matrix products, and times are bounds that follow from them (a roofline).

A batch is sharded over all chips; parameters, optimiser and bases are on each of
them. Bases hold half of every layer's directions, the most that is ever stored; a soft
filter holds a matrix of each, made by Cholesky factorisations in a program of its own.
The moments of a batch are added to those of the batches before it by a program of
its own, the running sum: a pass over any number of batches is these two in turn.

`d` fan-in of a layer.
"""

import argparse
import itertools
import json
import logging
import math
import os
import re
from typing import Any, NamedTuple

from benchmarks import _pod_claims
from benchmarks import _process
from benchmarks import _results

TOPOLOGIES = {'v5e:2x4': 8, 'v5e:8x8': 64, 'v5e:16x16': 256}  # to chips
MODELS = {'resnet50': 64, 'vit_l16': 32}  # to images a chip
PROGRAMS, SOFT = _pod_claims.PROGRAMS, _pod_claims.SOFT
# Google's figures for a v5e chip: dense bfloat16, its memory, its links together.
PEAK_FLOPS = 197e12
MEMORY_BANDWIDTH, LINK_BANDWIDTH = 819e9, 200e9
ENVIRONMENT = {'JAX_PLATFORMS': 'cpu', 'TPU_SKIP_MDS_QUERY': '1',
               'ALLOW_MULTIPLE_LIBTPU_LOAD': '1'}


class Program(NamedTuple):
  """A jitted function, and the shapes that it is called with."""
  jitted: Any
  args: tuple  # pytrees of jax.ShapeDtypeStruct
  batch: int | None  # which of them is the batch


def programs(model: str, images: int) -> dict[str, Program]:
  """The pass for the moments, what is made of them, and the steps, for so many images."""
  import jax
  import jax.numpy as jnp
  import optax

  from unsc_jax import models
  from unsc_jax import moments as moments_lib
  from unsc_jax import null_space
  from unsc_jax import problem
  from unsc_jax import training
  from unsc_jax.moments import moments as passes

  module = {'resnet50': models.ResNet50, 'vit_l16': models.ViT}[model]
  network = models.from_linen(module(dtype=jnp.bfloat16), (224, 224, 3))
  params = jax.eval_shape(network.init, jax.random.key(0))
  x = jax.ShapeDtypeStruct((images, 224, 224, 3), jnp.bfloat16)
  batch = problem.Examples(x, jax.ShapeDtypeStruct((images,), jnp.int32))
  key = jax.eval_shape(lambda: jax.random.key(0))
  moments_fn = moments_lib.input_moments(network.fn)
  moments = jax.eval_shape(lambda p, x: moments_fn(p, x)[1], params, x)

  def half(moment):
    layers, d, _ = moment.second.shape
    return null_space.Basis(
        moment.site, True, jnp.zeros((layers, d, -(-d // 2))),
        jnp.zeros((layers, d)), jnp.zeros(layers, jnp.int32))

  bases = jax.eval_shape(lambda: null_space.Bases({
      path: tuple(map(half, found)) for path, found in moments.by_path.items()}))
  soft = jax.jit(null_space.soft())
  adam = optax.adam(1e-3)

  def step(optimizer, bases):
    confined = lambda bases: training.only(
        optimizer(bases), network.trainable, params)
    state = jax.eval_shape(
        lambda bases, params: confined(bases).init(params), bases, params)
    loss = training.classify(network.fn)
    return Program(training.make_step(loss, confined(bases)),
                   (params, state, batch, key), batch=2)

  return {
      'moments': Program(
          jax.jit(lambda params, x: moments_fn(params, x)[1]), (params, x),
          batch=1),
      # As `accumulate` has it: the old sum's memory serves the new one.
      'running sum': Program(passes.add, (moments, moments), batch=None),
      'soft filter': Program(soft, (moments,), batch=None),
      'plain step': step(lambda bases: adam, {}),
      **{name: step(lambda bases: null_space.project_updates(adam, bases), confinement)
         for name, confinement in (('projected step', bases),
                                   ('damped step', jax.eval_shape(soft, moments)))}}


def plan(model: str, topology: str, program: str) -> dict:
  """The row of a model's program on a pod."""
  import jax
  from jax.experimental import topologies
  from jax.sharding import AxisType
  from jax.sharding import Mesh
  from jax.sharding import NamedSharding
  from jax.sharding import PartitionSpec
  import numpy as np

  from benchmarks import _flops
  from benchmarks import _hlo

  devices = np.array(topologies.get_topology_desc(
      platform='tpu', topology_name=topology).devices)
  mesh = Mesh(devices, ('data',), axis_types=(AxisType.Auto,))
  chips, each = devices.size, MODELS[model]

  jitted, args, batch = programs(model, chips * each)[program]

  def place(i, arg):
    spec = PartitionSpec('data') if i == batch else PartitionSpec()
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(
        leaf.shape, leaf.dtype, sharding=NamedSharding(mesh, spec)), arg)

  compiled = jitted.lower(*itertools.starmap(place, enumerate(args))).compile()
  memory = compiled.memory_analysis()
  found = _hlo.collectives(compiled.as_text())
  # What one chip computes is the program for its share of the batch.
  alone = programs(model, each)[program]
  work = _flops.work(alone.jitted, *alone.args)
  row = {
      'model': model, 'topology': topology, 'chips': chips,
      'images_per_chip': each, 'program': program,
      'memory_bytes': {
          'arguments': memory.argument_size_in_bytes,
          'results': memory.output_size_in_bytes - memory.alias_size_in_bytes,
          'temporaries': memory.temp_size_in_bytes},
      'collectives': [collective._asdict() for collective in found]}
  if program == 'moments':
    row['bytes_to_sum'] = to_sum(args[0], jax.eval_shape(jitted, *args))
  if program == 'running sum':  # no products: all it is given is read, one set written
    row['bytes_in_place'] = memory.alias_size_in_bytes
    work = work._replace(
        bytes=memory.argument_size_in_bytes + memory.output_size_in_bytes)
  return {**row, 'work': work._asdict(), 'roofline_ms': roofline(
      work, sum(c.bytes for c in found), chips)}


def to_sum(params, moments) -> int:
  """The least that chips have to exchange for a batch's moments, in bytes.

  Of every layer the blocks on and above the diagonal and the sum of its inputs;
  query, key and value read the same ones. Counts are known beforehand.
  """
  from unsc_jax import paths
  shapes = {path: leaf.shape for path, leaf in paths.leaf_paths(params).items()}
  total = {}
  for m in moments:
    layers, d = m.first.shape
    window = shapes[m.site.path][:-2] if m.site.kind == 'conv' else ()
    squares = sum(width**2 for width in widths(d, math.prod(window)))
    inputs = re.sub('/(key|value)/', '/query/', m.site.path)
    total[inputs] = 4 * layers * ((d**2 + squares) // 2 + d)
  return sum(total.values())


def widths(d: int, entries: int) -> list[int]:
  """Of a moment's blocks: whole entries of the window, where there are enough."""
  from unsc_jax.moments import gram
  blocks = gram.block_count(d)
  unit = d // entries if blocks <= entries else 1
  whole, more = divmod(d // unit, blocks)
  return [unit * (whole + (i < more)) for i in range(blocks)]


def roofline(work, collective_bytes: int, chips: int) -> dict[str, float]:
  """The least time that each part of a chip needs for a program, in ms.

  An all-reduce sends and receives every byte twice, less its own share.
  """
  share = 2 * (chips - 1) / chips
  seconds = {'matrix unit': work.passes / PEAK_FLOPS,
             'memory': work.bytes / MEMORY_BANDWIDTH,
             'links': share * collective_bytes / LINK_BANDWIDTH}
  return {part: round(1e3 * s, 3) for part, s in seconds.items()}


def table(rows: list[dict]) -> str:
  """The plan in Markdown."""
  head = ('| model | chips | program | memory a chip | TFLOP a chip | exchanged '
          '| matrix unit | memory | links |')
  lines = [head, '|---' * 9 + '|']
  for row in rows:
    kinds = ', '.join(f'{c["bytes"] / 2**20:.0f} MiB in {c["count"]} {c["kind"]}'
                      for c in row['collectives'])
    time = row['roofline_ms']
    lines.append(
        f'| {row["model"]} | {row["chips"]} | {row["program"]} '
        f'| {_pod_claims.memory(row) / 2**30:.1f} GiB | {row["work"]["flops"] / 1e12:.2f} '
        f'| {kinds or "nothing"} '
        f'| {time["matrix unit"]:.1f} ms | {time["memory"]:.1f} ms '
        f'| {time["links"]:.1f} ms |')
  return '\n'.join(lines)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--topology', choices=TOPOLOGIES)
  parser.add_argument('--model', choices=MODELS)
  parser.add_argument('--program', choices=PROGRAMS + SOFT, help='print its row alone')
  parser.add_argument('--anew', choices=PROGRAMS + SOFT, nargs='+', default=PROGRAMS + SOFT,
                      help='of these programs alone; the results keep their other rows')
  options = parser.parse_args()
  if options.program:  # a child, which alone needs libtpu and keeps its memory
    os.environ.update(ENVIRONMENT)
    logging.disable()
    print(json.dumps(plan(options.model, options.topology, options.program)))
    return
  kept = {} if {*options.anew} >= {*PROGRAMS, *SOFT} else {
      (row['model'], row['topology'], row['program']): row
      for row in _results.load('pod_plan')['rows']}

  def made(*of: str) -> dict:
    if of[-1] not in options.anew:
      return kept[of]
    asked = zip(('--model', '--topology', '--program'), of)
    return _process.call('pod_plan', *itertools.chain(*asked), environment=ENVIRONMENT)

  rows = []
  for model in [options.model] if options.model else MODELS:
    for topology in [options.topology] if options.topology else TOPOLOGIES:
      names = PROGRAMS + SOFT * (topology == max(TOPOLOGIES, key=TOPOLOGIES.__getitem__))
      here = [made(model, topology, name) for name in names]
      print(table(here), flush=True)
      rows += here
  claims = _pod_claims.check(rows)
  if options.model or options.topology:
    print(*claims, sep='\n')
    assert all(claim.holds for claim in claims)
    return
  _results.publish('pod_plan', claims, rows, hardware=(
      'none: compiled for TPU v5e by libtpu on a CPU'))


if __name__ == '__main__':
  main()
