"""Reads off the jaxpr of any function where its parameters meet activations.

A layer is an equation one of whose operands is a rearranged parameter. We
interpret the jaxpr once, carrying the `layout.View` of every such value; at a
layer (`layers.py`) the view tells which parameter axes are contracted, and the
other operand is the layer's input.

A use that is no layer is recorded, never skipped: a parameter is tapped only if
every use of it is a site.
"""

from collections.abc import Callable
import functools
from typing import Any, NamedTuple

import jax
import jax.extend.core as jex
import jax.numpy as jnp

from unsc_jax import layers
from unsc_jax import layout
from unsc_jax import loops
from unsc_jax import site as site_lib

Site = site_lib.Site
Visit = Callable[[Site, layers.Inputs], Any]


class Trace(NamedTuple):
  """What one traced call found.

  Attributes:
    out: what the function returned.
    values: for every site the sum over its uses of what `visit` returned, with
      the site's batch axes in front.
    uses: how often every site occurs in the program (in a loop's body: once).
    untapped: parameter path to the reason why its inputs are not captured.
  """
  out: Any
  values: dict[Site, Any]
  uses: dict[Site, int]
  untapped: dict[str, str]


def leaf_paths(tree: Any) -> dict[str, Any]:
  """A pytree's leaves by path, such as `'Dense_0/kernel'`.

  The last step into a `flax.nnx.Variable` is left out, so that a parameter has
  the same name in an `nnx.State` and in its pure dictionary.
  """
  flat, _ = jax.tree_util.tree_flatten_with_path(tree)
  return {path_name(path): leaf for path, leaf in flat}


def path_name(path: tuple) -> str:
  """A key path as one string, `'Dense_0/kernel'`."""
  name = jax.tree_util.keystr(path, simple=True, separator='/')
  wrapped = path and isinstance(path[-1], jax.tree_util.GetAttrKey)
  return name.removesuffix('/value') if wrapped else name


def trace(fn: Callable, visit: Visit, params: Any, *args: Any) -> Trace:
  """Evaluates `fn(params, *args)` and visits the inputs of all its layers.

  Args:
    fn: any JAX function of arrays.
    visit: maps a site and its inputs to a pytree of arrays `[B, d, ..., d]`
      with any number of fan-in axes; what several uses give is added up.
    params: pytree of arrays.
    *args: pytrees of arrays.

  Returns:
    The output, and everything that was found on the way to it.
  """
  closed, shapes = jax.make_jaxpr(fn, return_shape=True)(params, *args)
  leaves = leaf_paths(params)
  views: list[Any] = [
      layout.whole(path, jnp.shape(leaf)) for path, leaf in leaves.items()]
  values = [*leaves.values(), *jax.tree.leaves(args)]
  views += [None] * (len(values) - len(views))
  walk = _Walk(visit)
  out, out_views, totals = walk.run(
      closed.jaxpr, closed.consts, values, views, {})
  for view in out_views:
    totals = walk.give_up(view, 'returned by the function', totals)
  walk.refuse_conflicts()
  tapped = [site for site in walk.uses if site.path not in walk.untapped]
  paths = {site.path for site in tapped}
  return Trace(
      out=jax.tree.unflatten(jax.tree.structure(shapes), out),
      values={site: totals[site] for site in tapped},
      uses={site: walk.uses[site] for site in tapped},
      untapped={path: walk.untapped.get(path, 'never used')
                for path in leaves if path not in paths})


_CALLS = {  # primitives that only run the jaxpr among their parameters
    'jit': 'jaxpr', 'pjit': 'jaxpr', 'closed_call': 'call_jaxpr',
    'core_call': 'call_jaxpr', 'remat': 'jaxpr', 'remat2': 'jaxpr',
    'checkpoint': 'jaxpr', 'custom_jvp_call': 'call_jaxpr',
    'custom_vjp_call': 'call_jaxpr', 'custom_vjp_call_jaxpr': 'fun_jaxpr',
}


