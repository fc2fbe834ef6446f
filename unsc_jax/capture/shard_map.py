"""Layers inside a `jax.shard_map` that the function itself contains.

Every device sees its part of the inputs and of the parameters. What the devices
sum is added up over the mesh axes along which it differs.
"""

import math

import jax
from jax import lax
from jax.sharding import PartitionSpec

from unsc_jax.capture import varying
from unsc_jax.capture import views


def shard_map(walk, eqn, ins, marks, totals):
  """Enters a `shard_map`; None if it cannot be entered."""
  p = eqn.params
  if not p['check_vma']:
    return None  # nothing tells which devices hold the same inputs
  marks = list(marks)
  for i, mark in enumerate(marks):
    known = [at for view in views.parts(mark) for at in view.start]
    if isinstance(mark, views.Joined) or not all(
        isinstance(at, int) for at in known):
      totals = walk.give_up(mark, 'joined or picked before a `shard_map`', totals)
      marks[i] = None
  again = walk.rehearsal()

  def body(*local):
    here = [_part(again, mark, spec, p['mesh'])
            for mark, spec in zip(marks, p['in_specs'], strict=True)]
    outs, after, new = again.run(p['jaxpr'], (), local, here, {})
    for mark in after:
      new = again.give_up(mark, 'returned by a `shard_map`', new)
    return outs, {key: _sum_over_devices(value) for key, value in new.items()}

  outs, new = jax.shard_map(
      body, mesh=p['mesh'], in_specs=tuple(p['in_specs']),
      out_specs=([*p['out_specs']], PartitionSpec()),
      axis_names=_axis_names(p))(*ins)
  walk.adopt(again)
  for key, value in new.items():
    if key in totals:
      value = jax.tree.map(varying.add, totals[key], value)
    totals = {**totals, key: value}
  return outs, [None] * len(outs), totals


def refuse_explicit(values, marks) -> None:
  """Raises ValueError if a layer's operands are split over an Explicit mesh axis.

  There no sum over a batch has a sharding of its own: JAX wants to be told.
  """
  for value in values:
    spec = getattr(getattr(jax.typeof(value), 'sharding', None), 'spec', ())
    names = {name for entry in spec if entry for name in (
        (entry,) if isinstance(entry, str) else entry)}
    if names:
      path = next(view.path for mark in marks for view in views.parts(mark))
      raise ValueError(
          f'what meets {path} is split over the mesh axis {", ".join(sorted(names))} '
          'of type Explicit, where JAX leaves no sum over it to the compiler; make '
          'the mesh with jax.sharding.AxisType.Auto, as sharding.data_mesh() does.')


def _axis_names(params) -> frozenset[str]:
  """The mesh axes that a `shard_map` maps over."""
  if 'newly_manual_axes' in params:
    return params['newly_manual_axes']
  return params['manual_axes']  # as jax 0.10.0 calls them


def _part(walk, mark, spec, mesh):
  """The part of a parameter that one device has."""
  for i, names in enumerate(spec if mark else ()):
    names = (names,) if isinstance(names, str) else tuple(names or ())
    count = math.prod(mesh.shape[name] for name in names)
    if mark and count > 1:
      part = views.chunk(mark, i, count, lax.axis_index(names))
      if part is None:
        walk.give_up(mark, 'its axes are mixed before a `shard_map`', {})
      mark = part
  return mark


def _sum_over_devices(value):
  """The sum over all devices that hold different inputs."""
  leaves = jax.tree.leaves(value)
  names = frozenset().union(*map(varying.axes, leaves))
  # A count is the same on every device, and yet has to be added up.
  return jax.tree.map(
      lambda x: lax.psum(varying.over(x, names), tuple(sorted(names))), value)


RULES = {'shard_map': shard_map}
