"""The primitives at which a parameter meets activations: what a layer is.

Each rule reads one equation of a jaxpr and tells the walk (`trace.py`) which of
the weight's axes are contracted, and with which inputs. `B` layers, `n` rows of
inputs, `d` fan-in.
"""

from collections.abc import Sequence
import math
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

from unsc_jax import layout


class Dense(NamedTuple):
  """Inputs of a matrix product."""
  x: jax.Array  # [B, n, d]


class Conv(NamedTuple):
  """Inputs of a convolution, before its patches are cut out."""
  x: jax.Array  # [N, *spatial, channels]
  window: tuple[int, ...]
  strides: tuple[int, ...]
  padding: tuple[tuple[int, int], ...]
  input_dilation: tuple[int, ...]
  kernel_dilation: tuple[int, ...]
  groups: int  # B; a patch is ordered (*window, channels / groups)


class Lookup(NamedTuple):
  """How often each row of a table is read."""
  counts: jax.Array  # [1, d]


Inputs = Dense | Conv | Lookup

_REASONS = {  # in words, where a primitive's name alone would puzzle
    'add': 'added, as a bias is', 'add_any': 'added, as a bias is',
    'sub': 'subtracted', 'mul': 'multiplied entry by entry, as a scale is',
    'div': 'divided entry by entry', 'concatenate': 'joined to activations',
    'reshape': 'reshaped in a way that mixes its axes',
    'convert_element_type': 'cast to a type that is not floating',
    'shard_map': 'used inside `shard_map`, which is not entered',
}


def opaque(walk, eqn, ins, views, totals):
  """An equation that is no layer: its parameters' inputs cannot be seen."""
  del ins
  name = eqn.primitive.name
  for view in views:
    reason = _REASONS.get(name, f'used by `{name}`')
    if isinstance(view, layout.Joined):
      reason = f'joined to other parameters and {reason}'
    totals = walk.give_up(view, reason, totals)
  return totals


def dot_general(walk, eqn, ins, views, totals):
  w = 0 if views[0] else 1
  if all(views):
    # Of two parameters neither is an input, unless it is a row that data pick.
    rows = [isinstance(v, layout.View) and v.row is not None for v in views]
    if sum(rows) != 1:
      for view in views:
        totals = walk.give_up(view, 'multiplied by another parameter', totals)
      return totals
    w = rows.index(False)
    totals = walk.give_up(views[1 - w], 'used as an input', totals)
  x = ins[1 - w]
  contract, batch = eqn.params['dimension_numbers']
  wc, wb, xc, xb = contract[w], batch[w], contract[1 - w], batch[1 - w]
  for part, rows in _pieces(views[w], x, dict(zip((*wc, *wb), (*xc, *xb)))):
    free = [i for i in range(rows.ndim) if i not in (*xb, *xc)]
    size = lambda axes, rows=rows: math.prod(rows.shape[i] for i in axes)
    flat = rows.transpose(*xb, *free, *xc).reshape(size(xb), size(free), size(xc))
    pick = lambda axes, part=part: tuple(part.dims[i] for i in axes)
    totals = walk.emit(part, pick(wb), pick(wc), Dense(flat), totals)
  return totals


def _pieces(view, x, meets: dict[int, int]) -> Sequence[tuple]:
  """The views in `view`, each with the part of the inputs that it meets."""
  if isinstance(view, layout.View):
    return [(view, x)]
  if view.axis not in meets:
    return [(part, x) for part in view.parts]
  out, lo = [], 0
  for part in view.parts:
    n = layout.size(part.dims[view.axis])
    out.append((part, lax.slice_in_dim(x, lo, lo + n, axis=meets[view.axis])))
    lo += n
  return out


def conv_general_dilated(walk, eqn, ins, views, totals):
  p, kernel = eqn.params, views[1]
  if views[0] or isinstance(kernel, layout.Joined) or p['batch_group_count'] > 1:
    return opaque(walk, eqn, ins, views, totals)
  numbers, groups = p['dimension_numbers'], p['feature_group_count']
  out_dim, in_dim, *spatial = numbers.rhs_spec
  outputs = layout.size(kernel.dims[out_dim])
  grouped = layout.reshape(
      kernel._replace(dims=(kernel.dims[out_dim],)), (groups, outputs // groups))
  if grouped is None:
    return opaque(walk, eqn, ins, views, totals)
  batch_dim, channel_dim, *space = numbers.lhs_spec
  inputs = Conv(
      x=ins[0].transpose(batch_dim, *space, channel_dim),
      window=tuple(ins[1].shape[i] for i in spatial),
      strides=p['window_strides'], padding=p['padding'],
      input_dilation=p['lhs_dilation'], kernel_dilation=p['rhs_dilation'],
      groups=groups)
  reduction = tuple(kernel.dims[i] for i in (*spatial, in_dim))
  kernel = kernel._replace(dims=(*grouped.dims, *reduction))
  return walk.emit(kernel, grouped.dims[:1], reduction, inputs, totals)


def gather(walk, eqn, ins, views, totals):
  table, p = views[0], eqn.params
  numbers, sizes, shape = p['dimension_numbers'], p['slice_sizes'], ins[0].shape
  rows = numbers.start_index_map
  reads_whole_rows = (
      len(rows) == 1 and sizes[rows[0]] == 1 and not views[1]
      and not numbers.operand_batching_dims and isinstance(table, layout.View)
      and all(n == sizes[i] for i, n in enumerate(shape) if i != rows[0]))
  if not reads_whole_rows:
    return opaque(walk, eqn, ins, views, totals)
  read = lambda column: lax.gather(
      column, ins[1], lax.GatherDimensionNumbers((), (0,), (0,)), (1,),
      mode=p['mode'], fill_value=0)
  column = jax.ShapeDtypeStruct((shape[rows[0]],), jnp.float32)
  # A lookup is linear in the table: its transpose counts the rows it reads.
  counts, = jax.linear_transpose(read, column)(
      jnp.ones(ins[1].shape[:-1], jnp.float32))
  row_dim = table.dims[rows[0]]
  return walk.emit(table, (), (row_dim,), Lookup(counts[None]), totals)


RULES = {
    'dot_general': dot_general,
    'conv_general_dilated': conv_general_dilated,
    'gather': gather,
}
