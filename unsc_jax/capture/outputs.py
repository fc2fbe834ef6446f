"""Where a layer's outputs lie along its parameter's axes, and what reaches them.

The walk that hands on a layer's inputs (`trace.py`) can let its outputs pass through
a tap as well. A tap is the identity; whoever differentiates the function finds in it
the derivative with respect to those outputs.

`B` layers, `n` rows of outputs (positions of a convolution), `o` fan-out.
"""

from collections.abc import Callable
import dataclasses
from typing import Any, Protocol

import jax

from unsc_jax.capture import placement
from unsc_jax.capture import site as site_lib
from unsc_jax.capture import views


class Tap(Protocol):
  """What the outputs of every layer pass through."""

  def layer(self, site: site_lib.Site, place: placement.Placement, layout: 'Layout',
            y: jax.Array) -> jax.Array:
    """The outputs `y` of a layer again; `site` contracts the parameter's outputs."""
    ...

  def refuse(self, path: str, reason: str) -> None:
    """A use of a parameter whose outputs cannot be told."""
    ...


@dataclasses.dataclass(frozen=True)
class Layout:
  """Which axes of an output are layers, rows, and outputs of one layer."""
  batch: tuple[int, ...]
  rows: tuple[int, ...]
  outputs: tuple[int, ...]
  sizes: tuple[int, int, int]  # B, n, o; groups are the outermost part of outputs

  def fold(self, y: jax.Array) -> jax.Array:
    """Outputs as `[B, n, o]`."""
    b, n, o = self.sizes
    if self.batch:
      return y.transpose(*self.batch, *self.rows, *self.outputs).reshape(b, n, o)
    return y.transpose(*self.rows, *self.outputs).reshape(n, b, o).transpose(1, 0, 2)


def through(tap: Tap, eqn, marks, y: list[jax.Array]) -> list[jax.Array]:
  """What an equation with parameters gives, through a tap if it is a layer."""
  rule = _RULES.get(eqn.primitive.name)
  if rule and sum(map(bool, marks)) == 1 and any(
      isinstance(mark, views.View) for mark in marks):
    found = rule(eqn, marks, y[0])
    if not isinstance(found, str):
      site, place, layout = found
      return [tap.layer(site, place, layout, y[0])]
  else:
    found = f'used by `{eqn.primitive.name}`'
    if any(isinstance(mark, views.Joined) for mark in marks):
      found = 'joined to other parameters'
  for mark in marks:
    for view in views.parts(mark):
      tap.refuse(view.path, found)
  return y


def _dot_general(eqn, marks, y):
  contract, batch = eqn.params['dimension_numbers']
  w = 0 if marks[0] else 1
  free = [[i for i in range(v.aval.ndim) if i not in (*c, *b)]
          for v, c, b in zip(eqn.invars, contract, batch)]
  left = len(batch[0]) + len(free[0])
  axes = [range(len(batch[0]), left), range(left, y.ndim)]
  pick = lambda which: tuple(marks[w].dims[i] for i in which)
  layers = tuple(range(len(batch[0])))
  return _located(
      marks[w], pick(batch[w]), pick(free[w]), y,
      (layers, tuple(axes[1 - w]), tuple(axes[w])))


def _conv(eqn, marks, y):
  p, kernel = eqn.params, marks[1]
  if not kernel or p['batch_group_count'] > 1:
    return 'used by `conv_general_dilated` as its input, or in groups of the batch'
  out_dim = p['dimension_numbers'].rhs_spec[0]
  groups, dim = p['feature_group_count'], kernel.dims[out_dim]
  grouped = views.reshape(
      kernel._replace(dims=(dim,)), (groups, views.size(dim) // groups))
  if grouped is None:
    return 'rearranged so that its axes are mixed'
  rest = tuple(d for i, d in enumerate(kernel.dims) if i != out_dim)
  image, feature, *space = p['dimension_numbers'].out_spec
  return _located(
      kernel._replace(dims=(*grouped.dims, *rest)), grouped.dims[:1], grouped.dims[1:],
      y, ((), (image, *space), (feature,)))


def _located(view, batch, outputs, y, axes) -> Any:
  """Site, placement and layout of a layer's outputs; or why there are none."""
  found = placement.locate(view, batch, outputs, 'output')
  if isinstance(found, str):
    return found
  size = lambda dims: views.size(tuple(a for dim in dims for a in dim))
  b, o = size(batch), size(outputs)
  layers, rows, columns = axes
  return *found, Layout(layers, rows, columns, (b, y.size // max(1, b * o), o))


_RULES: dict[str, Callable] = {
    'dot_general': _dot_general, 'conv_general_dilated': _conv}
