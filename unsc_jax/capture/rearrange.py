"""The primitives that only hand a parameter on: rearranged, cast or scaled."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from unsc_jax.capture import views


def passed_on(primitive: str, params: dict, operands: Sequence,
              marks: Sequence[views.Mark]) -> list | None:
  """Views of an equation's results, if it only hands a parameter on.

  Args:
    primitive: the equation's name.
    params: its static parameters.
    operands: its operands' values.
    marks: its operands' marks, at least one of which is a view.

  Returns:
    A view for every result; None where the equation does something else.
  """
  if primitive in _UNCHANGED:
    return list(marks)
  if primitive in _JOINS and all(isinstance(m, views.View) for m in marks):
    return [_JOINS[primitive](marks, params)]
  if primitive == 'select_n' and not marks[0] and all(
      views.same(mark, marks[1]) for mark in marks[2:]):
    return [marks[1]]  # whichever is chosen
  if sum(map(bool, marks)) > 1:
    return None
  if primitive in _SCALINGS:
    return _scaled(primitive, operands, marks)
  rule, view = _RULES.get(primitive), marks[0]
  if rule is None or not view:
    return None
  if isinstance(view, views.Joined):
    return _passed_on_joined(primitive, rule, params, view)
  out = rule(view, params, operands[1:], marks[1:])
  out = out if isinstance(out, list) else [out]
  return out if all(out) else None


def _passed_on_joined(primitive, rule, params, joined: views.Joined) -> list | None:
  axis = joined.axis
  if primitive == 'transpose':
    axis = list(params['permutation']).index(axis)
  elif primitive != 'convert_element_type':
    return None
  parts = [rule(part, params, (), ()) for part in joined.parts]
  return [views.Joined(axis, tuple(parts))] if all(parts) else None


_UNCHANGED = (
    'optimization_barrier', 'device_put', 'copy', 'copy_p', 'stop_gradient', 'name',
    'sharding_constraint', 'mesh_cast', 'reshard', 'pvary')
_JOINS: dict[str, Callable[..., views.Joined]] = {
    'concatenate': lambda marks, p: views.Joined(p['dimension'], tuple(marks)),
    'stack': lambda marks, p: views.Joined(
        p['axis'], tuple(views.repeat(v, 1, p['axis']) for v in marks)),
}
_SCALINGS = ('mul', 'div', 'neg')


def _scaled(primitive, operands, marks) -> list | None:
  """A single factor for all entries: `x (c W)` confines `W` as `x W` does."""
  at = next(i for i, mark in enumerate(marks) if mark)
  if primitive == 'div' and at == 1:
    return None
  if any(np.shape(x) for i, x in enumerate(operands) if i != at):
    return None
  mark, factor = marks[at], object()
  if isinstance(mark, views.View):
    return [mark._replace(factor=factor)]
  return [mark._replace(parts=tuple(
      part._replace(factor=factor) for part in mark.parts))]


def _float_cast(view, params, *_):
  # Casting to an integer rounds, so a small step may change nothing or much; so
  # do floating types of less than 16 bits. A complex number without an imaginary
  # part is the same number, and so is its real part.
  dtype = params['new_dtype']
  wide = jnp.issubdtype(dtype, jnp.inexact) and jnp.finfo(dtype).bits >= 16
  return view if wide else None


def _rounding(view, params, *_):
  # As for casts: no coarser than float16 or bfloat16, and of no shorter range.
  exponent, mantissa = params['exponent_bits'], params['mantissa_bits']
  wide = exponent >= 5 and mantissa >= 10 or exponent >= 8 and mantissa >= 7
  return view if wide else None


def _dynamic_slice(view, params, starts, marks):
  by_data = views.DATA in marks
  return views.dynamic_slice(view, starts, params['slice_sizes'], by_data)


_RULES: dict[str, Callable[..., Any]] = {
    'transpose': lambda v, p, *_: views.transpose(v, p['permutation']),
    'squeeze': lambda v, p, *_: views.squeeze(v, p['dimensions']),
    'broadcast_in_dim': lambda v, p, *_: views.broadcast_in_dim(
        v, p['shape'], p['broadcast_dimensions']),
    'reshape': lambda v, p, *_: views.reshape(
        views.transpose(v, p['dimensions'] or range(len(v.dims))),
        p['new_sizes']),
    'slice': lambda v, p, *_: views.slice_(
        v, p['start_indices'], p['limit_indices'], p['strides']),
    'split': lambda v, p, *_: views.split(v, p['sizes'], p['axis']),
    'unstack': lambda v, p, *_: views.unstack(v, p['axis']),
    'tile': lambda v, p, *_: views.tile(v, p['reps']),
    'rev': lambda v, p, *_: views.rev(v, p['dimensions']),
    'dynamic_slice': _dynamic_slice,
    'convert_element_type': _float_cast,
    'reduce_precision': _rounding,
}
