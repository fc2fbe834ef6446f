"""One pass over some examples: batches, moments, sites."""

from collections.abc import Iterator, Sequence
import dataclasses

import jax
import numpy as np

from unsc_jax import batching
from unsc_jax import capture
from unsc_jax import moments as moments_lib
from unsc_jax import problem as problem_lib
from unsc_jax import sharding
from unsc_jax.training import gradients


def batches(
    problem: problem_lib.Problem, data, size: int = 256
) -> Iterator[batching.Filled]:
  """All of `data` once, in batches of one size, on the problem's devices."""
  yield from _of_one_size(
      problem, data, batching.power_of_two(batching.count(data), size))


def _of_one_size(
    problem: problem_lib.Problem, data, size: int
) -> Iterator[batching.Filled]:
  mesh = problem.session.mesh
  devices = 1 if mesh is None else mesh.size
  for batch in batching.filled(data, -(-size // devices) * devices):
    yield sharding.shard_batch(batch, mesh)


def shuffled(
    problem: problem_lib.Problem, sets: Sequence, size: int, key: jax.Array
) -> Iterator:
  """All of several sets once, shuffled together, on the problem's devices.

  Every batch has `size` examples, but for the last one. Rows are read when their
  batch is: the sets are not put together in memory.
  """
  count = sum(map(batching.count, sets))
  order = np.random.default_rng(batching.seed_of(key)).permutation(count)
  for at in np.split(order, range(size, count, size)):
    rows = jax.tree.map(lambda *leaves, at=at: _rows(leaves, at), *sets)
    yield sharding.shard_batch(rows, problem.session.mesh)


def _rows(leaves: Sequence[np.ndarray], at: np.ndarray) -> np.ndarray:
  """Rows of arrays as if these followed one another."""
  out = np.empty((len(at), *leaves[0].shape[1:]), leaves[0].dtype)
  start = 0
  for leaf in leaves:
    mine = (start <= at) & (at < start + len(leaf))
    out[mine] = leaf[at[mine] - start]
    start += len(leaf)
  return out


def unfilled(problem: problem_lib.Problem, data, size: int = 256) -> Iterator:
  """The same in batches of few sizes, for passes in which every row counts."""
  for batch in batching.in_few_sizes(data, size):
    yield sharding.shard_batch(batch, problem.session.mesh)


def gradient(
    problem: problem_lib.Problem, params: problem_lib.Params,
    examples: problem_lib.Examples, size: int = 256,
) -> problem_lib.Params:
  """The gradient of the examples' summed cross-entropy."""
  return gradients.total(problem.fn, params, batches(problem, examples, size))


def moments(
    problem: problem_lib.Problem, x: np.ndarray, size: int = 256, *,
    select: moments_lib.Select = moments_lib.all_of_them,
) -> moments_lib.Moments:
  """The moments of the original network's inputs on some examples."""
  moments_fn = moments_lib.input_moments(problem.fn, select=select)
  first, *_ = batching.filled(jax.tree.map(lambda leaf: leaf[:1], x), size)
  add_up, cut = (
      (moments_lib.accumulate_rows, _of_one_size)
      if moments_lib.row_by_row(moments_fn, problem.params, *first)
      else (moments_lib.accumulate, unfilled))
  return add_up(moments_fn, problem.params, problem.session.progress(
      cut(problem, x, size), 'moments', -(-batching.count(x) // size)))


def moment(
    problem: problem_lib.Problem, path: str, x: np.ndarray, size: int = 256
) -> moments_lib.Moment:
  """The moment of what one parameter of the original network is applied to."""
  return moments(problem, x, size, select=Among((path,)))[path]


@dataclasses.dataclass(frozen=True)
class Among:
  """Selects the sites of some parameters."""
  paths: tuple[str, ...]

  def __call__(self, site: capture.Site) -> bool:
    return site.path in self.paths


def sites(problem: problem_lib.Problem) -> dict[str, capture.Site]:
  """Path to the site of every captured parameter, in the network's order."""
  uses = capture.sites(problem.fn, problem.params, problem.forget.spread(1).x).uses
  return {site.path: site for site in uses}
