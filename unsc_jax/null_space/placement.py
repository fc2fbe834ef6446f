"""Bases and gains live where their parameters do.

`B` layers that share a parameter, `d` fan-in, `o` fan-out, `k` columns.
"""

from collections.abc import Mapping
import dataclasses
import math
from typing import Any, TypeVar

import jax
from jax import core
from jax.sharding import Mesh
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec
import numpy as np

from unsc_jax import capture
from unsc_jax import moments as moments_lib
from unsc_jax import paths
from unsc_jax import sharding
from unsc_jax.null_space import bases as bases_lib
from unsc_jax.null_space import gains as gains_lib

Item = TypeVar('Item', bound=gains_lib.Item | moments_lib.Moment)
Collection = TypeVar('Collection', bound=paths.ByPath)


def follow(what: Collection, params: Mapping[str, Any]) -> Collection:
  """Puts every basis, gain or moment on its parameter's mesh, split as its fan-in is.

  Where the fan-in is split, so are the rows of `vectors`, and a projection sums
  `[k, o]` numbers over the devices; so are the rows of a gain or a second moment,
  and devices exchange the update. Where the fan-out is, every device has all of it
  and multiplies its own columns.

  Args:
    what: of a filter, or moments.
    params: parameter path to parameter; those on no mesh change nothing.

  Returns:
    The same, placed.
  """
  out = {}
  for path, uses in what.by_path.items():
    mesh = sharding.mesh_of(params.get(path))
    out[path] = uses if mesh is None else tuple(
        _follow(basis, params[path], mesh) for basis in uses)
  return dataclasses.replace(what, by_path=out)


def _follow(item: Item, param: jax.Array, mesh: Mesh) -> Item:
  spec = _split(item.site, param, mesh)
  rows = NamedSharding(mesh, PartitionSpec(*spec))
  if isinstance(item, gains_lib.Gain):
    return dataclasses.replace(item, matrix=jax.device_put(item.matrix, rows))
  if isinstance(item, gains_lib.KroneckerGain):
    return sharding.replicate(item, mesh)
  if isinstance(item, moments_lib.Moment):
    first, count, gross = sharding.replicate(
        (item.first, item.count, item.gross), mesh)
    return dataclasses.replace(
        item, second=jax.device_put(item.second, rows), first=first, count=count,
        gross=gross)
  values, rank = sharding.replicate((item.eigenvalues, item.rank), mesh)
  return dataclasses.replace(
      item, vectors=jax.device_put(item.vectors, rows), eigenvalues=values, rank=rank)


def _split(site: capture.Site, param: jax.Array, mesh: Mesh) -> tuple:
  """The mesh axes over which the layers and the fan-in of a parameter lie."""
  names: list[list[str]] = [[], []]
  starts = [math.prod(site.shape[:i]) for i in range(len(site.shape))]
  where: Any = param.sharding
  for axis, found in enumerate(where.spec):
    # Of the axes that a layer splits this one into, the outermost is split.
    at = [i for i, start in enumerate(starts)
          if start == math.prod(param.shape[:axis]) and site.shape[i] > 1]
    for role, axes in enumerate((site.batch_axis, site.reduction_axis)):
      if found and at and at[0] in axes:
        names[role] += [found] if isinstance(found, str) else found
  fits = lambda n, over: n % math.prod(mesh.shape[name] for name in over) == 0
  return tuple(tuple(over) if over and fits(n, over) else None
               for n, over in zip(site.folded, names))


def in_few_shapes(bases: gains_lib.Confinement) -> gains_lib.Confinement:
  """The same with zero columns to fill bases up, for programs that outlive them.

  The ranks of other data are mostly other ones, and a step is compiled for every shape
  of the bases in its state. Filled up to an eighth of `d`, a quarter and so on, they
  have few; under 32 columns more cost nothing. What is traced, or split over devices,
  stays as it is.
  """
  def fill(item):
    if isinstance(item.vectors, core.Tracer):
      return item
    k, d = item.vectors.shape[-1], item.site.folded[1]
    step = max(32, -(-d // 8))
    more = max(k, min(d // 2, -(-max(k, 1) // step) * step)) - k
    split = not getattr(item.vectors, 'is_fully_replicated', True)
    if not more or split or item.site.kind == 'lookup':
      return item
    wide: Any = np.pad(np.asarray(item.vectors), [(0, 0), (0, 0), (0, more)])
    return dataclasses.replace(item, vectors=wide)

  by_path: Any = {  # of the same kinds as before
      path: tuple(fill(item) if isinstance(item, bases_lib.Basis) else item
                  for item in uses) for path, uses in bases.by_path.items()}
  return dataclasses.replace(bases, by_path=by_path)
