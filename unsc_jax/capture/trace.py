"""Reads off the jaxpr of any function where its parameters meet activations.

A layer is an equation one of whose operands is a rearranged parameter. We
interpret the jaxpr once, carrying the `views.View` of every such value; at a
layer (`layers.py`) the view tells which parameter axes are contracted, and the
other operand is the layer's input.

A use that is no layer is recorded, never skipped: a parameter is captured only if
every use of it is a site.
"""

import collections
from collections.abc import Callable
import functools
import math
from typing import Any, NamedTuple

import jax
import jax.extend.core as jex
from jax.interpreters import partial_eval
import jax.numpy as jnp

from unsc_jax import paths
from unsc_jax.capture import control_flow
from unsc_jax.capture import equations
from unsc_jax.capture import layers
from unsc_jax.capture import outputs
from unsc_jax.capture import placement
from unsc_jax.capture import rearrange
from unsc_jax.capture import shard_map
from unsc_jax.capture import site as site_lib
from unsc_jax.capture import varying
from unsc_jax.capture import views

Site = site_lib.Site
Visit = Callable[[Site, layers.Inputs], Any]


class Trace(NamedTuple):
  """What one traced call found.

  Attributes:
    out: what the function returned.
    values: for every site the sum over its uses of what `visit` returned, with
      the site's batch axes in front.
    fixed: the part of `values` that no data reach, a table read at every
      position say. As large for any batch, it must not be subtracted with one.
    uses: how often every site occurs in the program (in a loop's body: once).
    uncaptured: parameter path to the reason why its inputs are not captured.
  """
  out: Any
  values: dict[Site, Any]
  fixed: dict[Site, Any]
  uses: dict[Site, int]
  uncaptured: dict[str, str]


def trace(fn: Callable, visit: Visit, params: Any, *args: Any,
          data: Callable[[str], bool] = lambda path: True,
          tap: outputs.Tap | None = None) -> Trace:
  """Evaluates `fn(params, *args)` and visits the inputs of all its layers.

  Args:
    fn: any JAX function of arrays.
    visit: maps a site and its inputs to a pytree of arrays `[B, d, ..., d]`
      with any number of fan-in axes; what several uses give is added up.
    params: pytree of arrays.
    *args: pytrees of arrays.
    data: which leaves of `args` hold data, by path: `'1/ids'` is in the second.
    tap: what the outputs of all layers pass through.

  Returns:
    The output, and everything that was found on the way to it.

  Raises:
    TypeError: a leaf of `params` is not an array.
    ValueError: a layer's operands are split over a mesh axis of type Explicit.
  """
  leaves = paths.leaf_paths(params)
  paths.check_arrays(leaves)
  closed, shapes = jax.make_jaxpr(fn, return_shape=True)(params, *args)
  walk = _Walk(visit, tap)
  marks: list[views.Mark] = [
      walk.admit(path, leaf) for path, leaf in leaves.items()]
  values = [jnp.asarray(leaf) for leaf in jax.tree.leaves((params, args))]
  marks += [views.DATA if data(paths.path_name(path)) else None
            for path, _ in jax.tree_util.tree_leaves_with_path(args)]
  out, out_marks, totals = walk.run(
      closed.jaxpr, closed.consts, values, marks, {})
  for mark in out_marks:
    totals = walk.give_up(mark, 'returned by the function', totals)
  totals = walk.agree(totals)
  captured = {site: uses for site, uses in walk.uses.items()
              if site.path not in walk.uncaptured}
  captured_paths = {site.path for site in captured}
  fed, fixed = ({site: total for (site, by_data), total in totals.items()
                 if by_data == which and site in captured}
                for which in (True, False))
  add = lambda a, b: jax.tree.map(varying.add, a, b)
  return Trace(
      out=jax.tree.unflatten(jax.tree.structure(shapes), out),
      values={site: add(fed[site], fixed[site])
              if site in fed and site in fixed
              else fed.get(site, fixed.get(site)) for site in captured},
      fixed=fixed, uses=captured,
      uncaptured={path: walk.uncaptured.get(path, 'never used')
                for path in leaves if path not in captured_paths})


