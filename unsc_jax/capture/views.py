"""Views of a parameter: which of its entries a rearranged value holds.

Networks transpose, reshape, slice, reverse and broadcast their parameters
before they use them. A `View` follows a parameter through such operations by
strides alone, so it costs a few integers whatever the parameter's size.

A value's axis is made of atoms, outermost first. An atom walks along one axis
of the parameter in equal steps: splitting an axis by a reshape splits its atom
in two, merging axes joins their atoms.
"""

from collections.abc import Sequence
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
  row: int | None = None  # an axis of which the program picks one entry
  row_by_data: bool = False  # whether data say which
  factor: Any = None  # stands for a factor of all entries, whatever its value


class Joined(NamedTuple):
  """Views joined along an axis, as fused gates or projections are."""
  axis: int
  parts: tuple[View, ...]


class Data:
  """Marks a value that depends on the function's data.

  It is false: `if view` asks whether a value is a parameter's. A value that
  depends on neither has no mark at all, that is None.
  """

  def __bool__(self) -> bool:
    return False


DATA = Data()
Mark = View | Joined | Data | None  # what the walk knows of a value


def whole(path: str, shape: Sequence[int]) -> View:
  """The view that is the parameter itself."""
  shape = tuple(shape)
  dims = tuple(_tidy([Atom(i, 1, n)]) for i, n in enumerate(shape))
  return View(path, shape, (0,) * len(shape), dims)


def size(dim: Dim) -> int:
  return math.prod(atom.size for atom in dim)


def parts(mark: Mark) -> tuple[View, ...]:
  """The views that a value is made of."""
  if isinstance(mark, Joined):
    return mark.parts
  return (mark,) if isinstance(mark, View) else ()


def same(a: Mark, b: Mark) -> bool:
  """Whether two values are the same entries of the same parameter."""
  if isinstance(a, Joined) and isinstance(b, Joined):
    return a.axis == b.axis and len(a.parts) == len(b.parts) and all(
        map(same, a.parts, b.parts))
  if not (isinstance(a, View) and isinstance(b, View)):
    return a is b or (a is not None and type(a) is type(b) is Data)
  equal = lambda s, t: s is t or (
      isinstance(s, int) and isinstance(t, int) and s == t)
  return ((a.path, a.dims, a.row) == (b.path, b.dims, b.row)
          and a.factor is b.factor and all(map(equal, a.start, b.start)))


def join(before: Mark, after: Mark) -> Mark:
  """What is known of a value that is `before` at first and `after` later."""
  if before is DATA or same(before, after):
    return before
  return DATA if after is DATA else None


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
  dims: list[Dim] = [_tidy([Atom(None, 0, n)]) for n in map(int, shape)]
  for source, target in enumerate(broadcast_dimensions):
    if size(view.dims[source]) == shape[target]:
      dims[target] = view.dims[source]
  return view._replace(dims=tuple(dims))


def repeat(view: View, n: int, axis: int = 0) -> View:
  """The same view `n` times, along a new axis."""
  new = _tidy([Atom(None, 0, n)])
  return view._replace(dims=(*view.dims[:axis], new, *view.dims[axis:]))


def tile(view: View, reps: Sequence[int]) -> View:
  return view._replace(dims=tuple(
      _tidy([Atom(None, 0, n), *dim]) for n, dim in zip(map(int, reps), view.dims)))


def reshape(view: View, sizes: Sequence[int]) -> View | None:
  """Deals the atoms out over the new axes, splitting them where one must."""
  left = [atom for dim in view.dims for atom in dim]
  dims = []
  for n in map(int, sizes):
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
  spans = zip(map(int, starts), map(int, limits), map(int, strides), strict=True)
  for i, (lo, hi, stride) in enumerate(spans):
    if out is not None:
      out = _slice_dim(out, i, lo, hi, stride)
  return out


def _slice_dim(
    view: View, i: int, lo: int, hi: int, stride: int = 1
) -> View | None:
  dim = view.dims[i]
  if (lo, hi) == (0, size(dim)) and (stride == 1 or not dim):
    return view
  if lo >= hi:
    return _with_dim(view, i, (Atom(None, 0, 0),))
  inner = size(dim[1:])
  axis, step, _ = dim[0]
  turn = lo // inner
  if inner > 1 and hi <= (turn + 1) * inner:  # all within one turn of these
    view = _with_dim(_shift(view, axis, turn * step), i, dim[1:])
    return _slice_dim(view, i, lo - turn * inner, hi - turn * inner, stride)
  if inner > 1 and (stride > 1 or lo % inner or hi % inner):
    return None  # keeps parts of several turns
  kept = Atom(axis, step * stride, -((lo - hi) // (stride * inner)))
  return _with_dim(_shift(view, axis, turn * step), i, _tidy([kept, *dim[1:]]))


def split(view: View, sizes: Sequence[int], axis: int) -> list[View | None]:
  out, lo = [], 0
  for n in map(int, sizes):
    out.append(_slice_dim(view, axis, lo, lo + n))
    lo += n
  return out


def unstack(view: View, axis: int) -> list[View]:
  return [squeeze(index(view, axis, i), (axis,))
          for i in range(size(view.dims[axis]))]


def rev(view: View, dimensions: Sequence[int]) -> View:
  for i in dimensions:
    for atom in view.dims[i]:
      view = _shift(view, atom.axis, atom.step * (atom.size - 1))
    flipped = tuple(a._replace(step=-a.step) for a in view.dims[i])
    view = _with_dim(view, i, flipped)
  return view


def index(view: View, i: int, at) -> View:
  """One entry along a view's axis `i`, where `at` may be traced."""
  out = _with_dim(view, i, ())
  for atom in reversed(view.dims[i]):
    out = _shift(out, atom.axis, atom.step * (at % atom.size))
    at = at // atom.size
  return out


def chunk(view: View, i: int, count: int, at) -> View | None:
  """One of `count` equal parts along a view's axis `i`."""
  sizes = [*map(size, view.dims)]
  sizes[i:i + 1] = [count, sizes[i] // count]
  out = reshape(view, sizes)
  return out and squeeze(index(out, i, at), (i,))


def dynamic_slice(
    view: View, starts: Sequence, sizes: Sequence[int], by_data: bool
) -> View | None:
  out: View | None = view
  for i, (at, n) in enumerate(zip(starts, sizes, strict=True)):
    dim = view.dims[i]
    have = size(dim)
    if out is None or n == have:
      continue  # the start is clamped to zero: everything is taken
    if not isinstance(at, jax.Array):  # a literal
      at = min(max(int(at), 0), have - n)
      out = _slice_dim(out, i, at, at + n)
    elif n == 1:
      # Clamped first: adding to a small integer type could overflow.
      at = jnp.clip(at, 0, have - 1).astype(jnp.int32)
      row = out.row if dim[0].axis is None else dim[0].axis
      out = index(out, i, at)._replace(
          row=row, row_by_data=by_data or out.row_by_data)
    else:
      out = None
  return out