class _Walk:
  """One walk over a program, and what it has found so far."""

  def __init__(self, visit: Visit):
    self._visit = visit
    self.uses: dict[Site, int] = {}
    self.untapped: dict[str, str] = {}

  def rehearsal(self) -> '_Walk':
    """A walk over the same ground whose findings do not count."""
    return _Walk(self._visit)

  def run(self, jaxpr, consts, values, views, totals):
    """Evaluates a jaxpr: its outputs, their views, and the new totals."""
    env = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *values],
                   strict=True))
    seen = {var: v for var, v in zip(jaxpr.invars, views, strict=True) if v}
    is_literal = lambda v: isinstance(v, jex.Literal)
    read = lambda v: v.val if is_literal(v) else env[v]
    view_of = lambda v: None if is_literal(v) else seen.get(v)
    for eqn in _live(jaxpr):
      ins, in_views = [*map(read, eqn.invars)], [*map(view_of, eqn.invars)]
      if any(in_views):
        outs, out_views, totals = self._equation(eqn, ins, in_views, totals)
        seen.update((v, w) for v, w in zip(eqn.outvars, out_views) if w)
      else:
        outs = _bind(eqn, ins)
      env.update(zip(eqn.outvars, outs, strict=True))
    return [*map(read, jaxpr.outvars)], [*map(view_of, jaxpr.outvars)], totals

  def _equation(self, eqn, ins, views, totals):
    """An equation that reads at least one parameter."""
    name = eqn.primitive.name
    if name in _CALLS:
      body = eqn.params[_CALLS[name]]
      closed = isinstance(body, jex.ClosedJaxpr)
      jaxpr, consts = (body.jaxpr, body.consts) if closed else (body, ())
      return self.run(jaxpr, consts, ins, views, totals)
    if name in loops.RULES:
      return loops.RULES[name](self, eqn, ins, views, totals)
    out_views = layout.passed_on(name, eqn.params, ins, views)
    if out_views is None:
      layer = layers.RULES.get(name, layers.opaque)
      totals = layer(self, eqn, ins, views, totals)
      out_views = [None] * len(eqn.outvars)
    return _bind(eqn, ins), out_views, totals

  def emit(self, view, batch, reduction, inputs: layers.Inputs, totals):
    """Records a layer with weight `view`, contracted along `reduction`."""
    kind = type(inputs).__name__.lower()
    found = site_lib.locate(view, batch, reduction, kind)
    if found is None:
      return self.give_up(view, 'its axes are mixed before use', totals)
    site, place = found
    self.uses[site] = self.uses.get(site, 0) + 1
    value = jax.tree.map(place.arrange, self._visit(site, inputs))
    if site in totals:
      value = jax.tree.map(place.deposit, totals[site], value)
    else:
      value = jax.tree.map(functools.partial(place.deposit, None), value)
    return {**totals, site: value}

  def give_up(self, view, reason: str, totals=None):
    """Records a use that is no layer; what it reads has to stay as it is.

    Of a row that data pick, only that row: this is a lookup.
    """
    totals = {} if totals is None else totals
    for part in view.parts if isinstance(view, layout.Joined) else [view]:
      if part is not None and part.row is not None:
        table, axis = layout.whole(part.path, part.shape), part.row
        at = part.start[axis]
        counts = jnp.zeros((1, part.shape[axis])).at[0, at].add(1.)
        inputs = layers.Lookup(counts)
        totals = self.emit(table, (), (table.dims[axis],), inputs, totals)
      elif part is not None:
        self.untapped.setdefault(part.path, reason)
    return totals

  def refuse_conflicts(self) -> None:
    """Gives up parameters whose sites cannot all be constrained at once."""
    sites = list(self.uses)
    for i, a in enumerate(sites):
      for b in sites[:i]:
        if a.path == b.path and not site_lib.commute(a, b):
          self.untapped.setdefault(
              a.path, 'used in two ways that exclude each other')


def _live(jaxpr) -> list:
  """The equations that matter for the outputs, in order."""
  variables = lambda vs: {v for v in vs if not isinstance(v, jex.Literal)}
  needed, live = variables(jaxpr.outvars), []
  for eqn in reversed(jaxpr.eqns):
    if eqn.effects or needed.intersection(eqn.outvars):
      live.append(eqn)
      needed |= variables(eqn.invars)
  return live[::-1]


def _bind(eqn, ins) -> list:
  """Evaluates an equation as it stands, keeping its derivative rules."""
  bound = eqn.primitive.get_bind_params(eqn.params)
  functions, params = bound if isinstance(bound, tuple) else ((), bound)
  out = eqn.primitive.bind(*functions, *ins, **params)
  return list(out) if eqn.primitive.multiple_results else [out]