_CALLS = {  # primitives that only run the jaxpr among their parameters
    'jit': 'jaxpr', 'pjit': 'jaxpr', 'closed_call': 'call_jaxpr',
    'core_call': 'call_jaxpr', 'remat': 'jaxpr', 'remat2': 'jaxpr',
    'checkpoint': 'jaxpr', 'custom_jvp_call': 'call_jaxpr',
    'custom_vjp_call': 'call_jaxpr', 'custom_vjp_call_jaxpr': 'fun_jaxpr',
    'custom_vmap_call': 'call',
}
_PLAIN = ('jit', 'pjit', 'closed_call', 'core_call')  # have no rules of their own
_CONTROL = {**control_flow.RULES, **shard_map.RULES}


class _Walk:
  """One walk over a program, and what it has found so far.

  Totals go from `(site, by_data)` to what was summed: `by_data` tells whether
  the inputs depend on the function's data.
  """

  def __init__(self, visit: Visit, tap: outputs.Tap | None = None):
    self._visit, self._tap = visit, tap
    self.uses: dict[Site, int] = {}
    self.uncaptured: dict[str, str] = {}

  def rehearsal(self) -> '_Walk':
    """A walk over the same ground whose findings do not count."""
    return _Walk(self._visit, self._tap)

  def adopt(self, rehearsal: '_Walk') -> None:
    """Takes over what another walk has found."""
    for site, uses in rehearsal.uses.items():
      self.uses[site] = self.uses.get(site, 0) + uses
    for path, reason in rehearsal.uncaptured.items():
      self.uncaptured.setdefault(path, reason)

  def admit(self, path: str, leaf: Any) -> views.Mark:
    """The view that is a whole parameter, if one can be had."""
    dtype, shape = jnp.result_type(leaf), jnp.shape(leaf)
    if not jnp.issubdtype(dtype, jnp.floating):
      self.uncaptured[path] = f'of type {dtype}, which is not real and floating'
    elif math.prod(shape) == 0:
      self.uncaptured[path] = 'empty'
    else:
      return views.whole(path, shape)
    return None

  def run(self, jaxpr, consts, values, marks, totals):
    """Evaluates a jaxpr: its outputs, their marks, and the new totals."""
    # What does not reach the outputs is no use of a parameter.
    jaxpr, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars), True)
    env: dict[Any, Any] = dict(zip(
        [*jaxpr.constvars, *jaxpr.invars], [*consts, *values], strict=True))
    known = dict(zip(jaxpr.invars, marks, strict=True))
    is_literal = equations.is_literal
    # What was the same on all devices of a mesh axis before it had to be cast.
    narrow: dict = {}
    mark_of = lambda v: None if is_literal(v) else known.get(v)
    for eqn in jaxpr.eqns:
      ins, in_marks = equations.read(env, eqn.invars), [*map(mark_of, eqn.invars)]
      empty = [*map(_is_empty, eqn.outvars)]
      if any(in_marks) and not (empty and all(empty)):
        met = [x if is_literal(v) else narrow.get(v, x)
               for v, x in zip(eqn.invars, ins)]
        outs, out_marks, totals = self._equation(eqn, ins, met, in_marks, totals)
      else:
        outs, out_marks = equations.bind(eqn, ins), [None] * len(eqn.outvars)
      env.update(zip(eqn.outvars, outs, strict=True))
      if eqn.primitive.name == 'pvary':
        narrow.update((w, narrow.get(v, env[v])) for v, w in zip(
            eqn.invars, eqn.outvars) if not is_literal(v))
      rest = views.DATA if views.DATA in in_marks else None
      known.update((v, rest if none else mark or rest) for v, mark, none in zip(
          eqn.outvars, out_marks, empty, strict=True))
    outs = equations.read(env, jaxpr.outvars)
    return outs, [*map(mark_of, jaxpr.outvars)], totals

  def _equation(self, eqn, ins, met, marks, totals):
    """An equation that reads at least one parameter, with what it meets."""
    name = eqn.primitive.name
    if name in _CALLS:
      body = eqn.params[_CALLS[name]]
      closed = isinstance(body, jex.ClosedJaxpr)
      jaxpr, consts = (body.jaxpr, body.consts) if closed else (body, ())
      outs, out_marks, totals = self.run(jaxpr, consts, ins, marks, totals)
      # The equation itself knows how it wants to be differentiated. Compiled,
      # what it and the walk compute alike is computed once.
      outs = outs if name in _PLAIN or self._tap else equations.bind(eqn, ins)
      return outs, out_marks, totals
    if self._tap and name == 'shard_map':  # a tap's sums would be each device's own
      for mark in marks:
        totals = self.give_up(
            mark, 'used in a `shard_map`, into which outputs are not followed', totals)
      return equations.bind(eqn, ins), [None] * len(eqn.outvars), totals
    if name in _CONTROL:
      entered = _CONTROL[name](self, eqn, ins, marks, totals)
      if entered is not None:
        return entered
    out_marks = rearrange.passed_on(name, eqn.params, ins, marks)
    if out_marks is None:
      shard_map.refuse_explicit(met, marks)
      layer = layers.RULES.get(name, layers.opaque)
      totals = layer(self, eqn, met, marks, totals)
      out_marks = [None] * len(eqn.outvars)
      if self._tap:
        outs = outputs.through(self._tap, eqn, marks, equations.bind(eqn, ins))
        return outs, out_marks, totals
    return equations.bind(eqn, ins), out_marks, totals

  def emit(self, view, batch, reduction, inputs: layers.Inputs, by_data, totals):
    """Records a layer with weight `view`, contracted along `reduction`."""
    kind = type(inputs).__name__.lower()
    found = placement.locate(view, batch, reduction, kind)
    if isinstance(found, str):
      return self.give_up(view, found, totals)
    site, place = found
    self.uses[site] = self.uses.get(site, 0) + 1
    value = jax.tree.map(place.arrange, self._visit(site, inputs))
    key = (site, by_data)
    if key in totals:
      value = jax.tree.map(place.deposit, totals[key], value)
    else:
      value = jax.tree.map(functools.partial(place.deposit, None), value)
    return {**totals, key: value}

  def give_up(self, mark, reason: str, totals):
    """Records a use that is no layer; what it reads has to stay as it is.

    Of a row that the program picks, only that row: this is a lookup.
    """
    for view in views.parts(mark):
      row = view.row
      if row is None or any(a.axis == row for dim in view.dims for a in dim):
        self.uncaptured.setdefault(view.path, reason)
        continue
      start = jnp.asarray(view.start[row], int)  # of any integers
      counts = jnp.float32(jnp.arange(view.shape[row]) == start)[None]
      table = views.whole(view.path, view.shape)
      totals = self.emit(table, (), (table.dims[row],), layers.Lookup(counts),
                         view.row_by_data, totals)
    return totals

  def agree(self, totals):
    """Brings together what could not be constrained at once, or gives it up."""
    becomes = site_lib.agreed([*self.uses])
    uses, out = collections.Counter(), {}
    for site, count in self.uses.items():
      uses[becomes[site]] += count
    for (site, by_data), value in totals.items():
      key = (becomes[site], by_data)
      value = jax.tree.map(functools.partial(site_lib.restate, site, key[0]), value)
      out[key] = jax.tree.map(varying.add, out[key], value) if key in out else value
    for path in site_lib.conflicts(uses):
      self.uncaptured.setdefault(path, 'used in two ways that exclude each other')
    self.uses = uses
    return out


def _is_empty(var) -> bool:
  """Whether a value has no entries, so none of a parameter either."""
  return 0 in getattr(var.aval, 'shape', ())
