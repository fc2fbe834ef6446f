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

from unsc_jax.capture import varying
from unsc_jax.capture import views


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
  counts: jax.Array  # [B, d]


Inputs = Dense | Conv | Lookup

_REASONS = {  # in words, where a primitive's name alone would puzzle
    'add': 'added, as a bias is', 'add_any': 'added, as a bias is',
    'sub': 'subtracted', 'mul': 'multiplied entry by entry, as a scale is',
    'div': 'divided entry by entry', 'concatenate': 'joined to activations',
    'reshape': 'reshaped in a way that mixes its axes',
    'convert_element_type': 'cast to a type that is no float of 16 bits or more',
    'reduce_precision': 'rounded more coarsely than a float of 16 bits is',
    'gather': 'read by index, but not in whole rows',
    'while': 'used in a `while_loop` whose examples end at different steps',
    'shard_map': 'used in a `shard_map` whose types are not checked '
                 '(check_vma=False)',
}


def opaque(walk, eqn, ins, marks, totals):
  """An equation that is no layer: its parameters' inputs cannot be seen."""
  del ins
  name = eqn.primitive.name
  for mark in marks:
    reason = _REASONS.get(name, f'used by `{name}`')
    if name in ('add', 'sub') and views.DATA not in marks and _is_matrix(mark):
      reason = 'added to another parameter or a constant before use'
    if isinstance(mark, views.Joined):
      reason = f'joined to other parameters and {reason}'
    totals = walk.give_up(mark, reason, totals)
  return totals


def _is_matrix(mark) -> bool:
  """Whether a value is a parameter of several axes, and no bias spread out."""
  return isinstance(mark, views.View) and sum(map(bool, mark.dims)) > 1 and all(
      atom.axis is not None for dim in mark.dims for atom in dim)


def dot_general(walk, eqn, ins, marks, totals):
  w = 0 if marks[0] else 1
  by_data = marks[1 - w] is views.DATA
  if all(marks):
    # Of two parameters neither is an input, unless it is a row that is picked.
    rows = [isinstance(m, views.View) and m.row is not None for m in marks]
    if sum(rows) != 1:
      for mark in marks:
        totals = walk.give_up(mark, 'multiplied by another parameter', totals)
      return totals
    w = rows.index(False)
    by_data = marks[1 - w].row_by_data
    totals = walk.give_up(marks[1 - w], 'used as an input', totals)
  x = ins[1 - w]
  contract, batch = eqn.params['dimension_numbers']
  wc, wb, xc, xb = contract[w], batch[w], contract[1 - w], batch[1 - w]
  for part, rows in _pieces(marks[w], x, dict(zip((*wc, *wb), (*xc, *xb)))):
    free = [i for i in range(rows.ndim) if i not in (*xb, *xc)]
    size = lambda axes, rows=rows: math.prod(rows.shape[i] for i in axes)
    flat = rows.transpose(*xb, *free, *xc).reshape(size(xb), size(free), size(xc))
    pick = lambda axes, part=part: tuple(part.dims[i] for i in axes)
    totals = walk.emit(part, pick(wb), pick(wc), Dense(flat), by_data, totals)
  return totals


def _pieces(mark, x, meets: dict[int, int]) -> Sequence[tuple]:
  """The views in `mark`, each with the part of the inputs that it meets."""
  if isinstance(mark, views.View):
    return [(mark, x)]
  if mark.axis not in meets:
    return [(part, x) for part in mark.parts]
  out, lo = [], 0
  for part in mark.parts:
    n = views.size(part.dims[mark.axis])
    out.append((part, lax.slice_in_dim(x, lo, lo + n, axis=meets[mark.axis])))
    lo += n
  return out


def conv_general_dilated(walk, eqn, ins, marks, totals):
  p, kernel = eqn.params, marks[1]
  by_data = marks[0] is views.DATA
  if marks[0] or isinstance(kernel, views.Joined) or p['batch_group_count'] > 1:
    return opaque(walk, eqn, ins, marks, totals)
  numbers, groups = p['dimension_numbers'], p['feature_group_count']
  out_dim, in_dim, *spatial = numbers.rhs_spec
  outputs = views.size(kernel.dims[out_dim])
  grouped = views.reshape(
      kernel._replace(dims=(kernel.dims[out_dim],)), (groups, outputs // groups))
  if grouped is None:
    return opaque(walk, eqn, ins, marks, totals)
  batch_dim, channel_dim, *space = numbers.lhs_spec
  inputs = Conv(
      x=ins[0].transpose(batch_dim, *space, channel_dim),
      window=tuple(ins[1].shape[i] for i in spatial),
      strides=p['window_strides'], padding=p['padding'],
      input_dilation=p['lhs_dilation'], kernel_dilation=p['rhs_dilation'],
      groups=groups)
  reduction = tuple(kernel.dims[i] for i in (*spatial, in_dim))
  kernel = kernel._replace(dims=(*grouped.dims, *reduction))
  return walk.emit(
      kernel, grouped.dims[:1], reduction, inputs, by_data, totals)


def gather(walk, eqn, ins, marks, totals):
  table, p = marks[0], eqn.params
  numbers, sizes, shape = p['dimension_numbers'], p['slice_sizes'], ins[0].shape
  batch, found = numbers.operand_batching_dims, numbers.start_index_map
  # Along an axis of which all is read, an index can only be zero.
  found = {axis: i for i, axis in enumerate(found) if sizes[axis] < shape[axis]}
  rows = tuple(found)
  reads_whole_rows = (
      isinstance(table, views.View) and not marks[1] and rows
      and all(sizes[i] == 1 for i in rows)
      and all(sizes[i] == n for i, n in enumerate(shape)
              if i not in (*rows, *batch)))
  if not reads_whole_rows:
    return opaque(walk, eqn, ins, marks, totals)
  # A lookup is linear in the table: its transpose counts the rows it reads.
  column = (*batch, *rows)
  at = lambda axes: tuple(map(column.index, axes))
  read = lambda counts: lax.gather(
      counts, ins[1][..., jnp.array([*found.values()])],
      lax.GatherDimensionNumbers(
          (), at(rows), at(rows), at(batch), numbers.start_indices_batching_dims),
      (1,) * len(column), mode=p['mode'], fill_value=0)
  devices = varying.axes(ins[1])
  zeros = jnp.zeros([shape[i] for i in column], jnp.float32)
  _, count = jax.vjp(read, varying.over(zeros, devices))
  counts, = count(varying.over(
      jnp.ones(ins[1].shape[:-1], jnp.float32), devices))
  pick = lambda axes: tuple(table.dims[i] for i in axes)
  tables = math.prod(shape[i] for i in batch)
  return walk.emit(table, pick(batch), pick(rows),
                   Lookup(counts.reshape(tables, -1)),
                   marks[1] is views.DATA, totals)


RULES = {
    'dot_general': dot_general,
    'conv_general_dilated': conv_general_dilated,
    'gather': gather,
}
