"""Views of a parameter: which of its entries a rearranged value holds.

Networks transpose, reshape, slice, reverse and broadcast their parameters
before they use them. A `View` follows a parameter through such operations by
strides alone, so it costs a few integers whatever the parameter's size.

A value's axis is made of atoms, outermost first. An atom walks along one axis
of the parameter in equal steps: splitting an axis by a reshape splits its atom
in two, merging axes joins their atoms.
"""

from collections.abc import Callable, Sequence
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Atom(NamedTuple):
  """`size` entries of a parameter's axis, `step` apart."""
  axis: int | None  # None: a broadcast, every index reads the same entry
  step: int
  size: int


Dim = tuple[Atom, ...]  # one axis of a value; () has size one


class View(NamedTuple):
  """A value that is a rearrangement of some entries of one parameter."""
  path: str
  shape: tuple[int, ...]  # of the parameter
  start: tuple[Any, ...]  # coordinates of the view's first entry; may be traced
  dims: tuple[Dim, ...]
  row: int | None = None  # the axis of which data pick a single entry


class Joined(NamedTuple):
  """Views joined along an axis, as fused gates or projections are."""
  axis: int
  parts: tuple[View, ...]


def whole(path: str, shape: Sequence[int]) -> View:
  """The view that is the parameter itself."""
  shape = tuple(shape)
  dims = tuple(_tidy([Atom(i, 1, n)]) for i, n in enumerate(shape))
  return View(path, shape, (0,) * len(shape), dims)


def size(dim: Dim) -> int:
  return math.prod(atom.size for atom in dim)


def _tidy(atoms: Sequence[Atom]) -> Dim:
  """Drops atoms of size one and joins neighbours that walk on evenly."""
  out: list[Atom] = []
  for atom in atoms:
    if atom.size == 1:
      continue
    last = out[-1] if out else None
    if last and last.axis == atom.axis and last.step == atom.step * atom.size:
      out[-1] = Atom(atom.axis, atom.step, last.size * atom.size)
    else:
      out.append(atom)
  return tuple(out)


def _shift(view: View, axis: int | None, by) -> View:
  if axis is None:
    return view
  start = list(view.start)
  start[axis] = start[axis] + by
  return view._replace(start=tuple(start))


def _with_dim(view: View, i: int, dim: Dim) -> View:
  return view._replace(dims=(*view.dims[:i], dim, *view.dims[i + 1:]))


# What follows mirrors the primitives of `jax.lax`. Each returns the view of the
# result, or None where the result is no view that strides can describe.


def transpose(view: View, permutation: Sequence[int]) -> View:
  return view._replace(dims=tuple(view.dims[i] for i in permutation))


def squeeze(view: View, dimensions: Sequence[int]) -> View:
  drop = {d % len(view.dims) for d in dimensions}
  return view._replace(
      dims=tuple(d for i, d in enumerate(view.dims) if i not in drop))


def broadcast_in_dim(
    view: View, shape: Sequence[int], broadcast_dimensions: Sequence[int]
) -> View:
  dims: list[Dim] = [_tidy([Atom(None, 0, n)]) for n in shape]
  for source, target in enumerate(broadcast_dimensions):
    if size(view.dims[source]) == shape[target]:
      dims[target] = view.dims[source]
  return view._replace(dims=tuple(dims))


