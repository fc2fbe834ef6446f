"""Eigenvectors on a pod: solved on its hosts, so that nothing is compiled for it.

  python -m benchmarks.eigensolvers

An eigendecomposition takes minutes to compile for a TPU, once for every size, so that
`null_space_bases` takes LAPACK in float64 there, on the hosts; the inverse of a soft filter,
a loop over blocks, compiles within one at any size. Layers are dealt out
over the chips as the library does it (`eigen.jobs`), the largest first and hosts
taking turns; a host solves what its chips were dealt. Needs libtpu
(`pip install '.[pod-plan]'`) and no TPU.
"""

import argparse
import json
import logging
import os
import time

from benchmarks import _process
from benchmarks import _results
from benchmarks import pod_plan

SEED, COMPILED, INVERTED, SOLVED = 0, (128, 256, 512), (512, 1024, 4096), (512, 1024)


def compile_seconds() -> dict:
  """For a TPU, by size; and the host of every chip of a topology, in turn."""
  import jax
  from jax.experimental import topologies
  import jax.numpy as jnp
  from jax.sharding import SingleDeviceSharding

  from unsc_jax.null_space import cholesky
  from unsc_jax.null_space import eigen
  pods = {name: topologies.get_topology_desc(
      platform='tpu', topology_name=name).devices for name in pod_plan.TOPOLOGIES}
  chip = SingleDeviceSharding(next(iter(pods.values()))[0])

  def seconds(fn, d):
    lowered = jax.jit(fn).lower(
        jax.ShapeDtypeStruct((1, d, d), jnp.float32, sharding=chip))
    start = time.perf_counter()
    lowered.compile()
    return time.perf_counter() - start

  return {
      'eigenvectors': {d: seconds(jnp.linalg.eigh, d) for d in COMPILED},
      'inverse': {d: seconds(cholesky.inverse, d) for d in INVERTED},
      'hosts': {
          name: [d.process_index for d in eigen.in_turn(pod)]
          for name, pod in pods.items()}}


def solve_seconds(d: int) -> float:
  """On this host, in float64; the best of three."""
  import jax
  import numpy as np

  import unsc_jax
  x = np.random.default_rng(SEED).normal(size=(2 * d, d))
  seconds = []
  for _ in range(3):
    start = time.perf_counter()
    jax.block_until_ready(unsc_jax.eigh_float64((x.T @ x)[None]))
    seconds.append(time.perf_counter() - start)
  return min(seconds)


def shapes(model: str) -> list[tuple[int, ...]]:
  """The stacks of matrices `[B, d, d]` that a model's layers have."""
  import jax
  program = pod_plan.programs(model, 1)['moments']
  moments = jax.eval_shape(program.jitted, *program.args)
  return [m.second.shape for m in moments]


def share(stacks: list[tuple[int, ...]], hosts: list[int]) -> dict:
  """What the busiest host solves, in `d^3`, if every chip is on one of `hosts`."""
  from unsc_jax.null_space import eigen
  load = dict.fromkeys(hosts, 0)
  for job in eigen.jobs(stacks, len(hosts)):
    load[hosts[job.hand]] += job.cost
  largest = max(d for *_, d in stacks)
  # No host can do with less than one of them all, or than the largest matrix.
  least = max(sum(load.values()) / len(load), largest**3)
  return {'hosts': len(load), 'matrices': sum(b for b, *_ in stacks),
          'largest': largest,
          'work of the busiest host, in matrices of the largest size':
              max(load.values()) / largest**3,
          'work of the busiest host, per the least possible':
              max(load.values()) / least}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--json', action='store_true', help='compile alone')
  options = parser.parse_args()
  if options.json:
    os.environ.update(pod_plan.ENVIRONMENT)
    logging.disable()
    print(json.dumps(compile_seconds()))
    return
  found = _process.call('eigensolvers', '--json', environment=pod_plan.ENVIRONMENT)
  compiled, inverse = ({int(d): seconds for d, seconds in found[name].items()}
                       for name in ('eigenvectors', 'inverse'))
  solved = {d: solve_seconds(d) for d in SOLVED}
  small, large = SOLVED
  most = max(COMPILED)
  ratio = compiled[most] / solved[most]
  rows = {'compiling for a TPU, per solving on a host': {
      d: compiled[d] / solved[small] * (small / d)**3 for d in COMPILED},
          f'compiling an inverse for a TPU, per the eigenvectors of {most} rows': {
              d: inverse[d] / compiled[most] for d in INVERTED},
          'solving twice the size': solved[large] / solved[small], 'pods': []}
  claims = [_results.Claim(
      f'times as long to compile {most}x{most} for a TPU as to '
      'solve it on a host in float64', ratio, 'at least', 10), _results.Claim(
          f'time to compile the inverse of {max(INVERTED)} rows for a TPU, per that of the '
          f'eigenvectors of {most}', inverse[max(INVERTED)] / compiled[most],
          'at most', 1)]
  for model in pod_plan.MODELS:
    stacks = shapes(model)
    for topology, hosts in found['hosts'].items():
      rows['pods'].append(
          {'model': model, 'topology': topology, **share(stacks, hosts)})
  claims.append(_results.Claim(
      'work of the busiest host, per the least possible, on any pod',
      max(pod['work of the busiest host, per the least possible']
          for pod in rows['pods']), 'at most', 4 / 3))
  _results.publish('eigensolvers', claims, rows, seed=SEED)


if __name__ == '__main__':
  main()
