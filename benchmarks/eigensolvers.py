"""Eigenvectors on a pod: solved on its hosts, so that nothing is compiled for it.

  python -m benchmarks.eigensolvers

An eigendecomposition takes minutes to compile for a TPU, once for every size. The
plan is `null_space_bases(moments, solver=eigh_float64)`: LAPACK in float64 on the
hosts, layers dealt out over them, the largest first. Needs libtpu
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

SEED, COMPILED, SOLVED = 0, (128, 256, 512), (512, 1024)


def compile_seconds() -> dict:
  """For a TPU, by size; and how many hosts every topology has."""
  import jax
  from jax.experimental import topologies
  import jax.numpy as jnp
  from jax.sharding import SingleDeviceSharding
  pods = {name: topologies.get_topology_desc(
      platform='tpu', topology_name=name).devices for name in pod_plan.TOPOLOGIES}
  chip = SingleDeviceSharding(next(iter(pods.values()))[0])
  seconds = {}
  for d in COMPILED:
    lowered = jax.jit(jnp.linalg.eigh).lower(
        jax.ShapeDtypeStruct((d, d), jnp.float32, sharding=chip))
    start = time.perf_counter()
    lowered.compile()
    seconds[d] = time.perf_counter() - start
  return {'seconds': seconds, 'hosts': {
      name: len({d.process_index for d in pod}) for name, pod in pods.items()}}


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


def sizes(model: str) -> list[int]:
  """The fan-in of every layer of a model."""
  import jax
  program = pod_plan.programs(model, 1, 1)['moments']
  moments = jax.eval_shape(program.jitted, *program.args)
  return [d for m in moments for d in [m.second.shape[-1]] * len(m.count)]


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--json', action='store_true', help='compile alone')
  options = parser.parse_args()
  if options.json:
    os.environ.update(pod_plan.ENVIRONMENT)
    logging.disable()
    print(json.dumps(compile_seconds()))
    return
  from unsc_jax import eigen
  found = _process.call('eigensolvers', '--json', environment=pod_plan.ENVIRONMENT)
  compiled = {int(d): seconds for d, seconds in found['seconds'].items()}
  solved = {d: solve_seconds(d) for d in SOLVED}
  small, large = SOLVED
  ratio = compiled[max(COMPILED)] / solved[max(COMPILED)]
  rows = {'compiling for a TPU, per solving on a host': {
      d: compiled[d] / solved[small] * (small / d)**3 for d in COMPILED},
          'solving twice the size': solved[large] / solved[small], 'pods': []}
  claims = [_results.Claim(
      f'times as long to compile {max(COMPILED)}x{max(COMPILED)} for a TPU as to '
      'solve it on a host in float64', ratio, 'at least', 10)]
  for model in pod_plan.MODELS:
    costs = [d**3 for d in sizes(model)]
    for topology, hosts in found['hosts'].items():
      owners = eigen.deal(costs, hosts)
      load = [sum(c for c, o in zip(costs, owners) if o == host)
              for host in range(hosts)]
      bound = max(sum(costs) / hosts, max(costs))
      rows['pods'].append({
          'model': model, 'topology': topology, 'hosts': hosts,
          'matrices': len(costs), 'largest': round(max(costs)**(1 / 3)),
          'work of the busiest host, in matrices of the largest size':
              max(load) / max(costs),
          'work of the busiest host, per the least possible': max(load) / bound})
      print(rows['pods'][-1])
  claims.append(_results.Claim(
      'work of the busiest host, per the least possible, on any pod',
      max(pod['work of the busiest host, per the least possible']
          for pod in rows['pods']), 'at most', 4 / 3))
  _results.publish('eigensolvers', claims, rows, seed=SEED)


if __name__ == '__main__':
  main()