def reshape(view: View, sizes: Sequence[int]) -> View | None:
  """Deals the atoms out over the new axes, splitting them where one must."""
  left = [atom for dim in view.dims for atom in dim]
  dims = []
  for n in sizes:
    dim: list[Atom] = []
    while n > 1:
      if not left:
        return None
      axis, step, have = left.pop(0)
      take = math.gcd(n, have)
      if take != min(n, have):
        return None  # e.g. (6, 4) to (8, 3): rows are torn apart
      if take < have:
        left.insert(0, Atom(axis, step, have // take))
      dim.append(Atom(axis, step * (have // take), take))
      n //= take
    dims.append(_tidy(dim))
  return view._replace(dims=tuple(dims))


def slice_(
    view: View, starts: Sequence[int], limits: Sequence[int],
    strides: Sequence[int] | None,
) -> View | None:
  out: View | None = view
  strides = strides or (1,) * len(view.dims)
  for i, (lo, hi, stride) in enumerate(zip(starts, limits, strides, strict=True)):
    if out is not None:
      out = _slice_dim(out, i, lo, hi, stride)
  return out


def _slice_dim(
    view: View, i: int, lo: int, hi: int, stride: int = 1
) -> View | None:
  dim = view.dims[i]
  if (lo, hi, stride) == (0, size(dim), 1):
    return view
  inner = size(dim[1:])  # the slice must keep or drop whole turns of these
  if inner > 1 and (stride > 1 or lo % inner or hi % inner):
    return None
  axis, step, _ = dim[0]
  kept = Atom(axis, step * stride, -((lo - hi) // (stride * inner)))
  view = _shift(view, axis, lo // inner * step)
  return _with_dim(view, i, _tidy([kept, *dim[1:]]))


def split(view: View, sizes: Sequence[int], axis: int) -> list[View | None]:
  out, lo = [], 0
  for n in map(int, sizes):
    out.append(_slice_dim(view, axis, lo, lo + n))
    lo += n
  return out


def rev(view: View, dimensions: Sequence[int]) -> View:
  for i in dimensions:
    for atom in view.dims[i]:
      view = _shift(view, atom.axis, atom.step * (atom.size - 1))
    flipped = tuple(a._replace(step=-a.step) for a in view.dims[i])
    view = _with_dim(view, i, flipped)
  return view


def index(view: View, i: int, at) -> View | None:
  """One entry along a view's axis `i`, where `at` may be traced."""
  dim = view.dims[i]
  if len(dim) > 1:
    return None
  out = _with_dim(view, i, ())
  return _shift(out, dim[0].axis, dim[0].step * at) if dim else out


def dynamic_slice(view: View, starts: Sequence, sizes: Sequence[int]) -> View | None:
  out: View | None = view
  for i, (at, n) in enumerate(zip(starts, sizes, strict=True)):
    have = size(view.dims[i])
    if out is None or n == have:
      continue  # the start is clamped to zero: everything is taken
    if isinstance(at, jax.Array):  # not a literal: it depends on data
      axis = out.dims[i][0].axis
      out = index(out, i, jnp.clip(at, 0, have - 1)) if n == 1 else None
      out = out and out._replace(row=axis)
    else:
      at = min(max(int(at), 0), have - n)
      out = _slice_dim(out, i, at, at + n)
  return out



def passed_on(primitive: str, params: dict, operands: Sequence,
              views: Sequence[View | Joined | None]) -> list | None:
  """Views of an equation's results, if it only rearranges a parameter.

  Args:
    primitive: the equation's name.
    params: its static parameters.
    operands: its operands' values.
    views: its operands' views, at least one of which is not None.

  Returns:
    A view for every result; None where the equation does something else.
  """
  if primitive == 'optimization_barrier':
    return list(views)
  if primitive == 'concatenate' and all(isinstance(v, View) for v in views):
    return [Joined(params['dimension'], tuple(views))]
  rule, view = _RULES.get(primitive), views[0]
  if rule is None or view is None or any(views[1:]):
    return None
  if isinstance(view, Joined):
    return _passed_on_joined(primitive, rule, params, view)
  out = rule(view, params, operands[1:])
  out = out if isinstance(out, list) else [out]
  return out if all(out) else None


def _passed_on_joined(primitive, rule, params, joined: Joined) -> list | None:
  axis = joined.axis
  if primitive == 'transpose':
    axis = list(params['permutation']).index(axis)
  elif primitive != 'convert_element_type':
    return None
  parts = [rule(part, params, ()) for part in joined.parts]
  return [Joined(axis, tuple(parts))] if all(parts) else None


def _float_cast(view, params, _):
  # Casting to an integer rounds, so a small step may change nothing or much.
  return view if jnp.issubdtype(params['new_dtype'], jnp.floating) else None


_RULES: dict[str, Callable[..., Any]] = {
    'transpose': lambda v, p, _: transpose(v, p['permutation']),
    'squeeze': lambda v, p, _: squeeze(v, p['dimensions']),
    'broadcast_in_dim': lambda v, p, _: broadcast_in_dim(
        v, p['shape'], p['broadcast_dimensions']),
    'reshape': lambda v, p, _: (
        reshape(v, p['new_sizes']) if p['dimensions'] is None else None),
    'slice': lambda v, p, _: slice_(
        v, p['start_indices'], p['limit_indices'], p['strides']),
    'split': lambda v, p, _: split(v, p['sizes'], p['axis']),
    'rev': lambda v, p, _: rev(v, p['dimensions']),
    'dynamic_slice': lambda v, p, operands: dynamic_slice(
        v, operands, p['slice_sizes']),
    'convert_element_type': _float_cast,
    **dict.fromkeys(
        ('copy', 'copy_p', 'reduce_precision', 'stop_gradient', 'name',
         'sharding_constraint', 'mesh_cast', 'reshard', 'pvary', 'pcast'),
        lambda v, *_: v),
}
