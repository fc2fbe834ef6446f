"""Control flow that holds layers: `scan`, `while_loop`, `cond`.

A loop's totals travel in its carry, so that they need no memory per step. A
parameter that a loop only hands on keeps its view; one that changes on the way
is given up. Of stacked parameters every step sees one layer, at an index that
the step counts, so that its statistics land in that layer's place.
"""

from collections.abc import Callable

import jax
from jax import lax
import jax.extend.core as jex
import jax.numpy as jnp

from unsc_jax import layout


def scan(walk, eqn, ins, views, totals):
  p = eqn.params
  body, nc, nk = p['jaxpr'], p['num_consts'], p['num_carry']
  reverse, last = p['reverse'], p['length'] - 1
  kept, totals = _kept(walk, body.jaxpr, views[nc:nc + nk], nc, totals, 'scan')

  def step(walk, totals, i, carry, x):
    at = last - i if reverse else i
    layer = [_layer(walk, view, at) for view in views[nc + nk:]]
    outs, out_views, totals = walk.run(
        body.jaxpr, body.consts, [*ins[:nc], *carry, *x],
        [*views[:nc], *kept, *layer], totals)
    totals = _escaped(walk, out_views, kept, totals, 'scan')
    return outs[:nk], outs[nk:], totals

  carry, xs = ins[nc:nc + nk], ins[nc + nk:]
  first = [jax.ShapeDtypeStruct(x.shape[1:], x.dtype) for x in xs]
  zero = jnp.zeros((), jnp.int32)
  totals = _open(walk, lambda *a: step(*a)[-1], totals, zero, carry, first)
  again = walk.rehearsal()

  def scanned(state, x):
    i, carry, totals = state
    carry, y, totals = step(again, totals, i, carry, x)
    return (i + 1, carry, totals), y

  (_, carry, totals), ys = lax.scan(
      scanned, (zero, carry, totals), xs, length=p['length'], reverse=reverse)
  return [*carry, *ys], [*kept, *[None] * len(ys)], totals


def while_loop(walk, eqn, ins, views, totals):
  p = eqn.params
  test, body = p['cond_jaxpr'], p['body_jaxpr']
  nt, nb = p['cond_nconsts'], p['body_nconsts']
  state = ins[nt + nb:]
  kept, totals = _kept(
      walk, body.jaxpr, views[nt + nb:], nb, totals, 'while_loop')
  for view in _read_by(test.jaxpr, [*views[:nt], *kept]):
    totals = walk.give_up(view, 'decides when a `while_loop` ends', totals)

  def step(walk, totals, state):
    outs, out_views, totals = walk.run(
        body.jaxpr, body.consts, [*ins[nt:nt + nb], *state],
        [*views[nt:nt + nb], *kept], totals)
    return outs, _escaped(walk, out_views, kept, totals, 'while_loop')

  totals = _open(walk, lambda *a: step(*a)[-1], totals, state)
  again = walk.rehearsal()
  state, totals = lax.while_loop(
      lambda s: jex.jaxpr_as_fun(test)(*ins[:nt], *s[0])[0],
      lambda s: step(again, s[1], s[0]), (state, totals))
  return state, kept, totals


def cond(walk, eqn, ins, views, totals):
  index, *operands = ins
  totals = walk.give_up(views[0], 'decides which branch runs', totals)

  def branch_fn(branch):
    def run(walk, totals, operands):
      outs, out_views, totals = walk.run(
          branch.jaxpr, branch.consts, operands, views[1:], totals)
      for view in out_views:
        totals = walk.give_up(view, 'returned by a branch of `cond`', totals)
      return outs, totals
    return run

  branches = [branch_fn(branch) for branch in eqn.params['branches']]
  for run in branches:
    totals = _open(walk, lambda *a, run=run: run(*a)[-1], totals, operands)
  again = walk.rehearsal()
  outs, totals = lax.switch(
      index, [lambda t, o, run=run: run(again, t, o) for run in branches],
      totals, operands)
  return outs, [None] * len(outs), totals


def _open(walk, body: Callable, totals, *args):
  """The totals, with a zero for every site that `body` will add to.

  The dry run is the one whose findings count: JAX may trace a loop's body more
  than once.
  """
  shapes = jax.eval_shape(lambda t, *a: body(walk, t, *a), totals, *args)
  zeros = lambda tree: jax.tree.map(
      lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), tree)
  return {site: totals[site] if site in totals else zeros(shape)
          for site, shape in shapes.items()}


def _layer(walk, view, at):
  """One layer of stacked parameters, inside a scan's body."""
  entry = layout.index(view, 0, at) if isinstance(view, layout.View) else None
  if view and not entry:
    walk.give_up(view, 'its axes are mixed before a `scan`')
  return entry and layout.squeeze(entry, (0,))


def _kept(walk, body, views, offset: int, totals, loop: str):
  """Views of carried values, where the loop's body hands them on unchanged."""
  kept = []
  for i, view in enumerate(views):
    same = body.outvars[i] is body.invars[offset + i]
    if not same:
      totals = walk.give_up(view, f'carried and changed by a `{loop}`', totals)
    kept.append(view if same else None)
  return kept, totals


def _escaped(walk, out_views, kept, totals, loop: str):
  """Gives up parameters that a loop's body returns as something new."""
  known = [*kept, *[None] * (len(out_views) - len(kept))]
  for view, same in zip(out_views, known, strict=True):
    if not same:
      totals = walk.give_up(view, f'returned by the body of a `{loop}`', totals)
  return totals


def _read_by(jaxpr, views) -> list:
  """Those of the views that a jaxpr reads at all."""
  used = {v for eqn in jaxpr.eqns for v in eqn.invars
          if not isinstance(v, jex.Literal)}
  return [view for var, view in zip(jaxpr.invars, views, strict=True)
          if var in used]


RULES = {'scan': scan, 'while': while_loop, 'cond': cond}
